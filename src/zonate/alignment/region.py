"""The part of a T2W volume in which the gland is expected, and in which alignment is judged."""

import numpy as np
import numpy.typing as npt

from zonate.geometry import Grid


def gland_region(grid: Grid, side_mm: float) -> npt.NDArray[np.bool_]:
    """A box about the centre of the grid, on which a technologist centres the prostate.

    Args:
        grid: Of the T2W.
        side_mm: Along the axes in plane; along the one nearest to superior the box takes every slice.

    Returns:
        (S, H, W), True inside.
    """
    through_plane = int(np.abs(grid.direction[2]).argmax())  # row 2 of the directions: towards superior
    region = np.ones(grid.shape, dtype=np.bool_)
    for axis, (size, spacing) in enumerate(zip(grid.shape, grid.spacing_mm, strict=True)):
        if axis != through_plane:
            inside = np.abs(np.arange(size) - (size - 1) / 2) * spacing <= side_mm / 2
            region &= np.expand_dims(inside, tuple(other for other in range(3) if other != axis))
    return region
