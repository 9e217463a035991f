"""Where the border of a drawn structure runs between the centres of its voxels.

A label map says of voxel centres whether they belong to a structure, and by counting how large it is. Contours and
surfaces are drawn as a level of a distance map, and the level is chosen so that they enclose what was counted: a border
half-way between the centres would cut every corner and lose several percent of a thin zone. The level stays below half
a pixel, so that no centre changes sides.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

LEVEL_LIMIT = 0.95
"""The level stays within this share of half a pixel."""
_LEVEL_TOLERANCE_MM = 1e-4


def signed_distance_mm(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> npt.NDArray[np.float64]:
    """Distance of each pixel's centre from the border in its slice: positive inside, negative outside.

    The border is taken to run half a pixel from the outermost centres, so that no value lies between plus and minus
    `half_pixel_mm`.

    Args:
        mask: (H, W), one slice.
        spacing_mm: Along H and W.

    Returns:
        (H, W) in mm; minus infinity everywhere where nothing is drawn, plus infinity where everything is.
    """
    half = half_pixel_mm(spacing_mm)
    if mask.all() or not mask.any():
        return np.where(mask, np.inf, -np.inf)
    inside = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    return np.asarray(np.where(mask, inside - half, half - outside), dtype=np.float64)


def half_pixel_mm(spacing_mm: tuple[float, float]) -> float:
    """Half the smaller of the two spacings in a slice."""
    return min(spacing_mm) / 2


def level_that_encloses(
    wanted: float, enclosed: Callable[[float], float], spacing_mm: tuple[float, float]
) -> float | None:
    """The level at which a border encloses a given area or volume.

    Args:
        wanted: The area or volume that was counted.
        enclosed: The same within the border at a level in mm; it falls as the level rises.
        spacing_mm: Along H and W.

    Returns:
        In mm; None where no level within the limit encloses as much, or as little.
    """
    limit = LEVEL_LIMIT * half_pixel_mm(spacing_mm)
    if not enclosed(limit) <= wanted <= enclosed(-limit):
        return None
    level: float = optimize.brentq(lambda mm: enclosed(mm) - wanted, -limit, limit, xtol=_LEVEL_TOLERANCE_MM)
    return level
