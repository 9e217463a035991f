"""Boxes whose every figure can be worked out on paper."""

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zonate.metrics import StructureMetrics, structure_metrics
from zonate.metrics.surfaces import surface_distances

ISOTROPIC = (1.0, 1.0, 1.0)
ANISOTROPIC = (3.0, 0.5, 0.5)

Mask = npt.NDArray[np.bool_]


def box(s: slice, h: slice, w: slice, shape: tuple[int, int, int] = (12, 40, 40)) -> Mask:
    mask = np.zeros(shape, dtype=np.bool_)
    mask[s, h, w] = True
    return mask


def compare(reference: Mask, prediction: Mask, spacing: tuple[float, float, float] = ISOTROPIC) -> StructureMetrics:
    return structure_metrics(reference, prediction, spacing, 2.0)


def test_a_mask_agrees_with_itself() -> None:
    mask = box(slice(3, 6), slice(10, 20), slice(10, 20))
    found = compare(mask, mask, ANISOTROPIC)
    assert (found.status, found.dice, found.surface_dice) == ("compared", 1.0, 1.0)
    assert (found.hd95_mm, found.mean_surface_distance_mm, found.volume_error_ml) == (0.0, 0.0, 0.0)


def test_boxes_shifted_by_six_pixels() -> None:
    reference = box(slice(3, 6), slice(10, 20), slice(10, 20))
    prediction = box(slice(3, 6), slice(10, 20), slice(16, 26))
    found = compare(reference, prediction)
    assert found.dice == pytest.approx(2 * (3 * 10 * 4) / (2 * 3 * 10 * 10))
    assert found.hd95_mm == 6.0  # the outer faces, and more than 5 % of the area lies on them
    assert compare(reference, prediction, ANISOTROPIC).hd95_mm == 3.0
    assert found.reference_volume_ml == pytest.approx(0.3)


def test_far_boxes_have_no_near_surface() -> None:
    reference = box(slice(3, 6), slice(2, 8), slice(2, 8))
    prediction = box(slice(3, 6), slice(2, 8), slice(20, 26))
    found = compare(reference, prediction)
    assert (found.dice, found.surface_dice) == (0.0, 0.0)
    # Both faces of the pair and all between: each element of one lies 12 to 18 mm from the other, evenly about 15.
    assert found.mean_surface_distance_mm == pytest.approx(15.0)
    assert found.hd95_mm == 18.0


def test_distances_along_the_slices_are_in_millimetres() -> None:
    reference = box(slice(3, 6), slice(10, 20), slice(10, 20))
    prediction = box(slice(4, 7), slice(10, 20), slice(10, 20))
    assert compare(reference, prediction, ANISOTROPIC).hd95_mm == 3.0
    assert compare(reference, prediction, (1.5, 0.5, 0.5)).hd95_mm == 1.5
    assert compare(reference, prediction, (1.5, 0.5, 0.5)).surface_dice == 1.0


def test_the_tolerance_includes_its_own_value() -> None:
    reference = box(slice(3, 6), slice(10, 20), slice(10, 20))
    prediction = box(slice(3, 6), slice(10, 20), slice(12, 22))
    assert structure_metrics(reference, prediction, ISOTROPIC, 2.0).surface_dice == 1.0
    assert structure_metrics(reference, prediction, ISOTROPIC, 1.99).surface_dice < 1.0


def test_surface_dice_of_two_columns_by_hand() -> None:
    """One voxel, and a column of two: every surface element stands at a corner of voxels, so there are few to count.

    The voxel has 8 corners of √3/4 mm² each. The column has those 8 at its ends and 4 edges between, of √2/2 mm² each;
    its far 4 corners lie 1 mm from the voxel's, everything else on them.
    """
    voxel, column = box(slice(5, 6), slice(5, 6), slice(5, 6)), box(slice(5, 7), slice(5, 6), slice(5, 6))
    corner, edge = math.sqrt(3) / 4, math.sqrt(2) / 2
    found = structure_metrics(voxel, column, ISOTROPIC, 0.5)
    total = 8 * corner + 8 * corner + 4 * edge
    # The voxel's upper corners coincide with the column's edges.
    assert found.surface_dice == pytest.approx((8 * corner + 4 * corner + 4 * edge) / total)
    assert found.mean_surface_distance_mm == pytest.approx(4 * corner / total)
    assert found.hd95_mm == 1.0


