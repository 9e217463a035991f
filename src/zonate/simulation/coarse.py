"""Evaluating a smooth function on a coarse lattice of a slice, and interpolating it to every pixel."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]


def interpolated(
    evaluate: Callable[[Field], npt.NDArray[np.floating[Any]]], points_mm: npt.NDArray[np.floating[Any]], step: int = 4
) -> Field:
    """Values of a smooth function at the pixels of a slice, bilinear between every `step`-th of them.

    Args:
        evaluate: From points (..., 3) to values (...) or (..., N).
        points_mm: (H, W, 3) the pixels' positions, on a regular lattice.
        step: Pixels between two evaluations.

    Returns:
        (H, W) or (H, W, N) float32.
    """
    height, width = points_mm.shape[:2]
    rows, columns = (np.arange(-(-(n - 1) // step) + 1, dtype=np.float32) * step for n in (height, width))
    down = (points_mm[-1, 0] - points_mm[0, 0]) / max(height - 1, 1)
    right = (points_mm[0, -1] - points_mm[0, 0]) / max(width - 1, 1)
    lattice = points_mm[0, 0] + rows[:, None, None] * down + columns[None, :, None] * right
    values = evaluate(lattice.astype(np.float32)).astype(np.float32)
    along_columns = _filled_in(values, height, step)  # (H, columns, ...)
    return np.ascontiguousarray(np.swapaxes(_filled_in(np.swapaxes(along_columns, 0, 1), width, step), 0, 1))


def _filled_in(nodes: Field, n: int, step: int) -> Field:
    """(nodes, ...) as (n, ...), linear between every `step`-th.

    Not by a product of matrices: the last bits of that depend on how many threads the library of the machine takes.
    """
    below, beyond = np.divmod(np.arange(n), step)
    above = np.minimum(below + 1, len(nodes) - 1)
    share = (beyond / step).astype(np.float32).reshape(n, *[1] * (nodes.ndim - 1))
    filled: Field = nodes[below] * (1 - share) + nodes[above] * share
    return filled
