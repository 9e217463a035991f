"""Between a `Volume` and an ITK image: the only place where the two axis orders meet."""

import numpy as np
import SimpleITK as sitk

from zonate.geometry import Grid, Volume


def to_itk(volume: Volume) -> sitk.Image:
    """An ITK image that shares no memory with the volume; ITK indexes (w, h, s) and so do its axes."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.values))
    set_itk_grid(image, volume.grid)
    return image


def set_itk_grid(image: sitk.Image, grid: Grid) -> None:
    """Give an ITK image (or anything with its setters) the place of a grid."""
    image.SetSpacing(grid.spacing_mm[::-1])
    image.SetOrigin([float(x) for x in grid.affine[:3, 3]])
    image.SetDirection([float(x) for x in grid.direction[:, ::-1].flatten()])


def from_itk(image: sitk.Image, frame_of_reference: str | None = None) -> Volume:
    """A volume that shares no memory with the three-dimensional image."""
    values = sitk.GetArrayFromImage(image)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = (direction * np.array(image.GetSpacing()))[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Volume(values, Grid(values.shape, affine, frame_of_reference))
