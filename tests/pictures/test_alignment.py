from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from matplotlib.image import imread

from tests.alignment.phantom import acquisition
from zonate.alignment import Alignment, align_to_t2w
from zonate.alignment.field import displacement_mm
from zonate.case import NO_ALIGNMENT, AlignmentRecord
from zonate.pictures.alignment import draw_alignment
from zonate.settings.data import AlignmentSettings
from zonate.study import Acquisition

HEADER = AlignmentSettings(method="header", region_mm=60)


@pytest.mark.parametrize("kind", ["moved", "header", "given", "alone", "unusable", "dwi only"])
def test_every_outcome_has_a_picture(tmp_path: Path, kind: str) -> None:
    pair = acquisition()
    t2w = pair.t2w
    if kind == "given":
        pair = Acquisition("case", t2w, adc=t2w)
    if kind == "alone":
        pair = Acquisition("case", t2w)
    if kind == "unusable":
        pair = acquisition(frame="9.9")
    if kind == "dwi only":
        pair = Acquisition("case", t2w, dwi=pair.dwi)
    alignment = align_to_t2w(pair, HEADER)
    if kind == "moved":
        figures = {
            "mean_displacement_mm": 3.0,
            "max_displacement_mm": 3.0,
            "minimum_jacobian": 1.0,
            "maximum_jacobian": 1.1,
        }
        record = AlignmentRecord("rigid", "a test", "DWI b 50", {"header": 1.1, "rigid": 1.2}, figures, 0.0)
        field = displacement_mm(sitk.TranslationTransform(3, (3.0, 0.0, 0.0)), t2w.grid)
        alignment = Alignment(alignment.dwi, alignment.adc, record, {}, field)
    draw_alignment(tmp_path / "alignment.png", pair, alignment, HEADER)
    rows = {"moved": 5, "alone": 1}.get(kind, 2)
    height = imread(tmp_path / "alignment.png").shape[0]
    assert height == pytest.approx(110 * (rows * 2.7 + 1.5), abs=2)
    if kind == "alone":
        assert alignment.record == NO_ALIGNMENT


def test_a_volume_that_was_measured_nowhere_does_not_stop_the_picture(tmp_path: Path) -> None:
    pair = acquisition()
    t2w = pair.t2w
    empty = Acquisition("case", t2w, dwi=t2w.with_values(np.full_like(t2w.values, np.nan)))
    draw_alignment(tmp_path / "alignment.png", empty, align_to_t2w(empty, HEADER), HEADER)
    assert (tmp_path / "alignment.png").is_file()


def test_a_dollar_sign_in_a_case_id_is_no_mathematics(tmp_path: Path) -> None:
    alone = Acquisition(r"a$\bad$c", acquisition().t2w)
    draw_alignment(tmp_path / "alignment.png", alone, align_to_t2w(alone, HEADER), HEADER)
    assert (tmp_path / "alignment.png").is_file()
