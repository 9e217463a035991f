from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.image import imread

from zonate.pictures.contact import CASES_PER_SHEET, ContactRow, draw_contact_sheet
from zonate.pictures.zones import code_colour
from zonate.zones import LabelCode

SHAPE = (8, 128, 128)


def row(code: LabelCode, *doubts: str) -> ContactRow:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:6, 40:90, 40:90] = code
    t2w = np.where(labels > 0, 300, 100).astype(np.float32)
    return ContactRow("case   set, train", doubts, t2w, labels, (3.0, 1.0, 1.0))


def coloured(file: Path, colour: tuple[float, float, float]) -> int:
    """How many pixels of the picture come near a colour."""
    pixels = imread(file)[..., :3]  # (H, W, RGB) from 0 to 1
    return int((np.abs(pixels - np.array(colour)).max(axis=-1) < 0.08).sum())


def test_each_case_has_its_row_and_its_outlines(tmp_path: Path) -> None:
    file = tmp_path / "sheet.png"
    draw_contact_sheet(file, [row(LabelCode.PZ), row(LabelCode.WHOLE_GLAND)], title="two")
    height, width, _ = imread(file).shape
    # 6 slices of 1.75 in and 0.2 in; a headline of 0.5 in, two rows of 1.75 in with 0.52 in, and 0.3 in: 100 pixels/in
    assert (width, height) == (1070, 534)
    for code in (LabelCode.PZ, LabelCode.WHOLE_GLAND):
        assert coloured(file, code_colour(code)) > 200, code.name
    assert coloured(file, code_colour(LabelCode.AFS)) == 0


def test_what_was_found_is_written_in_a_colour_of_its_own(tmp_path: Path) -> None:
    amber = (1.0, 180 / 255, 84 / 255)
    draw_contact_sheet(tmp_path / "good.png", [row(LabelCode.PZ)], title="")
    draw_contact_sheet(tmp_path / "odd.png", [row(LabelCode.PZ, "the gland is odd", "very odd" * 40)], title="")
    assert coloured(tmp_path / "good.png", amber) == 0
    assert coloured(tmp_path / "odd.png", amber) > 20


def test_nothing_drawn_or_nothing_measured_still_has_its_row(tmp_path: Path) -> None:
    nothing = np.full(SHAPE, np.nan, dtype=np.float32)
    unknown = np.full(SHAPE, LabelCode.NOT_ANNOTATED, dtype=np.uint8)
    rows = [ContactRow("case", (), nothing, unknown, (3.0, 1.0, 1.0))] * CASES_PER_SHEET
    draw_contact_sheet(tmp_path / "sheet.png", rows, title="empty")
    assert imread(tmp_path / "sheet.png").shape[0] == 1896  # 0.5 + 8 · 2.27 + 0.3 in


def test_a_dollar_sign_in_a_text_is_no_mathematics(tmp_path: Path) -> None:
    named = replace(row(LabelCode.PZ, r"$\bad$"), title=r"a$\bad$c")
    draw_contact_sheet(tmp_path / "sheet.png", [named], title=r"$\bad$")
    assert (tmp_path / "sheet.png").is_file()
