"""qc.png: what a person judges a segmentation by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from tests.verbs.standins import SLICING, StandInModel, gland, t2w
from zonate.case import Case
from zonate.pictures import qc
from zonate.pictures.qc import draw_qc
from zonate.preprocessing.slices import slice_case
from zonate.zones import LabelCode

ALARM = np.array([255, 123, 114])


def alarming_pixels(file: Path, doubt: str) -> int:
    """How many pixels of the first 90 rows, where the header stands, have the colour of the alarm."""
    case = Case("one", t2w())
    zones = StandInModel(lambda _slices: gland()).segment(slice_case(case, SLICING))
    zones = replace(zones, doubt=doubt)
    draw_qc(file, case, zones, known=(True, False, False), model_name="unet", warnings=["ADC is absent"])
    header = np.rint(imread(file)[:90, :, :3] * 255)  # (90, W, RGB)
    return int((np.abs(header - ALARM).max(axis=2) <= 2).sum())


def test_a_doubt_stands_in_the_picture_in_red(tmp_path: Path) -> None:
    assert alarming_pixels(tmp_path / "sound.png", "") == 0
    assert alarming_pixels(tmp_path / "doubtful.png", "the gland is expected to agree by a Dice of 0.61 only") > 200


def test_the_legend_says_what_is_not_validated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[list[tuple[LabelCode, str]], list[str]]] = []

    def draw_zones(*_given: object, legend: list[tuple[LabelCode, str]], lines: list[str], **_named: object) -> None:
        drawn.append((legend, lines[1:]))

    monkeypatch.setattr(qc, "draw_zones", draw_zones)
    case = Case("one", t2w())
    zones = StandInModel(lambda _slices: gland()).segment(slice_case(case, SLICING))
    zones = replace(zones, not_validated=("DPU", "AFS"))
    draw_qc(tmp_path / "qc.png", case, zones, known=(True, False, False), model_name="unet", warnings=[])
    legend = [
        (LabelCode.PZ, "peripheral zone 2.9 ml"),
        (LabelCode.TZ, "transition zone 3.5 ml"),
        (LabelCode.DPU, "distal prostatic urethra 0.1 ml *"),
        (LabelCode.AFS, "anterior fibromuscular stroma 0.7 ml *"),
    ]
    assert drawn == [(legend, ["* not validated: too few patients showed how well they are found"])]
