"""An endorectal coil in an image that was made without one: its balloon behind the gland, and its brightness."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Grid

Image = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_HALF_WIDTH_MM, _HALF_DEPTH_MM = (16.0, 24.0), (12.0, 18.0)
_WALL_MM = (1.5, 3.0)
"""The rectum's wall stretched over the balloon."""
_FALL_OFF_MM = (25.0, 45.0)
_BRIGHTEST = (2.0, 6.0)
"""At the balloon's surface, against far away."""
_BEYOND_SLICES = 3


def insert_coil(t2w: Image, gland: Mask, grid: Grid, rng: np.random.Generator) -> Image:
    """Draw a balloon that presses against the back of the gland, and shade the image by the coil's sensitivity.

    The gland's own voxels keep what they show, but for the shading. The balloon reaches a few slices beyond the gland
    on both sides.

    Args:
        t2w: (S, H, W) in canonical order.
        gland: (S, H, W) bool, somewhere true.
        grid: Where they lie.
        rng: Of sizes, place and strength.

    Returns:
        (S, H, W) float32.
    """
    _, row_mm, column_mm = grid.spacing_mm
    half = np.array([rng.uniform(*_HALF_DEPTH_MM), rng.uniform(*_HALF_WIDTH_MM)])
    wall_mm, fall_off_mm, brightest = (rng.uniform(*one) for one in (_WALL_MM, _FALL_OFF_MM, _BRIGHTEST))
    centre = _centres(gland, grid, half[0] + wall_mm, rng)  # (S, 2) mm
    rows = np.arange(t2w.shape[1])[:, None] * row_mm
    columns = np.arange(t2w.shape[2])[None, :] * column_mm
    inside_wall, wall, void = np.percentile(t2w, [30, 20, 1])
    out = t2w.astype(np.float32)
    held = np.flatnonzero(gland.any(axis=(1, 2)))
    for s in range(max(0, held[0] - _BEYOND_SLICES), min(len(t2w), held[-1] + _BEYOND_SLICES + 1)):
        level = np.hypot((rows - centre[s, 0]) / half[0], (columns - centre[s, 1]) / half[1])
        from_surface_mm = (level - 1) * half.mean()
        texture = ndimage.gaussian_filter(rng.standard_normal(level.shape), 1.5) * 2
        tissue = wall + (inside_wall - wall) * (0.5 + 0.5 * texture)
        edge = np.clip(from_surface_mm / 0.8 + 0.5, 0, 1)
        painted = (1 - edge) * void + edge * tissue
        share = np.clip((wall_mm - from_surface_mm) / 0.8 + 0.5, 0, 1)
        share[gland[s]] = 0
        slice_values = share * painted + (1 - share) * out[s]
        beyond = np.maximum(from_surface_mm, 0) / fall_off_mm
        out[s] = slice_values * (1 + (brightest - 1) / (1 + beyond**2) ** 1.5)
    return out


def _centres(gland: Mask, grid: Grid, behind_mm: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Middle of the balloon (S, 2) in mm: behind the gland of each slice, on one straight course."""
    held = np.flatnonzero(gland.any(axis=(1, 2)))
    back = np.empty((len(held), 2))
    for k, s in enumerate(held):
        points = np.argwhere(gland[s]) * grid.spacing_mm[1:]
        back[k] = np.percentile(points[:, 0], 99) + behind_mm, points[:, 1].mean()
    degree = min(1, len(held) - 1)  # one slice gives no direction
    course = np.column_stack([np.polyval(np.polyfit(held, one, degree), np.arange(len(gland))) for one in back.T])
    course[:, 1] += rng.normal(0, 2)
    # Where the gland bulges over the straight line the balloon gives way.
    course[held, 0] = np.maximum(course[held, 0], back[:, 0] - 2)
    return np.asarray(course, np.float64)
