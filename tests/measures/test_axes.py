import numpy as np
import pytest

from tests.measures.phantom import (
    ALL_48,
    BOX_GRID,
    about_left,
    about_superior,
    axial_grid,
    gland,
    mirrored,
    reordered,
    turned,
)
from zonate.case import Case
from zonate.geometry import Grid, Volume
from zonate.measures.axes import Gland, GlandAxes, gland_axes
from zonate.measures.gland import Mask
from zonate.measures.measure import measure
from zonate.measures.sector_map import sector_map
from zonate.zones import ALL_ZONE_CODES


def axes_of(labels: Volume) -> GlandAxes:
    return gland_axes(labels.values > 0, labels.grid)


def test_an_upright_gland_has_the_axes_of_the_patient() -> None:
    axes = axes_of(gland(axial_grid()))
    np.testing.assert_allclose(axes.directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=0.01)
    np.testing.assert_allclose(axes.centre_mm, [0, 0, 0], atol=0.1)
    assert (axes.lowest_mm, axes.highest_mm) == pytest.approx((-22.0, 22.0), abs=1.6)
    assert axes.remarks == ()


@pytest.mark.parametrize("degrees", [-15, -7, 4, 12])
def test_a_turned_gland_turns_the_midline(degrees: float) -> None:
    axes = axes_of(gland(axial_grid(), turn=about_superior(degrees)))
    assert axes.roll_deg == pytest.approx(degrees, abs=1)
    np.testing.assert_allclose(axes.directions[2], about_superior(degrees) @ [1, 0, 0], atol=0.02)


@pytest.mark.parametrize("shear", [-0.4, -0.1, 0.25, 0.5])
def test_the_long_axis_runs_through_the_middles_of_the_sections(shear: float) -> None:
    """Sections that move 0.25 mm to the back per mm make a line at atan 0.25 = 14.04°."""
    axes = axes_of(gland(axial_grid(), shear=shear))
    assert axes.tilt_deg == pytest.approx(np.degrees(np.arctan(shear)), abs=0.6)
    assert axes.directions[0] @ axes.directions[1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(axes.directions @ axes.directions.T, np.eye(3), atol=1e-12)


def test_how_the_grid_lies_does_not_matter() -> None:
    """A gland that is as wide as it is deep and long keeps its axes on a grid that is turned by 25°."""
    oblique = axes_of(gland(turned(axial_grid(), about_left(25)), shear=0.25))
    assert oblique.tilt_deg == pytest.approx(14.04, abs=0.6)
    assert oblique.roll_deg == 0


def test_a_round_gland_keeps_the_scanners_axes() -> None:
    grid = axial_grid((1.0, 1.0, 1.0), 50.0)
    points = grid.to_mm(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    ball = np.linalg.norm(points, axis=-1) <= 20
    axes = gland_axes(ball, grid)
    assert axes.roll_deg == 0
    assert axes.tilt_deg == pytest.approx(0, abs=1e-9)
    assert axes.remarks == ()
    assert (axes.lowest_mm, axes.highest_mm) == pytest.approx((-20, 20))  # the outermost centres at 19.5


def test_axes_beyond_belief_are_the_scanners_and_say_so() -> None:
    turned_too_far = axes_of(gland(axial_grid(), turn=about_superior(30)))
    assert turned_too_far.roll_deg == 0
    assert turned_too_far.remarks == ("the gland's midline would be turned by 20° or more: the scanner's is used",)
    leaning = axes_of(gland(axial_grid(side_mm=96), shear=0.9))  # atan 0.9 = 42°
    np.testing.assert_array_equal(leaning.directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert leaning.remarks == (
        "the gland's length would be tilted by 42°, more than 30°: the scanner's superior is used",
    )


def test_a_single_voxel_and_a_single_slice_have_axes() -> None:
    one = np.zeros(BOX_GRID.shape, dtype=np.bool_)
    one[4, 4, 4] = True
    axes = gland_axes(one, BOX_GRID)
    assert (axes.lowest_mm, axes.highest_mm) == (-1.5, 1.5)
    one[4] = True
    assert gland_axes(one, BOX_GRID).tilt_deg == 0


def test_an_empty_gland_has_none() -> None:
    with pytest.raises(ValueError, match="empty gland"):
        gland_axes(np.zeros(BOX_GRID.shape, dtype=np.bool_), BOX_GRID)


def test_of_a_gland_axes_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = gland(axial_grid())
    case = Case("c", labels.with_values(labels.values.astype(np.float32)))
    expected = measure(case, labels, ALL_ZONE_CODES), sector_map(labels, ALL_ZONE_CODES)
    calls: list[Grid] = []

    def counted(mask: Mask, grid: Grid) -> GlandAxes:
        calls.append(grid)
        return gland_axes(mask, grid)

    monkeypatch.setattr("zonate.measures.axes.gland_axes", counted)
    found = Gland.find(labels, ALL_ZONE_CODES)
    measured, sectors = measure(case, labels, ALL_ZONE_CODES, gland=found), sector_map(labels, ALL_ZONE_CODES, found)
    assert len(calls) == 1
    assert expected[1] is not None
    assert sectors is not None
    assert measured == expected[0]
    np.testing.assert_array_equal(sectors.values, expected[1].values)


def test_what_lies_apart_does_not_move_the_axes() -> None:
    labels = gland(axial_grid())
    values = labels.values.copy()
    values[0, 0, 0] = 1
    alone, beside = axes_of(labels), axes_of(labels.with_values(values))
    np.testing.assert_array_equal(alone.centre_mm, beside.centre_mm)
    np.testing.assert_array_equal(alone.directions, beside.directions)


@pytest.mark.parametrize(("order", "signs"), ALL_48[::5])
def test_order_and_direction_of_the_grids_axes_do_not_matter(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    labels = gland(turned(axial_grid((3.0, 1.0, 1.0)), about_left(15)), turn=about_superior(9), left_lobe=True)
    one, other = axes_of(labels), axes_of(reordered(labels, order, signs))
    np.testing.assert_allclose(one.directions, other.directions, atol=1e-9)
    np.testing.assert_allclose(one.centre_mm, other.centre_mm, atol=1e-9)


def test_a_mirror_image_has_mirrored_axes() -> None:
    labels = gland(turned(axial_grid((3.0, 1.0, 1.0)), about_left(15)), turn=about_superior(9), left_lobe=True)
    one, other = axes_of(labels), axes_of(mirrored(labels))
    assert other.roll_deg == -one.roll_deg != 0
    assert other.tilt_deg == pytest.approx(one.tilt_deg)
    np.testing.assert_allclose(other.directions, one.directions * [[-1, 1, 1], [-1, 1, 1], [1, -1, -1]], atol=1e-9)
    np.testing.assert_allclose(other.centre_mm, one.centre_mm * [-1, 1, 1], atol=1e-9)
