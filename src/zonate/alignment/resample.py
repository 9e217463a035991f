"""A volume on another grid, through a transform, with one interpolation."""

import numpy as np
import SimpleITK as sitk

from zonate.geometry import Grid, Volume
from zonate.io.itk import to_itk


def resample(volume: Volume, grid: Grid, transform: sitk.Transform) -> Volume:
    """Values of a volume at transform(p) for every point p of the grid.

    Linear: it makes no value that was not measured (no ringing below 0 or above the brightest
    voxel), which an ADC has to be spared.

    Args:
        volume: (S', H', W'), NaN where nothing was measured.
        grid: On which the values are wanted.
        transform: From points of the grid to points of the volume, LPS millimetres.

    Returns:
        (S, H, W) float32 in the frame of the grid; NaN beyond half a voxel outside the volume and where an
        interpolated neighbour is NaN.
    """
    onto = sitk.ResampleImageFilter()
    onto.SetSize([int(n) for n in grid.shape[::-1]])
    onto.SetOutputSpacing(grid.spacing_mm[::-1])
    onto.SetOutputOrigin(grid.affine[:3, 3].tolist())
    onto.SetOutputDirection(grid.direction[:, ::-1].flatten().tolist())
    onto.SetTransform(transform)
    onto.SetInterpolator(sitk.sitkLinear)
    onto.SetDefaultPixelValue(float("nan"))
    onto.SetOutputPixelType(sitk.sitkFloat32)
    values = sitk.GetArrayFromImage(onto.Execute(to_itk(volume.with_values(volume.values.astype(np.float32)))))
    return Volume(values, grid)
