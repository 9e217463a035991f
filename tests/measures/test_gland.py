import numpy as np
import pytest

from tests.measures.phantom import BOX_GRID, about_left, axial_grid, box, turned
from zonate.measures.gland import gland_mask, label_pieces, largest_piece, positions_mm, voxel_chord_mm
from zonate.zones import ALL_ZONE_CODES, LabelCode


def test_the_gland_is_every_zone_and_nothing_else() -> None:
    values = box(LabelCode.BACKGROUND).values.copy()
    values[0, 0, :7] = [1, 2, 3, 4, 5, 6, 255]
    labels = box(0).with_values(values)
    mask = gland_mask(labels, ALL_ZONE_CODES)
    assert mask is not None
    assert mask[0, 0].tolist() == [True] * 4 + [False] * 4
    coarse = gland_mask(labels, (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND))
    assert coarse is not None
    assert coarse[0, 0].tolist() == [False] * 5 + [True] + [False] * 2


def test_no_gland() -> None:
    assert gland_mask(box(LabelCode.BACKGROUND), ALL_ZONE_CODES) is None
    assert gland_mask(box(LabelCode.PZ), (LabelCode.BACKGROUND, LabelCode.PZ)) is None  # the rest was never drawn


def test_the_largest_piece_touches_itself_at_corners() -> None:
    mask = np.zeros((3, 4, 6), dtype=np.bool_)
    mask[0, 0, :2] = mask[1, 1, 2] = True  # three, by a corner
    mask[2, 3, 4:] = True  # two
    assert np.argwhere(largest_piece(mask)).tolist() == [[0, 0, 0], [0, 0, 1], [1, 1, 2]]


def test_pieces_are_numbered_with_their_sizes() -> None:
    mask = np.zeros((2, 3, 5), dtype=np.bool_)
    mask[0, 0, 0] = mask[1, 1, 1] = True  # they touch at a corner
    mask[0, 2, 4] = True
    numbers, sizes = label_pieces(mask)
    assert sizes.tolist() == [0, 2, 1]
    assert numbers[0, 0, 0] == numbers[1, 1, 1] == 1
    assert numbers[0, 2, 4] == 2
    assert np.array_equal(numbers > 0, mask)
    nothing, none = label_pieces(np.zeros((1, 1, 2), dtype=np.bool_))
    assert not nothing.any()
    assert none.tolist() == [0]


def test_pieces_are_numbered_where_they_lie() -> None:
    mask = np.zeros((4, 6, 7), dtype=np.bool_)
    mask[1, 2, 3] = mask[2, 4, 5] = True
    numbers, sizes = label_pieces(mask)
    assert (numbers[1, 2, 3], numbers[2, 4, 5]) == (1, 2)
    assert np.count_nonzero(numbers) == 2
    assert sizes.tolist() == [0, 1, 1]


def test_pieces_of_one_size_stay_together() -> None:
    mask = np.zeros((1, 1, 5), dtype=np.bool_)
    mask[0, 0, [0, 4]] = True
    np.testing.assert_array_equal(largest_piece(mask), mask)


def test_positions_are_those_of_the_voxels() -> None:
    mask = np.zeros(BOX_GRID.shape, dtype=np.bool_)
    mask[1, 2, 3] = True
    assert positions_mm(mask, BOX_GRID).tolist() == [[8.0, -1.0, 23.0]]


def test_the_line_through_a_voxel() -> None:
    """Along an axis it is the spacing; at 30° it leaves a voxel of 3 × 0.5 mm through its long sides."""
    upright = axial_grid((3.0, 0.5, 0.5))
    up, back = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert voxel_chord_mm(upright, up) == pytest.approx(3.0)
    assert voxel_chord_mm(upright, back) == pytest.approx(0.5)
    oblique = turned(upright, about_left(30))
    assert voxel_chord_mm(oblique, up) == pytest.approx(0.5 / np.sin(np.radians(30)))
    assert voxel_chord_mm(oblique, back) == pytest.approx(0.5 / np.cos(np.radians(30)))
