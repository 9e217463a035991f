"""Area and inside of polygons, by textbook formulas that share nothing with the package."""

import numpy as np
import numpy.typing as npt


def area(corners: npt.NDArray[np.float64]) -> float:
    """The shoelace formula; the sign tells the sense of rotation, a channel walked twice counts nothing."""
    total = 0.0
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        total += x0 * y1 - x1 * y0
    return total / 2


def rasterised(corners: npt.NDArray[np.float64], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels whose centre lies inside: a ray to the right crosses the border an odd number of times.

    Args:
        corners: (N, 2) row and column.
        shape: Rows and columns.
    """
    rows, columns = np.indices(shape)
    inside = np.zeros(shape, dtype=np.bool_)
    for (r0, c0), (r1, c1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if r0 != r1:
            crosses = (r0 > rows) != (r1 > rows)
            inside ^= crosses & (columns < c0 + (c1 - c0) * (rows - r0) / (r1 - r0))
    return inside
