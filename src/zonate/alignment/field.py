"""What a transform does to the points of a grid: how far it moves them, and whether it folds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from zonate.geometry import Grid
from zonate.io.itk import set_itk_grid

_CHECK_SPACING_MM = 2.0
"""Folding is looked for at points this far apart, or at every voxel where those are wider: control points are 30 mm."""


@dataclass(frozen=True)
class FieldFigures:
    """Of a displacement field.

    Attributes:
        minimum_jacobian: The smallest determinant of the Jacobian anywhere on the grid; 1 keeps the volume,
            0 or less folds.
        maximum_jacobian: The largest.
        folded_fraction: Share of the points at which it is 0 or less.
        mean_displacement_mm: Over the region.
        max_displacement_mm: Over the region.
    """

    minimum_jacobian: float
    maximum_jacobian: float
    folded_fraction: float
    mean_displacement_mm: float
    max_displacement_mm: float


def displacement_mm(transform: sitk.Transform, grid: Grid) -> npt.NDArray[np.float32]:
    """transform(p) - p for every voxel: (S, H, W, 3), LPS millimetres."""
    field = sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat32,
        [int(n) for n in grid.shape[::-1]],
        grid.affine[:3, 3].tolist(),
        grid.spacing_mm[::-1],
        grid.direction[:, ::-1].flatten().tolist(),
    )
    values: npt.NDArray[np.float32] = sitk.GetArrayFromImage(field)
    return values


def displacement_transform(field: npt.NDArray[np.float32], grid: Grid) -> sitk.Transform:
    """A displacement field (S, H, W, 3) in LPS millimetres as a transform: quick where many points are asked for."""
    image = sitk.GetImageFromArray(field.astype(np.float64), isVector=True)
    set_itk_grid(image, grid)
    return sitk.DisplacementFieldTransform(image)


def measure_field(transform: sitk.Transform, grid: Grid, region: npt.NDArray[np.bool_]) -> FieldFigures:
    """The figures of a transform on a T2W grid, from points about 2 mm apart (every slice)."""
    step = [max(1, round(_CHECK_SPACING_MM / spacing)) for spacing in grid.spacing_mm]
    thinned = tuple(slice(None, None, by) for by in step)
    affine = grid.affine.copy()
    affine[:3, :3] *= step
    shape = region[thinned].shape
    coarse = Grid((shape[0], shape[1], shape[2]), affine, grid.frame_of_reference)
    return figures_of(displacement_mm(transform, coarse), coarse, region[thinned])


def figures_of(field: npt.NDArray[np.float32], grid: Grid, region: npt.NDArray[np.bool_]) -> FieldFigures:
    """The figures of a field (S, H, W, 3) in LPS millimetres; the whole grid counts where the region is empty."""
    determinant = jacobian_determinant(field, grid)
    length = np.linalg.norm(field, axis=-1)
    inside = length[region] if region.any() else length
    return FieldFigures(
        minimum_jacobian=float(determinant.min()),
        maximum_jacobian=float(determinant.max()),
        folded_fraction=float((determinant <= 0).mean()),
        mean_displacement_mm=float(inside.mean()),
        max_displacement_mm=float(inside.max()),
    )


def jacobian_determinant(field: npt.NDArray[np.float32], grid: Grid) -> npt.NDArray[np.float64]:
    """Determinant of d(p + u)/dp by central differences, (S, H, W); along an axis of one voxel u is constant."""
    by_index = np.zeros((*grid.shape, 3, 3))  # (S, H, W, component, axis)
    for axis in range(3):
        if grid.shape[axis] > 1:
            by_index[..., axis] = np.gradient(field.astype(np.float64), axis=axis)
    by_mm = by_index @ np.linalg.inv(grid.affine[:3, :3])
    determinant: npt.NDArray[np.float64] = np.linalg.det(np.eye(3) + by_mm)
    return determinant
