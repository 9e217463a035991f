from itertools import permutations, product

import numpy as np
import pytest

from zonate.dataset.labels import combine, drawn_volume_ml, gland_volume_ml, map_labels, place_labels
from zonate.errors import GeometryError, LabelError
from zonate.geometry import Grid, Volume
from zonate.zones import ALL_ZONE_CODES, LabelCode

BG, PZ, TZ, DPU, AFS, CG, WG, NA = LabelCode
AXIAL = np.array([[0.0, 0.0, 0.5], [0.0, 0.5, 0.0], [3.0, 0.0, 0.0]])


def axial(shape: tuple[int, int, int] = (2, 3, 4)) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = AXIAL
    affine[:3, 3] = (-5, -6, 7)
    return Grid(shape, affine, "1.2.3")


def flipped(volume: Volume, order: tuple[int, ...], flips: tuple[bool, ...]) -> Volume:
    """The same voxels at the same places, stored in another order."""
    values = volume.values.transpose(order)
    affine = volume.grid.affine.copy()
    affine[:3, :3] = affine[:3, list(order)]
    for axis in range(3):
        if flips[axis]:
            affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
            affine[:3, axis] *= -1
    s, h, w = values.shape
    return Volume(np.flip(values, tuple(axis for axis in range(3) if flips[axis])), Grid((s, h, w), affine))


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((False, True), repeat=3)))
def test_labels_stored_in_another_order_are_reordered_not_refused(
    order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    grid = axial()
    labels = Volume(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), grid)
    placed = place_labels(flipped(labels, order, flips), grid, "a")
    np.testing.assert_array_equal(placed.volume.values, labels.values)
    assert placed.volume.grid is grid
    assert placed.covered.shape == (2, 3, 4)
    assert placed.covered.all()


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product((False, True), repeat=3)))
def test_fewer_slices_are_put_where_they_belong_however_the_t2w_is_stored(
    order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    t2w = Volume(np.arange(60, dtype=np.uint8).reshape(5, 3, 4), axial((5, 3, 4)))
    affine = t2w.grid.affine.copy()
    affine[:3, 3] = t2w.grid.to_mm([1, 0, 0])
    part = Volume(t2w.values[1:3], Grid((2, 3, 4), affine))
    stored = flipped(t2w, order, flips)
    placed = place_labels(part, stored.grid, "a")
    drawn = (stored.values >= 12) & (stored.values < 36)  # the second and the third slice
    np.testing.assert_array_equal(placed.volume.values, np.where(drawn, stored.values, 0))
    np.testing.assert_array_equal(placed.covered, drawn)


def test_rounding_is_forgiven_and_the_t2w_grid_is_kept() -> None:
    affine = axial().affine.copy()
    affine[0, 3] += 0.04
    placed = place_labels(Volume(np.zeros((2, 3, 4), np.uint8), Grid((2, 3, 4), affine)), axial(), "a")
    np.testing.assert_array_equal(placed.volume.grid.affine, axial().affine)
    assert placed.notes == ()


def test_a_label_file_with_the_rounding_that_the_t2w_is_freed_of_is_taken() -> None:
    """NRRD holds 0.1 mm aside a slice, as the headers have it; a shear of 0.6 mm is no rounding."""
    grid = axial((4, 3, 4))
    affine = grid.affine.copy()
    affine[1, 0] += 0.1
    placed = place_labels(Volume(np.full((4, 3, 4), 7, np.uint8), Grid((4, 3, 4), affine)), grid, "a")
    assert placed.volume.grid is grid
    affine[1, 0] += 0.1
    with pytest.raises(GeometryError, match=r"case a: .* a corner is 0\.60 mm off"):
        place_labels(Volume(np.full((4, 3, 4), 7, np.uint8), Grid((4, 3, 4), affine)), grid, "a")


def test_fewer_slices_are_put_where_they_belong() -> None:
    grid = axial((4, 3, 4))
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm([1, 0, 0])  # the label file begins at the second slice
    placed = place_labels(Volume(np.full((2, 3, 4), 7, np.uint8), Grid((2, 3, 4), affine)), grid, "a")
    assert placed.volume.values[:, 0, 0].tolist() == [0, 7, 7, 0]
    assert placed.covered[:, 0, 0].tolist() == [False, True, True, False]
    affine[:3, 3] = grid.to_mm([0.5, 0, 0])
    with pytest.raises(GeometryError, match=r"case a: .* of its 4 slices the labels have 2, .* up to 1\.50 mm off"):
        place_labels(Volume(np.zeros((2, 3, 4), np.uint8), Grid((2, 3, 4), affine)), grid, "a")


def test_slices_beyond_the_t2w_are_refused() -> None:
    grid = axial((4, 3, 4))
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm([3, 0, 0])
    with pytest.raises(GeometryError, match=r"case a: .* of 2 slices 1 lie beyond the T2W's 4"):
        place_labels(Volume(np.zeros((2, 3, 4), np.uint8), Grid((2, 3, 4), affine)), grid, "a")


def test_frames_go_to_the_nearest_slice_and_are_refused_where_that_is_not_one_each() -> None:
    """As the headers of uneven slices put them; a volume file has no such excuse."""
    grid = axial((4, 3, 4))
    affine = grid.affine.copy()
    drawn = np.full((2, 3, 4), 7, np.uint8)
    affine[:3, 3] = grid.to_mm([1.19, 0.8, 0])  # 0.57 mm above, 0.4 mm aside
    placed = place_labels(Volume(drawn, Grid((2, 3, 4), affine)), grid, "a", frames=True)
    assert placed.volume.values[:, 0, 0].tolist() == [0, 7, 7, 0]
    with pytest.raises(GeometryError, match=r"0\.57 mm off the nearest one's plane and 0\.40 mm aside"):
        place_labels(Volume(drawn, Grid((2, 3, 4), affine)), grid, "a")
    affine[:3, 3] = grid.to_mm([1.45, 0, 0])
    placed = place_labels(Volume(drawn, Grid((2, 3, 4), affine)), grid, "a", frames=True)
    assert placed.volume.values[:, 0, 0].tolist() == [0, 7, 7, 0]
    affine[:3, 3] = grid.to_mm([1, 0, 1.2])
    with pytest.raises(GeometryError, match=r"0\.60 mm aside of its pixels, more than the 1\.5 mm and 0\.5 mm"):
        place_labels(Volume(drawn, Grid((2, 3, 4), affine)), grid, "a", frames=True)


@pytest.mark.parametrize("step", [0.75, 1.25, 2.0])
@pytest.mark.parametrize("n", [2, 3])
def test_frames_at_other_distances_than_the_slices_are_refused(step: float, n: int) -> None:
    """Of another series, though each may lie next to a slice of its own."""
    grid = axial((9, 3, 4))
    affine = grid.affine.copy()
    affine[:3, 0] *= step
    labels = Volume(np.full((n, 3, 4), 7, np.uint8), Grid((n, 3, 4), affine))
    with pytest.raises(GeometryError, match=rf"case a: .* lie {3 * step:.2f} mm apart, and the T2W's slices 3\.00 mm"):
        place_labels(labels, grid, "a", frames=True)


def test_the_distance_of_a_single_frame_says_nothing() -> None:
    grid = axial((4, 3, 4))
    affine = grid.affine.copy()
    affine[:3, 0] /= 3
    affine[:3, 3] = grid.to_mm([2.4, 0, 0])
    placed = place_labels(Volume(np.full((1, 3, 4), 7, np.uint8), Grid((1, 3, 4), affine)), grid, "a", frames=True)
    assert placed.volume.values[:, 0, 0].tolist() == [0, 0, 7, 0]


def test_a_header_known_to_be_careless_is_not_believed_and_said() -> None:
    grid = axial((2, 3, 4))
    affine = grid.affine.copy()
    cosine = np.sqrt(1 - 0.06**2)
    turn = np.eye(4)
    turn[:2, :2] = [[cosine, -0.06], [0.06, cosine]]  # about the patient's long axis
    labels = Volume(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), Grid((2, 3, 4), turn @ affine))
    with pytest.raises(GeometryError, match="do not lie on the T2W grid"):
        place_labels(labels, grid, "a")
    placed = place_labels(labels, grid, "a", lenient=True)
    np.testing.assert_array_equal(placed.volume.values, labels.values)
    assert placed.volume.grid is grid
    assert "direction cosines by up to 0.060" in placed.notes[0]
    far = affine.copy()
    far[0, 3] += 15.1
    with pytest.raises(GeometryError, match=r"a corner is 15\.10 mm off"):
        place_labels(Volume(labels.values, Grid((2, 3, 4), far)), grid, "a", lenient=True)


