import numpy as np
import numpy.typing as npt
import pytest

from zonate.geometry import Grid, Volume
from zonate.measures.clean_up import clean_up
from zonate.zones import ALL_ZONE_CODES, LabelCode

AFFINE = np.array([[0.0, 0.0, 5.0, 0.0], [0.0, 5.0, 0.0, 0.0], [40.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
GRID = Grid((4, 12, 12), AFFINE)  # voxels of 1 ml, slices along the first axis, which runs to superior


def gland() -> npt.NDArray[np.uint8]:
    """8 × 8 pixels in slices 1 and 2: PZ behind, TZ before."""
    values = np.zeros(GRID.shape, dtype=np.uint8)
    values[1:3, 2:6, 2:10] = LabelCode.TZ
    values[1:3, 6:10, 2:10] = LabelCode.PZ
    return values


def test_nothing_is_touched_unless_asked_for() -> None:
    values = gland()
    values[0, 0, 0] = LabelCode.TZ
    labels = Volume(values, GRID)
    assert clean_up(labels, ALL_ZONE_CODES, "none") == (labels, ())


def test_pieces_apart_from_the_largest_are_removed_and_said() -> None:
    values = gland()
    values[0, 0, 0:2] = LabelCode.TZ
    values[3, 11, 11] = LabelCode.AFS
    cleaned, said = clean_up(Volume(values, GRID), ALL_ZONE_CODES, "largest_component")
    assert np.array_equal(cleaned.values, gland())
    assert said == ("clean-up removed 3.00 ml of the gland in 2 pieces apart from the largest",)
    assert values[3, 11, 11] == LabelCode.AFS  # what was given stays as it was


def test_a_piece_that_touches_at_a_corner_is_not_apart() -> None:
    values = gland()
    values[0, 1, 1] = LabelCode.AFS
    assert clean_up(Volume(values, GRID), ALL_ZONE_CODES, "largest_component")[1] == ()
    values[0, 1, 1], values[0, 0, 0] = LabelCode.BACKGROUND, LabelCode.AFS
    _, said = clean_up(Volume(values, GRID), ALL_ZONE_CODES, "largest_component")
    assert said == ("clean-up removed 1.00 ml of the gland in 1 piece apart from the largest",)


def test_holes_become_what_lies_next_to_them() -> None:
    values = gland()
    values[1, 4, 5] = values[2, 8, 5] = LabelCode.BACKGROUND
    kept, nothing = clean_up(Volume(values, GRID), ALL_ZONE_CODES, "largest_component")
    assert np.array_equal(kept.values, values)
    assert nothing == ()
    filled, said = clean_up(Volume(values, GRID), ALL_ZONE_CODES, "largest_component_and_holes")
    assert np.array_equal(filled.values, gland())
    assert said == ("clean-up filled 2.00 ml of holes in the gland",)


def test_a_bay_is_no_hole() -> None:
    values = gland()
    values[1, 2:5, 5] = LabelCode.BACKGROUND
    cleaned, said = clean_up(Volume(values, GRID), ALL_ZONE_CODES, "largest_component_and_holes")
    assert np.array_equal(cleaned.values, values)
    assert said == ()


@pytest.mark.parametrize("axis", [1, 2])
def test_slices_may_lie_along_any_axis(axis: int) -> None:
    values = gland()
    values[1, 4, 5] = LabelCode.BACKGROUND
    moved = np.moveaxis(values, 0, axis)
    affine = AFFINE.copy()
    affine[:, :3] = AFFINE[:, [1, 0, 2] if axis == 1 else [1, 2, 0]]  # where the axes have gone
    grid = Grid((moved.shape[0], moved.shape[1], moved.shape[2]), affine)
    cleaned, _ = clean_up(Volume(moved, grid), ALL_ZONE_CODES, "largest_component_and_holes")
    assert np.array_equal(cleaned.values, np.moveaxis(gland(), 0, axis))


@pytest.mark.parametrize("thinner", [0, 1, 2])
def test_on_voxels_of_equal_sides_too_holes_are_those_of_transverse_slices(thinner: int) -> None:
    """However the last bit of the spacing falls: a tunnel from front to back is open in a transverse slice."""
    affine = np.diag([10.0, 10.0, 10.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, thinner] *= 1 - 1e-12
    values = np.zeros((5, 5, 5), dtype=np.uint8)
    values[1:4] = LabelCode.TZ
    values[2, 2, 2] = LabelCode.BACKGROUND
    values[2, :, 3] = LabelCode.BACKGROUND
    filled, _ = clean_up(Volume(values, Grid((5, 5, 5), affine)), ALL_ZONE_CODES, "largest_component_and_holes")
    assert np.array_equal(filled.values, values)  # the hole opens into the tunnel
    values[2, :, 3] = LabelCode.TZ
    filled, said = clean_up(Volume(values, Grid((5, 5, 5), affine)), ALL_ZONE_CODES, "largest_component_and_holes")
    assert filled.values[2, 2, 2] == LabelCode.TZ
    assert said == ("clean-up filled 1.00 ml of holes in the gland",)


def test_no_gland_is_left_alone() -> None:
    empty = Volume(np.zeros(GRID.shape, dtype=np.uint8), GRID)
    assert clean_up(empty, ALL_ZONE_CODES, "largest_component_and_holes") == (empty, ())