def test_the_area_of_a_box_is_that_of_its_faces_less_the_bevels() -> None:
    mask = box(slice(1, 11), slice(5, 25), slice(5, 35))  # 10 × 20 × 30 mm
    distances = surface_distances(mask, mask, ISOTROPIC)
    assert distances is not None
    faces = 2 * (9 * 19 + 9 * 29 + 19 * 29)
    edges = 4 * (9 + 19 + 29) * math.sqrt(2) / 2
    corners = 8 * math.sqrt(3) / 4
    assert distances.reference_areas_mm2.sum() == pytest.approx(faces + edges + corners)
    slices = surface_distances(mask[:, ::2, ::2], mask[:, ::2, ::2], (1.0, 2.0, 2.0))
    assert slices is not None
    assert slices.reference_areas_mm2.sum() == pytest.approx(2200, rel=0.05)  # whatever the spacing


def test_a_structure_at_the_border_of_the_volume_ends_there() -> None:
    inside_reference = box(slice(3, 6), slice(10, 20), slice(10, 20))
    inside_prediction = box(slice(4, 7), slice(10, 20), slice(10, 20))
    at_reference = box(slice(0, 3), slice(0, 10), slice(0, 10))
    at_prediction = box(slice(1, 4), slice(0, 10), slice(0, 10))
    assert compare(inside_reference, inside_prediction, ANISOTROPIC) == compare(
        at_reference, at_prediction, ANISOTROPIC
    )


def test_a_single_voxel_has_a_surface() -> None:
    voxel = box(slice(5, 6), slice(5, 6), slice(5, 6))
    assert compare(voxel, voxel).hd95_mm == 0.0
    moved = box(slice(5, 6), slice(5, 6), slice(15, 16))
    assert compare(voxel, moved).hd95_mm == 10.0


def test_an_empty_prediction_is_missed() -> None:
    mask = box(slice(3, 6), slice(10, 20), slice(10, 20))
    found = compare(mask, np.zeros_like(mask), ANISOTROPIC)
    assert (found.status, found.dice, found.surface_dice) == ("missed", 0.0, 0.0)
    assert math.isnan(found.hd95_mm)
    assert math.isnan(found.mean_surface_distance_mm)
    assert found.volume_error_ml == pytest.approx(-0.225)


def test_an_empty_reference_makes_the_prediction_spurious() -> None:
    mask = box(slice(3, 6), slice(10, 20), slice(10, 20))
    found = compare(np.zeros_like(mask), mask, ANISOTROPIC)
    assert (found.status, found.dice, found.surface_dice) == ("spurious", 0.0, 0.0)
    assert math.isnan(found.hd95_mm)
    assert found.volume_error_ml == pytest.approx(0.225)


def test_two_empty_masks_have_no_overlap_to_measure() -> None:
    empty = box(slice(0, 0), slice(0, 0), slice(0, 0))
    found = compare(empty, empty)
    assert found.status == "absent"
    assert math.isnan(found.dice)
    assert math.isnan(found.surface_dice)
    assert (found.volume_error_ml, found.reference_volume_ml) == (0.0, 0.0)


def test_what_nobody_annotated_is_left_out_of_both() -> None:
    reference = box(slice(3, 6), slice(10, 20), slice(10, 20))
    prediction = box(slice(3, 6), slice(10, 20), slice(10, 30))
    annotated = np.ones_like(reference)
    annotated[:, :, 20:] = False
    found = structure_metrics(reference, prediction, ISOTROPIC, 2.0, annotated)
    assert (found.dice, found.surface_dice, found.volume_error_ml) == (1.0, 1.0, 0.0)