def test_layers_are_narrowed_down_to_what_all_of_them_allow() -> None:
    wg, na, tz = LabelCode.WHOLE_GLAND, LabelCode.NOT_ANNOTATED, LabelCode.TZ
    gland = np.array([0, wg, wg, wg, wg, 0, na], dtype=np.uint8)
    central = np.array([0, 0, 0, CG, CG, 0, CG], dtype=np.uint8)
    fine = np.array([0, 0, PZ, tz, PZ, PZ, PZ], dtype=np.uint8)
    combined, contradicting = combine([gland, central, fine])
    assert combined.tolist() == [0, wg, PZ, tz, na, PZ, na]
    assert contradicting == 1  # central gland and PZ have nothing in common
    again, _ = combine([fine, central, gland])
    assert again.tolist() == combined.tolist()


def test_labels_elsewhere_are_refused_with_figures() -> None:
    affine = axial().affine.copy()
    affine[1, 3] += 0.5
    with pytest.raises(GeometryError, match=r"case a: .* a corner is 0\.50 mm off, more than the 0\.05 mm"):
        place_labels(Volume(np.zeros((2, 3, 4), np.uint8), Grid((2, 3, 4), affine)), axial(), "a")
    with pytest.raises(GeometryError, match=r"case a: .* 2 × 3 × 5 voxels .* against 2 × 3 × 4"):
        place_labels(Volume(np.zeros((2, 3, 5), np.uint8), axial((2, 3, 5))), axial(), "a")


