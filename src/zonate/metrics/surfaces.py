"""The surface of a mask as elements with an area and a place, and how far two surfaces lie apart.

MONAI's surface measures are not used: its Hausdorff and average surface distances count boundary voxels
alike whatever area they stand for, so that with slices of 3 mm and pixels of 0.5 mm the end caps of a gland
weigh six times too much; they run along voxel centres, so that a structure one slice thick has no inside;
and an empty mask gives inf or nan by the measure (MONAI#7504). It also takes six seconds to import.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import box_about

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SurfaceDistances:
    """Every surface element of two masks, with its distance to the other's surface.

    Attributes:
        reference_mm: (N,) from each element of the reference's surface to the prediction's, in mm.
        reference_areas_mm2: (N,) the areas of those elements.
        prediction_mm: (M,) from each element of the prediction's surface to the reference's, in mm.
        prediction_areas_mm2: (M,) the areas of those elements.
    """

    reference_mm: Values
    reference_areas_mm2: Values
    prediction_mm: Values
    prediction_areas_mm2: Values

    def hausdorff_mm(self, percent: float) -> float:
        """The larger of the two directed percentiles, weighted by area, in mm."""
        return max(
            _weighted_percentile(self.reference_mm, self.reference_areas_mm2, percent),
            _weighted_percentile(self.prediction_mm, self.prediction_areas_mm2, percent),
        )

    def surface_dice(self, tolerance_mm: float) -> float:
        """The share of both surfaces' area that lies within the tolerance of the other surface, from 0 to 1."""
        near = self.reference_areas_mm2[self.reference_mm <= tolerance_mm].sum()
        near += self.prediction_areas_mm2[self.prediction_mm <= tolerance_mm].sum()
        return float(near / self._area_mm2)

    def mean_mm(self) -> float:
        """The distance from one surface to the other, averaged over the area of both, in mm."""
        total = self.reference_mm @ self.reference_areas_mm2 + self.prediction_mm @ self.prediction_areas_mm2
        return float(total / self._area_mm2)

    @property
    def _area_mm2(self) -> float:
        return float(self.reference_areas_mm2.sum() + self.prediction_areas_mm2.sum())


def surface_distances(
    reference: Mask, prediction: Mask, spacing_mm: tuple[float, float, float], annotated: Mask | None = None
) -> SurfaceDistances | None:
    """Measure the distance from each mask's surface to the other's.

    A surface element is a block of 2×2×2 neighbouring voxels of which some are in the mask and some are not;
    it lies in the block's middle, on the voxel border, and has an area. So two flat faces that are d mm apart
    are measured d mm apart, whatever the spacing. A mask that touches the volume's border ends there.

    Args:
        reference: (S, H, W) boolean.
        prediction: (S, H, W) boolean.
        spacing_mm: Distance between neighbouring voxels along S, H, W in mm.
        annotated: (S, H, W) boolean, where the reference says anything; the surface is not looked at in
            blocks that hold a voxel where it says nothing. None: everywhere.

    Returns:
        The distances; None where one of the masks has no surface (it is empty, or nothing is annotated).

    Source:
        Nikolov et al., Clinically applicable segmentation of head and neck anatomy for radiotherapy, J Med
        Internet Res 2021, and its code (deepmind/surface-distance): measures weighted by the areas of elements.
        Theirs come from a table of marching-cubes triangles, ours from `_areas_mm2`.
    """
    either = reference | prediction
    if not either.any():
        return None
    box = box_about(either)
    reference_areas = _areas_mm2(np.pad(reference[box], 1), spacing_mm)  # (S + 1, H + 1, W + 1) blocks of the box
    prediction_areas = _areas_mm2(np.pad(prediction[box], 1), spacing_mm)
    if annotated is not None:
        known = _blocks_within(np.pad(annotated, 1, constant_values=True), box)
        reference_areas *= known
        prediction_areas *= known
    on_reference, on_prediction = reference_areas > 0, prediction_areas > 0
    if not on_reference.any() or not on_prediction.any():
        return None
    to_reference = ndimage.distance_transform_edt(~on_reference, sampling=spacing_mm)
    to_prediction = ndimage.distance_transform_edt(~on_prediction, sampling=spacing_mm)
    return SurfaceDistances(
        to_prediction[on_reference],
        reference_areas[on_reference],
        to_reference[on_prediction],
        prediction_areas[on_prediction],
    )


def _areas_mm2(mask: Mask, spacing_mm: tuple[float, float, float]) -> Values:
    """The area of the surface inside each block of 2×2×2 voxels: (S - 1, H - 1, W - 1) in mm².

    Along each axis, the share of the block's four edges that cross the surface times the area of the block's
    face gives the area as seen along that axis; the three together are the element's area vector, and its length
    the area (the co-area formula on voxels). A flat face gets its exact area; a convex edge or corner is bevelled.
    """
    values = mask.astype(np.float64)
    squares = np.zeros(tuple(n - 1 for n in mask.shape))
    for axis in range(3):
        crossed = np.abs(np.diff(values, axis=axis))
        for other in range(3):
            if other != axis:
                crossed = (np.delete(crossed, 0, other) + np.delete(crossed, -1, other)) / 2
        face_mm2 = np.prod([spacing for other, spacing in enumerate(spacing_mm) if other != axis])
        squares += (crossed * face_mm2) ** 2
    return np.asarray(np.sqrt(squares))


def _blocks_within(padded: Mask, box: tuple[slice, ...]) -> Mask:
    """For the blocks of a box with one voxel about it, whether all eight voxels are True; `padded` has that margin."""
    known = padded[tuple(slice(part.start, part.stop + 2) for part in box)]
    for axis in range(3):
        known = np.delete(known, 0, axis) & np.delete(known, -1, axis)
    return known


def _weighted_percentile(values: Values, weights: Values, percent: float) -> float:
    """The smallest value such that values up to it hold the given share of the weight."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    # A share that equals the percentage but for rounding counts as reached.
    index = int(np.searchsorted(shares, percent / 100 - 1e-9))
    return float(values[order][min(index, len(values) - 1)])
