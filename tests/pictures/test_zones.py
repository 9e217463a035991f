from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from tests.verbs.standins import AFFINE, GRID, SHAPE, gland, t2w
from zonate.geometry import Grid, Volume
from zonate.pictures import zones as picture
from zonate.pictures.zones import Reading, code_colour, draw_zones
from zonate.zones import LabelCode, code_name


def test_each_zone_is_drawn_in_its_colour(tmp_path: Path) -> None:
    file = tmp_path / "zones.png"
    draw_zones(file, t2w(), [Reading("", gland())], title="one", legend=[])
    pixels = imread(file)[..., :3]  # (H, W, RGB) from 0 to 1
    for code in (LabelCode.PZ, LabelCode.TZ, LabelCode.DPU, LabelCode.AFS):
        distance = np.abs(pixels - np.array(code_colour(code))).max(axis=-1)
        assert (distance < 0.08).sum() > 20, code.name


def test_an_empty_segmentation_still_shows_the_slices(tmp_path: Path) -> None:
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), GRID)
    draw_zones(tmp_path / "zones.png", t2w(), [Reading("", empty)], title="one", legend=[])
    assert (tmp_path / "zones.png").stat().st_size > 5000


def test_a_volume_without_a_measured_pixel_can_be_drawn(tmp_path: Path) -> None:
    nothing = Volume(np.full(SHAPE, np.nan, dtype=np.float32), GRID)
    draw_zones(tmp_path / "zones.png", nothing, [Reading("", gland())], title="one", legend=[])
    assert (tmp_path / "zones.png").is_file()


@pytest.mark.parametrize(
    ("holding", "expected"),
    [
        (range(2, 6), []),  # all four
        (range(1, 9), ["shown are 4 of the 8 slices in which zones are drawn: 2, 4, 7, 9"]),
        ([], ["shown are 4 of 10 slices, none with a zone: 4, 5, 6, 7"]),
    ],
)
def test_slices_that_are_left_out_are_told(
    holding: list[int], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_a, **_n: said.extend(text.get_text() for text in self.texts))
    grid = Grid((10, 20, 20), AFFINE)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[list(holding), 8:12, 8:12] = LabelCode.PZ
    image = Volume(np.zeros(grid.shape, dtype=np.float32), grid)
    readings = [Reading("", Volume(labels, grid))]
    draw_zones(tmp_path / "zones.png", image, readings, title="one", lines=["unet"], legend=[], slices=4)
    assert said[said.index("unet") + 1 :] == expected


@pytest.mark.parametrize(
    ("holding", "n", "expected"),
    [
        (range(3, 7), 12, [3, 4, 5, 6]),
        (range(20), 5, [0, 5, 10, 14, 19]),  # the middle ones rounded to even
        ([], 4, [8, 9, 10, 11]),
    ],
)
def test_the_slices_run_evenly_through_the_gland(holding: list[int], n: int, expected: list[int]) -> None:
    drawn = np.zeros((20, 2, 2), dtype=np.bool_)
    drawn[list(holding)] = True
    assert picture.key_slices(drawn, n) == expected


def test_the_window_is_square_in_millimetres_about_the_gland() -> None:
    drawn = np.zeros((2, 400, 400), dtype=np.bool_)
    drawn[:, 180:220, 150:250] = True  # 20 × 50 mm, with a margin of 15 mm on each side: 80 mm
    rows, columns = picture.window_about(drawn, (3.0, 0.5, 0.5))
    assert (rows.start, rows.stop, columns.start, columns.stop) == (120, 281, 120, 281)


def test_coarse_codes_have_a_colour_and_a_name() -> None:
    assert code_colour(LabelCode.WHOLE_GLAND) == pytest.approx((0, 158 / 255, 115 / 255))
    assert (code_name(LabelCode.CENTRAL_GLAND), code_name(LabelCode.PZ)) == ("central gland", "peripheral zone")


def test_a_dollar_sign_in_a_title_or_line_is_no_mathematics(tmp_path: Path) -> None:
    r"""`$\bad$` would be an error of matplotlib's mathematics."""
    draw_zones(tmp_path / "zones.png", t2w(), [Reading("", gland())], title=r"a$\bad$c", lines=[r"$\bad$"], legend=[])
    assert (tmp_path / "zones.png").is_file()