def test_the_cut_to_what_is_annotated_is_no_surface() -> None:
    """Otherwise the shared cut would count as perfect agreement."""
    reference = box(slice(3, 6), slice(10, 20), slice(10, 20))
    prediction = box(slice(3, 6), slice(10, 20), slice(4, 20))
    annotated = np.ones_like(reference)
    annotated[:, :, 15:] = False
    cut = structure_metrics(reference, prediction, ISOTROPIC, 2.0, annotated)
    closed = structure_metrics(reference & annotated, prediction & annotated, ISOTROPIC, 2.0)
    assert cut.dice == closed.dice
    assert cut.surface_dice < closed.surface_dice


def test_a_mask_amid_what_nobody_annotated_has_no_visible_surface() -> None:
    mask = box(slice(3, 6), slice(10, 20), slice(10, 20))
    found = structure_metrics(mask, mask, ISOTROPIC, 2.0, annotated=mask)
    assert found.dice == 1.0
    assert math.isnan(found.surface_dice)


def test_masks_of_other_shape_or_type_are_refused() -> None:
    mask = box(slice(3, 6), slice(10, 20), slice(10, 20))
    with pytest.raises(ValueError, match="prediction must be boolean"):
        compare(mask, mask[1:])
    with pytest.raises(ValueError, match="found uint8"):
        compare(mask, mask.astype(np.uint8))


masks = arrays(np.bool_, (4, 5, 6))


@settings(max_examples=60, deadline=None)
@given(reference=masks, prediction=masks)
def test_measures_are_symmetric_and_bounded(reference: Mask, prediction: Mask) -> None:
    one, other = compare(reference, prediction, ANISOTROPIC), compare(prediction, reference, ANISOTROPIC)
    assert one.volume_error_ml == -other.volume_error_ml
    for name in ("dice", "surface_dice", "hd95_mm", "mean_surface_distance_mm"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True)
    if one.status == "compared":
        assert 0 <= one.dice <= 1
        assert 0 <= one.surface_dice <= 1 + 1e-12
        assert 0 <= one.hd95_mm <= math.hypot(3 * 4, 0.5 * 5, 0.5 * 6)


@settings(max_examples=40, deadline=None)
@given(reference=masks, prediction=masks, axis=st.integers(0, 2))
def test_measures_do_not_depend_on_the_orientation(reference: Mask, prediction: Mask, axis: int) -> None:
    one = compare(reference, prediction, ANISOTROPIC)
    flipped = compare(np.flip(reference, axis), np.flip(prediction, axis), ANISOTROPIC)
    for name in ("dice", "surface_dice", "hd95_mm", "mean_surface_distance_mm"):
        assert getattr(one, name) == pytest.approx(getattr(flipped, name), nan_ok=True)


def test_two_experts_agree_as_the_data_says(shared_data: Path) -> None:
    """The NCI-ISBI zones together against PROMISE12's gland: Dice 0.89 to 0.99 over all patients."""
    found = {}
    for folder in sorted((shared_data / "nci-isbi-2013").iterdir()):
        if not (folder / "zones.nii.gz").is_file() or not (folder / "gland.nii.gz").is_file():
            continue
        zones, gland = (sitk.ReadImage(str(folder / name)) for name in ("zones.nii.gz", "gland.nii.gz"))
        width, height, depth = zones.GetSpacing()
        found[folder.name] = structure_metrics(
            sitk.GetArrayFromImage(zones) > 0, sitk.GetArrayFromImage(gland) > 0, (depth, height, width), 2.0
        )
    dice = [m.dice for m in found.values()]
    assert len(dice) == 17
    assert round(min(dice), 2) >= 0.89
    assert round(max(dice), 2) <= 0.99
    assert all(m.surface_dice > 0.7 and m.hd95_mm < 10 for m in found.values())
