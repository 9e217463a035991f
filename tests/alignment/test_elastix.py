from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import acquisition, rigid, shorten
from zonate.alignment.elastix import parameter_text, register
from zonate.alignment.region import gland_region
from zonate.errors import AlignmentError

TRUTH = rigid(4.0, (3.0, -2.0, 1.5))


def error_mm(found: sitk.Transform, truth: sitk.Transform) -> float:
    """The largest error at points up to 20 mm from the middle."""
    points = [(5 + x, -7 + y, 20 + z) for x in (-20, 0, 20) for y in (-20, 0, 20) for z in (-12, 0, 12)]
    return max(float(np.linalg.norm(np.subtract(found.TransformPoint(p), truth.TransformPoint(p)))) for p in points)


def test_a_known_movement_is_found_with_its_sign_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shorten(monkeypatch)
    pair = acquisition(TRUTH)
    assert pair.lowest_b is not None
    region = gland_region(pair.t2w.grid, 60.0)
    found = register(pair.t2w, pair.lowest_b, region, "rigid")
    assert error_mm(found, TRUTH) < 0.5
    again = register(pair.t2w, pair.lowest_b, region, "rigid")
    assert found.GetParameters() == again.GetParameters()
    # Starting from the truth there is nothing left to find: the start is applied in the right direction.
    bent = register(pair.t2w, pair.lowest_b, region, "bspline", TRUTH)
    assert error_mm(bent, TRUTH) < 1.0
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().out == ""


def test_elastix_failing_is_an_alignment_error() -> None:
    pair = acquisition()
    assert pair.lowest_b is not None
    nowhere = np.zeros(pair.t2w.grid.shape, dtype=np.bool_)
    with pytest.raises(AlignmentError, match="rigid stage failed"):
        register(pair.t2w, pair.lowest_b, nowhere, "rigid")


@pytest.mark.parametrize("stage", ["rigid", "bspline"])
def test_the_maps_explain_themselves(stage: str) -> None:
    text = parameter_text(stage)  # type: ignore[arg-type]
    assert "(RandomSeed" in text
    assert sum(line.startswith("//") for line in text.splitlines()) >= 5
