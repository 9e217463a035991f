import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from zonate.case import Case
from zonate.geometry import Crop, Grid, Volume
from zonate.preprocessing.slices import beside_neighbours, neighbour_places, restore_slices, slice_case, slice_labelled
from zonate.settings.data import SlicingSettings
from zonate.zones import LabelCode

CANONICAL_AXES = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])


def volume(values: np.ndarray, spacing_mm: tuple[float, float, float] = (3.0, 0.5, 0.5), flip: int = 1) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = CANONICAL_AXES * np.array(spacing_mm) * np.array([flip, 1, 1])
    s, h, w = values.shape
    return Volume(values, Grid((s, h, w), affine))


def test_channels_are_t2w_dwi_adc_and_what_is_absent_is_nan() -> None:
    t2w = volume(np.full((2, 6, 6), 7.0, dtype=np.float32))
    adc = volume(np.full((2, 6, 6), 1200.0, dtype=np.float32))
    slices = slice_case(Case("a", t2w, adc=adc), SlicingSettings(size_px=4))
    assert slices.images.shape == (2, 3, 4, 4)
    assert slices.images.dtype == np.float32
    assert (slices.images[:, 0] == 7.0).all()
    assert np.isnan(slices.images[:, 1]).all()
    assert (slices.images[:, 2] == 1200.0).all()
    assert slices.channels_present == (True, False, True)
    assert slices.crop.grid.spacing_mm == (3.0, 0.5, 0.5)  # slices stay as thick as they are


def test_slices_run_from_inferior_to_superior() -> None:
    values = np.stack([np.full((4, 4), 1.0), np.full((4, 4), 2.0)]).astype(np.float32)
    slices = slice_case(Case("a", volume(values, flip=-1)), SlicingSettings(size_px=4))
    assert slices.images[:, 0, 0, 0].tolist() == [2.0, 1.0]


def test_labels_outside_the_source_are_not_annotated() -> None:
    t2w = volume(np.zeros((1, 2, 2), dtype=np.float32))
    labels = t2w.with_values(np.array([[[0, 1], [5, 6]]], dtype=np.uint8))
    slices = slice_labelled(Case("a", t2w), labels, SlicingSettings(size_px=4))
    assert np.array_equal(slices.images, slice_case(Case("a", t2w), SlicingSettings(size_px=4)).images, equal_nan=True)
    assert slices.labels.dtype == np.uint8
    assert slices.labels[0, 1:3, 1:3].tolist() == [[0, 1], [5, 6]]
    assert (slices.labels == LabelCode.NOT_ANNOTATED).sum() == 12


@given(
    st.permutations([0, 1, 2]),
    st.tuples(*[st.sampled_from([1.0, -1.0])] * 3),
    st.tuples(*[st.floats(-17, 17)] * 3),
)
def test_a_map_goes_back_onto_the_original_grid(
    order: list[int], signs: tuple[float, ...], degrees: tuple[float, float, float]
) -> None:
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = ((turn @ CANONICAL_AXES) * np.array([3.0, 0.5, 0.5]))[:, order] * np.array(signs)
    shape = (np.array([3, 8, 9])[order]).tolist()
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    case = Case("a", Volume(values, Grid((shape[0], shape[1], shape[2]), affine)))
    slices = slice_case(case, SlicingSettings(size_px=16))
    restored = restore_slices(np.nan_to_num(slices.images[:, :1]), slices.crop, slices.original, [0.0])
    np.testing.assert_array_equal(restored[0], values)


def test_what_was_cropped_away_comes_back_as_the_given_value() -> None:
    slices = slice_case(Case("a", volume(np.zeros((1, 4, 4), dtype=np.float32))), SlicingSettings(size_px=2))
    maps = np.array([0.25, 0.75], dtype=np.float32)[None, :, None, None] * np.ones((1, 2, 2, 2), dtype=np.float32)
    restored = restore_slices(maps, slices.crop, slices.original, [1.0, 0.0])
    assert restored.shape == (2, 1, 4, 4)
    assert restored[0, 0].tolist() == [[1, 1, 1, 1], [1, 0.25, 0.25, 1], [1, 0.25, 0.25, 1], [1, 1, 1, 1]]
    assert restored.sum(axis=0) == pytest.approx(1.0)


def test_neighbours_lie_beside_a_slice_and_ends_are_repeated() -> None:
    images = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1) * np.array([1, 10], dtype=np.float32).reshape(2, 1, 1)
    beside = beside_neighbours(images, 1)
    assert beside.shape == (4, 6, 1, 1)
    assert beside[..., 0, 0].tolist() == [
        [0, 0, 0, 0, 1, 10],
        [0, 0, 1, 10, 2, 20],
        [1, 10, 2, 20, 3, 30],
        [2, 20, 3, 30, 3, 30],
    ]
    assert np.array_equal(beside_neighbours(images, 0), images)


def test_a_dark_border_counts_as_not_measured() -> None:
    values = np.zeros((2, 8, 8), dtype=np.float32)
    values[:, 2:6, 1:8] = 5.0
    values[0, 3, 3] = 0.0  # a dark pixel within is one that was measured
    images = slice_case(Case("c", volume(values)), SlicingSettings(size_px=8, spacing_mm=0.5)).images[:, 0]
    assert np.isnan(images[:, :2]).all()
    assert np.isnan(images[:, 6:]).all()
    assert np.isnan(images[:, :, 0]).all()
    assert np.isfinite(images[:, 2:6, 1:]).all()
    assert images[0, 3, 3] == 0.0


def test_a_bright_border_is_kept() -> None:
    values = np.full((1, 4, 4), 7.0, dtype=np.float32)
    values[:, 1:3, 1:3] = 1.0
    images = slice_case(Case("c", volume(values)), SlicingSettings(size_px=4, spacing_mm=0.5)).images[:, 0]
    assert np.isfinite(images).all()


def test_where_neighbours_lie() -> None:
    assert neighbour_places(0, 4, 1).tolist() == [0, 0, 1]
    assert neighbour_places(2, 4, 2, step=2).tolist() == [0, 0, 2, 3, 3]
    assert neighbour_places(3, 4, 0).tolist() == [3]


@given(
    st.tuples(st.integers(0, 12), st.integers(0, 12)),
    st.tuples(st.integers(0, 6), st.integers(0, 6)),
    st.floats(0.4, 2),
)
def test_restoring_looks_at_no_more_than_what_is_drawn_and_gives_the_same(
    corner: tuple[int, int], size: tuple[int, int], spacing_mm: float
) -> None:
    """To the bit what restoring the whole slices gives, wherever a rectangle (or nothing) is drawn."""
    grid = volume(np.zeros((2, 15, 17), dtype=np.float32)).grid
    crop = Crop(grid, size_px=12, spacing_mm=spacing_mm)
    maps = np.zeros((2, 2, 12, 12), dtype=np.float32)
    maps[:, 0] = 1.0
    drawn = np.s_[:, :, corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
    maps[drawn] = np.random.default_rng(0).random(maps[drawn].shape)
    restored = restore_slices(maps, crop, grid, (1.0, 0.0))
    whole = np.stack([crop.restore(maps[:, k], outside) for k, outside in enumerate((1.0, 0.0))])
    np.testing.assert_array_equal(restored, whole)
    np.testing.assert_array_equal(restore_slices(maps, crop, grid, (1.0, 0.0), threads=2), whole)
