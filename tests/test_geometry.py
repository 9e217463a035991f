from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from zonate.errors import GeometryError
from zonate.geometry import Crop, Grid, Volume, at_right_angles, box_about, from_canonical, skew_mm, to_canonical

CANONICAL_AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])  # columns: S up, H back, W left
ALL_48 = [(order, signs) for order in permutations(range(3)) for signs in product((1.0, -1.0), repeat=3)]


def canonical_grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = CANONICAL_AXES * np.array(spacing_mm)
    return Grid(shape, affine)


def oblique_grid(order: tuple[int, ...], signs: tuple[float, ...], degrees: tuple[float, float, float]) -> Grid:
    """A 3×4×5 grid of unequal spacing whose axes are permuted, flipped and turned by less than 30°."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = (turn @ CANONICAL_AXES)[:, list(order)] * np.array(signs) * np.array([3.0, 0.5, 0.7])
    affine[:3, 3] = (-12.5, 30.25, 7.0)
    return Grid((3, 4, 5), affine)


def test_a_grid_takes_an_index_to_lps_millimetres() -> None:
    grid = canonical_grid((2, 3, 4), (3.0, 0.5, 0.25))
    assert grid.spacing_mm == (3.0, 0.5, 0.25)
    assert grid.to_mm((1, 2, 4)).tolist() == [1.0, 1.0, 3.0]  # 4·0.25 to the left, 2·0.5 back, 1·3 up
    assert grid.to_index((1.0, 1.0, 3.0)).tolist() == [1.0, 2.0, 4.0]
    assert grid.voxel_volume_ml == pytest.approx(0.000375)
    assert grid.centre_mm.tolist() == [0.375, 0.5, 1.5]
    assert grid.corners_mm().shape == (8, 3)
    np.testing.assert_array_equal(grid.direction, CANONICAL_AXES)


def test_a_grid_is_refused_where_it_is_none() -> None:
    with pytest.raises(GeometryError, match="at least one voxel"):
        Grid((0, 2, 2), np.eye(4))
    with pytest.raises(GeometryError, match="invertible"):
        Grid((2, 2, 2), np.zeros((4, 4)))
    with pytest.raises(GeometryError, match="invertible"):
        Grid((2, 2, 2), np.full((4, 4), np.nan))
    with pytest.raises(GeometryError, match="do not fit"):
        Volume(np.zeros((2, 2, 3)), Grid((2, 2, 2), np.eye(4)))


def test_a_grid_keeps_its_own_affine() -> None:
    affine = np.eye(4)
    grid = Grid((2, 2, 2), affine)
    affine[0, 0] = 9
    assert grid.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 9


def test_grids_are_the_same_within_a_micrometre_at_every_corner() -> None:
    grid = Grid((2, 2, 101), np.eye(4))
    shifted, stretched = np.eye(4), np.eye(4)
    shifted[0, 3] = 0.0009
    stretched[0, 2] = 0.00002  # 0.002 mm off at the hundredth pixel
    assert grid.same_as(Grid((2, 2, 101), shifted))
    assert not grid.same_as(Grid((2, 2, 101), stretched))
    assert not grid.same_as(Grid((2, 2, 100), np.eye(4)))


def test_an_unknown_frame_of_reference_fits_every_other() -> None:
    unknown, one, two = (Grid((1, 1, 1), np.eye(4), uid) for uid in (None, "1.2", "1.3"))
    assert unknown.same_frame_as(one)
    assert one.same_frame_as(unknown)
    assert one.same_frame_as(one)
    assert not one.same_frame_as(two)


@pytest.mark.parametrize(("order", "signs"), ALL_48)
def test_canonical_order_and_back_is_exact_for_every_flip_and_permutation(
    order: tuple[int, ...], signs: tuple[float, ...]
) -> None:
    grid = oblique_grid(order, signs, (8.0, -13.0, 21.0))
    values = np.arange(60).reshape(3, 4, 5)
    canonical = to_canonical(Volume(values, grid))
    np.testing.assert_array_equal(from_canonical(canonical.values, grid), values)
    cosines = CANONICAL_AXES.T @ canonical.grid.direction
    assert (np.diag(cosines) > 0.85).all()  # S up, H back, W left, each but for the turn
    for index in product(range(3), range(4), range(5)):  # every voxel stays where it was in the patient
        place = canonical.grid.to_index(grid.to_mm(index))
        assert canonical.values[tuple(np.rint(place).astype(int))] == values[index]
        np.testing.assert_allclose(place, np.rint(place), atol=1e-9)


@given(
    st.sampled_from(ALL_48),
    st.tuples(*[st.floats(-17, 17)] * 3),
    st.integers(0, 3),
)
def test_canonical_order_and_back_is_exact_when_oblique(
    flips: tuple[tuple[int, ...], tuple[float, ...]], degrees: tuple[float, float, float], leading: int
) -> None:
    grid = oblique_grid(*flips, degrees)
    values = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    canonical = to_canonical(Volume(values, grid))
    stacked = np.stack([canonical.values] * 2) if leading else canonical.values
    restored = from_canonical(stacked, grid)
    np.testing.assert_array_equal(restored, np.stack([values] * 2) if leading else values)
    assert to_canonical(canonical).grid.same_as(canonical.grid)  # canonical is a fixed point
    assert canonical.grid.voxel_volume_ml == pytest.approx(grid.voxel_volume_ml)


def test_two_axes_towards_one_direction_are_refused() -> None:
    affine = np.eye(4)
    affine[:3, :3] = [[0.6, 0.1, 0.55], [0.8, 0, 0.1], [0, 1, 0.8]]  # S leads most to the left and to the back
    with pytest.raises(GeometryError, match="same direction"):
        to_canonical(Volume(np.zeros((2, 2, 2)), Grid((2, 2, 2), affine)))


def test_a_crop_at_equal_spacing_copies_pixels_and_keeps_their_place() -> None:
    source = canonical_grid((2, 8, 10), (3.0, 0.5, 0.5))
    values = np.arange(160, dtype=np.float32).reshape(2, 8, 10)
    crop = Crop(source, 4, 0.5)
    assert crop.grid.shape == (2, 4, 4)
    np.testing.assert_array_equal(crop.image(values), values[:, 2:6, 3:7])
    assert crop.grid.to_mm((1, 0, 0)).tolist() == source.to_mm((1, 2, 3)).tolist()


def test_a_crop_larger_than_its_source_marks_what_lies_outside() -> None:
    source = canonical_grid((1, 2, 2), (3.0, 0.5, 0.5))
    crop = Crop(source, 4, 0.5)
    image = crop.image(np.array([[[1, 2], [3, 4]]]))
    np.testing.assert_array_equal(image[0, 1:3, 1:3], [[1, 2], [3, 4]])
    assert np.isnan(image).sum() == 12
    labels = crop.labels(np.array([[[1, 2], [3, 4]]], dtype=np.uint8), outside=255)
    assert labels.tolist() == [[[255] * 4, [255, 1, 2, 255], [255, 3, 4, 255], [255] * 4]]


def test_a_crop_at_another_spacing_is_linear_in_plane() -> None:
    source = canonical_grid((1, 2, 4), (3.0, 1.0, 1.0))
    crop = Crop(source, 4, 0.5)  # columns at 0.75, 1.25, 1.75, 2.25 of the source
    image = crop.image(np.array([[[0, 10, 20, 30], [0, 10, 20, 30]]]))
    np.testing.assert_allclose(image[0, 0], [7.5, 12.5, 17.5, 22.5])
    assert crop.grid.spacing_mm == (3.0, 0.5, 0.5)
    assert crop.grid.to_mm((0, 0, 0)).tolist() == [0.75, -0.25, 0.0]


def test_a_crop_at_a_coarser_spacing_covers_more() -> None:
    source = canonical_grid((1, 8, 8), (3.0, 0.25, 0.25))
    crop = Crop(source, 4, 0.5)
    np.testing.assert_allclose(crop.grid.centre_mm, source.centre_mm)
    np.testing.assert_allclose(crop.image(np.ones((1, 8, 8))), 1.0)


@given(
    st.integers(5, 40),
    st.integers(5, 40),
    st.integers(4, 48),
)
def test_crop_and_back_is_exact_at_equal_spacing(rows: int, columns: int, size: int) -> None:
    source = canonical_grid((2, rows, columns), (3.0, 0.5, 0.5))
    values = np.random.default_rng(1).normal(size=source.shape).astype(np.float32)
    crop = Crop(source, size, 0.5)
    restored = crop.restore(np.nan_to_num(crop.image(values), nan=-9.0), outside=77.0)
    kept = restored != 77.0
    np.testing.assert_array_equal(restored[kept], values[kept])
    assert kept.sum() == 2 * min(rows, size) * min(columns, size)


@given(st.floats(0.3, 0.9), st.floats(-20, 20))
def test_crop_and_back_keeps_a_smooth_image_at_another_spacing(spacing_mm: float, degrees: float) -> None:
    grid = canonical_grid((1, 64, 64), (3.0, spacing_mm, spacing_mm))
    affine = grid.affine.copy()
    affine[:3, :3] = Rotation.from_euler("x", degrees, degrees=True).as_matrix() @ affine[:3, :3]
    source = Grid(grid.shape, affine)
    row, column = np.meshgrid(np.arange(64) * spacing_mm, np.arange(64) * spacing_mm, indexing="ij")
    values = (100 * np.sin(row / 8) * np.cos(column / 8))[None].astype(np.float32)
    crop = Crop(source, 256, 0.5)  # 128 mm: covers the source
    restored = crop.restore(np.nan_to_num(crop.image(values)), outside=0.0)
    # Linear interpolation errs by h²/8 of the second derivative (100/64 a mm² a direction), each way: 0.9² and 0.5².
    inner = (slice(None), slice(3, -3), slice(3, -3))
    assert np.abs(restored - values)[inner].max() < 2 * (100 / 64) * (0.9**2 + 0.5**2) / 8 + 0.1


@given(st.floats(0.2, 1.2), st.integers(10, 50), st.integers(10, 50))
def test_the_crop_grid_says_where_each_pixel_lies(spacing_mm: float, rows: int, columns: int) -> None:
    source = oblique_grid((0, 1, 2), (1, 1, 1), (5.0, -9.0, 3.0))
    affine = source.affine.copy()
    affine[:3, 1:3] *= np.array([spacing_mm / 0.5, spacing_mm / 0.7])
    source = Grid((2, rows, columns), affine)
    crop = Crop(source, 16, 0.5)
    index_of = [np.stack(np.meshgrid(*map(np.arange, g.shape), indexing="ij"), axis=-1) for g in (source, crop.grid)]
    expected = crop.grid.to_mm(index_of[1])
    index = source.to_index(expected)[..., 1:]
    inside = ((index > 0) & (index < np.array(source.shape[1:]) - 1)).all(axis=-1)
    for axis in range(3):  # an image of the patient's own coordinate shows the coordinate of each cropped pixel
        cropped = crop.image(source.to_mm(index_of[0])[..., axis])
        np.testing.assert_allclose(cropped[inside], expected[..., axis][inside], atol=1e-4)


@given(st.floats(0.2, 1.5), st.integers(0, 2**32 - 1))
def test_label_codes_are_never_interpolated(spacing_mm: float, seed: int) -> None:
    source = canonical_grid((2, 30, 33), (3.0, spacing_mm, spacing_mm * 0.9))
    values = np.random.default_rng(seed).choice([1, 3, 6, 255], size=source.shape).astype(np.uint8)
    cut = Crop(source, 20, 0.5).labels(values, outside=0)
    assert cut.dtype == np.uint8
    assert set(np.unique(cut)) <= {0, 1, 3, 6, 255}


def halved(codes: list[list[int]], spacing_mm: float = 0.25) -> list[list[int]]:
    """A slice of even sides at twice the pixel: each sample lies where four pixels meet."""
    values = np.array([codes], dtype=np.uint8)
    source = canonical_grid((1, *values.shape[1:]), (3.0, spacing_mm, spacing_mm))
    cut: list[list[int]] = Crop(source, values.shape[1] // 2, 0.5).labels(values, outside=9)[0].tolist()
    return cut


def test_where_four_pixels_meet_the_code_of_most_is_taken() -> None:
    four = [[1, 1, 2, 2], [1, 3, 3, 2], [5, 2, 255, 4], [2, 6, 1, 255]]
    assert halved(four) == [[1, 2], [2, 255]]
    # Two against two: the upper left one and the lower right one in turn, as on a chessboard.
    assert halved([[1, 2, 1, 2], [1, 2, 1, 2], [1, 2, 3, 3], [1, 2, 4, 4]]) == [[1, 2], [2, 3]]
    assert halved([[1, 2, 1, 2], [3, 4, 3, 4], [1, 2, 1, 2], [3, 4, 3, 4]]) == [[1, 4], [4, 1]]
    for spacing_mm in (0.25 * (1 + 1e-7), 0.25 * (1 - 1e-7)):  # as a file's header rounds it
        assert halved(four, spacing_mm) == [[1, 2], [2, 255]]


def test_labels_of_halved_pixels_lie_where_the_image_does() -> None:
    """A disc of 25 mm at 0.375 mm: centred at 127.5 pixels of 0.75 mm, and of 1964 mm², as the linear image has it."""
    source = canonical_grid((1, 640, 640), (3.0, 0.375, 0.375))
    place = (np.arange(640) - 319.5) * 0.375
    disc = (place[:, None] ** 2 + place**2 <= 25**2)[None]
    labels = Crop(source, 256, 0.75).labels(disc.astype(np.uint8), outside=255)[0] == 1
    rows, columns = np.nonzero(labels)
    assert (rows.mean(), columns.mean()) == pytest.approx((127.5, 127.5), abs=0.01)
    assert labels.sum() * 0.75**2 == pytest.approx(np.pi * 25**2, rel=0.002)
    # Seen from behind, the same.
    mirrored = Crop(source, 256, 0.75).labels(disc.astype(np.uint8)[:, ::-1, ::-1], outside=255)[0] == 1
    assert (mirrored == labels).mean() > 0.999


def test_where_two_pixels_meet_along_one_axis_neither_side_is_preferred() -> None:
    source = canonical_grid((1, 9, 8), (3.0, 0.25, 0.25))  # rows are hit, columns meet
    values = np.repeat(np.arange(1, 9, dtype=np.uint8)[None], 9, axis=0)[None]
    assert Crop(source, 3, 0.5).labels(values, outside=0).shape == (1, 3, 3)
    cut = Crop(canonical_grid((1, 7, 8), (3.0, 0.25, 0.25)), 4, 0.5).labels(values[:, :7], outside=0)[0]
    assert cut.tolist() == [[1, 4, 5, 8], [2, 3, 6, 7], [1, 4, 5, 8], [2, 3, 6, 7]]


@given(st.integers(20, 33), st.integers(20, 33), st.sampled_from([0.3, 0.35, 0.43, 0.5, 0.7, 0.9]))
def test_labels_are_those_of_the_nearest_pixel_where_there_is_one(rows: int, columns: int, spacing_mm: float) -> None:
    source = canonical_grid((2, rows, columns), (3.0, spacing_mm, spacing_mm))
    values = np.random.default_rng(5).integers(0, 7, size=source.shape).astype(np.uint8)
    crop = Crop(source, 16, 0.5)
    cut = crop.labels(values, outside=255)
    index = source.to_index(crop.grid.to_mm(np.stack(np.meshgrid(*map(np.arange, cut.shape), indexing="ij"), axis=-1)))
    inside = ((index > -0.49) & (index < np.array(source.shape) - 0.51)).all(axis=-1)
    single = inside & (np.abs(index - np.floor(index) - 0.5) > 2e-3).all(axis=-1)
    s, h, w = np.rint(index[single]).astype(int).T
    np.testing.assert_array_equal(cut[single], values[s, h, w])


def test_nan_spreads_to_its_neighbours_only() -> None:
    source = canonical_grid((1, 16, 16), (3.0, 1.0, 1.0))
    values = np.ones((1, 16, 16), dtype=np.float32)
    values[0, 8, 8] = np.nan
    image = Crop(source, 16, 0.5).image(values)
    rows = np.where(np.isnan(image[0]).any(axis=1))[0]
    assert 3 <= len(rows) <= 4  # those less than one source pixel away
    assert np.isfinite(image).sum() >= 16 * 16 - 16


def test_the_box_about_a_mask_is_the_least_one() -> None:
    mask = np.zeros((3, 5, 6), dtype=np.bool_)
    assert box_about(mask) == (slice(0, 0), slice(0, 0), slice(0, 0))
    mask[1, 2, 3] = mask[1, 4, 0] = True
    assert box_about(mask) == (slice(1, 2), slice(2, 5), slice(0, 4))
    assert box_about(mask[1]) == (slice(2, 5), slice(0, 4))


def test_axes_are_brought_to_right_angles_about_the_first_voxel() -> None:
    """0.1 mm aside a slice, and rows that miss 90° to the columns by 0.02 rad."""
    affine = np.eye(4)
    affine[:3, 0] = (0.1, 0.0, 3.0)
    affine[:3, 1] = (0.5 * np.sin(0.02), 0.5 * np.cos(0.02), 0.0)
    affine[:3, 2] = (0.4, 0.0, 0.0)
    affine[:3, 3] = (5.0, 6.0, 7.0)
    grid = Grid((4, 10, 20), affine, "1.2")
    squared = at_right_angles(grid)
    half = [np.sin(0.01), np.cos(0.01)]
    np.testing.assert_allclose(squared.affine[:3, 0], (0, 0, 3.0), atol=1e-12)
    np.testing.assert_allclose(squared.affine[:3, 1], (0.5 * half[0], 0.5 * half[1], 0), atol=1e-12)
    np.testing.assert_allclose(squared.affine[:3, 2], (0.4 * half[1], -0.4 * half[0], 0), atol=1e-12)
    np.testing.assert_allclose(squared.affine[:3, 3], (5.0, 6.0, 7.0))
    assert squared.frame_of_reference == "1.2"
    assert skew_mm(grid) == pytest.approx(np.hypot(0.3 + 9 * 0.005, 19 * 0.004), rel=1e-3)
    assert at_right_angles(squared) is squared
