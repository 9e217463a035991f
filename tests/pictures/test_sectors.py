from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from tests.verbs.standins import GRID, SHAPE, gland, t2w
from zonate.geometry import Volume
from zonate.measures.sector_map import sector_map
from zonate.pictures.sectors import draw_sector_map, draw_sectors
from zonate.sectors import SECTORS
from zonate.zones import ALL_ZONE_CODES


def sectors() -> Volume:
    found = sector_map(gland(), ALL_ZONE_CODES)
    assert found is not None
    return found


def test_each_sector_is_bordered_in_its_colour(tmp_path: Path) -> None:
    draw_sector_map(tmp_path / "sectors.png", t2w(), sectors(), title="one")
    pixels = imread(tmp_path / "sectors.png")[..., :3]
    for number in np.unique(sectors().values)[1:]:
        distance = np.abs(pixels - np.array(SECTORS[number - 1].colour_rgb) / 255).max(axis=-1)
        assert (distance < 0.1).sum() > 10, SECTORS[number - 1].abbreviation


def test_sectors_are_named_on_the_side_where_they_lie() -> None:
    """The patient's left is on the right of the picture."""
    axis = Figure().subplots()
    axial = sectors().values[4]
    draw_sectors(axis, t2w().values[4], axial, (0.5, 0.5), (0.0, 200.0))
    columns: dict[str, list[float]] = {}
    for text in axis.texts:
        columns.setdefault(text.get_text(), []).append(text.get_position()[0])
    assert set(columns) == {"PZpl", "PZpm", "TZa"}  # the posterior TZ and the AFS are stripes of 2 mm
    right_lateral, left_lateral = sorted(columns["PZpl"])
    right_medial, left_medial = sorted(columns["PZpm"])
    assert right_lateral < right_medial < 39.5 < left_medial < left_lateral
    left = {s.number for s in SECTORS if s.side == "left"}
    assert set(np.unique(axial[:, 45:])) - {0} <= left


def test_a_map_without_sectors_still_shows_the_slices(tmp_path: Path) -> None:
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), GRID)
    draw_sector_map(tmp_path / "sectors.png", t2w(), empty, title="one", lines=("a line",))
    assert (tmp_path / "sectors.png").stat().st_size > 5000


@pytest.mark.parametrize("shape", [(1, 72, 80), (2, 72, 80)])
def test_few_slices_fit(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    grid = type(GRID)(shape, GRID.affine)
    values = sectors().values[3 : 3 + shape[0]]
    draw_sector_map(tmp_path / "sectors.png", Volume(t2w().values[: shape[0]], grid), Volume(values, grid), title="one")
    assert (tmp_path / "sectors.png").is_file()


def test_a_dollar_sign_in_a_title_or_line_is_no_mathematics(tmp_path: Path) -> None:
    draw_sector_map(tmp_path / "sectors.png", t2w(), sectors(), title=r"a$\bad$c", lines=(r"$\bad$",))
    assert (tmp_path / "sectors.png").is_file()