def test_values_become_codes_by_the_declared_table() -> None:
    table = {0: BG, 1: PZ, 2: CG, 7: NA}
    codes = map_labels(np.array([0, 1, 2, 7, 2], dtype=np.int16), table, "a")
    assert codes.dtype == np.uint8
    assert codes.tolist() == [0, 1, 5, 255, 5]
    assert map_labels(np.array([0.0, 2.0]), table, "a").tolist() == [0, 5]


def test_prostate158_numbers_are_not_mistaken() -> None:
    assert map_labels(np.array([1, 2]), {0: BG, 1: CG, 2: PZ}, "a").tolist() == [5, 1]


def test_an_undeclared_value_is_refused_with_its_count() -> None:
    with pytest.raises(LabelError, match=r"case a: .*3 \(2 voxels\), 9 \(1 voxels\); declared are 0 BACKGROUND, 1 PZ"):
        map_labels(np.array([0, 3, 3, 9, 1]), {0: BG, 1: PZ}, "a")
    with pytest.raises(LabelError, match=r"0\.5 \(1 voxels\)"):
        map_labels(np.array([0.0, 0.5]), {0: BG}, "a")
    with pytest.raises(LabelError, match=r"nan \(1 voxels\)"):
        map_labels(np.array([0.0, np.nan]), {0: BG}, "a")


@pytest.mark.parametrize(
    ("values", "codes", "expected"),
    [
        ([0, 1, 2, 3, 4, 0], ALL_ZONE_CODES, 4.0),
        ([0, 1, 5, 5, 0, 0], (BG, PZ, CG), 3.0),
        ([0, 6, 6, 0, 0, 0], (BG, WG), 2.0),
        ([0, 1, 6, 6, 0, 0], (BG, PZ, WG), 3.0),
        ([0, 0, 0, 0, 0, 0], (BG, WG), 0.0),
        ([0, 1, 2, 0, 0, 0], (BG, PZ, TZ), None),  # urethra and stroma were never annotated
        ([0, 6, 6, 255, 0, 0], (BG, WG), None),
    ],
)
def test_the_gland_is_counted_where_it_can_be(
    values: list[int], codes: tuple[LabelCode, ...], expected: float | None
) -> None:
    grid = Grid((1, 2, 3), np.diag([10.0, 10.0, 10.0, 1.0]))
    reference = Volume(np.array(values, dtype=np.uint8).reshape(1, 2, 3), grid)
    assert gland_volume_ml(reference, codes) == pytest.approx(expected)


MIXED = (*ALL_ZONE_CODES, CG, WG)


@pytest.mark.parametrize(
    ("structure", "values", "codes", "expected"),
    [
        ("GLAND", [0, 1, 2, 3, 4, 5], MIXED, 5.0),  # coarse where the annotator was unsure
        ("CENTRAL_GLAND", [0, 1, 2, 3, 4, 5], MIXED, 4.0),
        ("PZ", [0, 1, 2, 3, 4, 5], MIXED, 1.0),
        ("TZ", [0, 1, 2, 3, 4, 5], MIXED, None),  # there may be more of it where the central gland is drawn
        ("TZ", [0, 1, 2, 3, 4, 0], MIXED, 1.0),
        ("PZ", [0, 1, 2, 6, 4, 5], MIXED, None),
        ("CENTRAL_GLAND", [0, 1, 6, 6, 0, 0], (BG, PZ, WG), None),
        ("TZ", [0, 1, 5, 0, 0, 0], (BG, PZ, CG), None),
        ("PZ", [0, 1, 255, 0, 0, 0], (BG, PZ, CG), 1.0),
        ("PZ", [0, 5, 0, 0, 0, 0], (BG, PZ, CG), 0.0),
    ],
)
def test_a_structure_is_counted_by_every_code_that_draws_a_part_of_it(
    structure: str, values: list[int], codes: tuple[LabelCode, ...], expected: float | None
) -> None:
    grid = Grid((1, 2, 3), np.diag([10.0, 10.0, 10.0, 1.0]))
    labels = Volume(np.array(values, dtype=np.uint8).reshape(1, 2, 3), grid)
    assert drawn_volume_ml(labels, structure, codes) == pytest.approx(expected)
