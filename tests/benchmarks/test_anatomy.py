from pathlib import Path

import numpy as np
import pytest

from benchmarks.anatomy import defects, labels_only, measure
from tests.verbs.standins import coarse, gland
from zonate.io.nifti import write_volume


def test_what_is_put_into_labels_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A box of 7 ml, as wide as deep: warned about as it is, and told by width or share where it lacks a side."""
    write_volume(tmp_path / "box.nii.gz", coarse(gland()))
    measure("Labels alone", labels_only(tmp_path, "0=BACKGROUND;1=PZ;5=CENTRAL_GLAND"))
    printed = capsys.readouterr().out
    assert "| labels | n | refused | warned | passed | width | share | either |" in printed
    assert "| as drawn | 1 | 0 | 1 | 0 | 0 | 0 | 0 |" in printed
    assert "| PZ and central gland swapped | 1 | 1 | 0 | 0 | 0 | 0 | 0 |" in printed
    assert "| one half alone | 2 | 0 | 2 | 0 | 2 | 0 | 2 |" in printed
    assert "| PZ on one side, else inner gland | 2 | 0 | 2 | 0 | 0 | 2 | 2 |" in printed
    assert "| PZ on one side, else nothing | 2 | 0 | 2 | 0 | 0 | 2 | 2 |" in printed


def test_halves_meet_in_the_middle() -> None:
    drawn = [values > 0 for name, values in defects(coarse(gland())) if name == "one half alone"]
    assert [int(half.sum()) for half in drawn] == [6 * 40 * 20] * 2
    assert not np.any(drawn[0] & drawn[1])
