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
    along_rows = np.tensordot(_weights(height, step, len(rows)), values, axes=1)  # (H, columns, ...)
    filled = np.tensordot(_weights(width, step, len(columns)), along_rows, axes=(1, 1))  # (W, H, ...)
    return np.ascontiguousarray(np.swapaxes(filled, 0, 1))


def _weights(n: int, step: int, nodes: int) -> Field:
    """(n, nodes): what each node of the lattice gives to each pixel."""
    position = np.arange(n, dtype=np.float32)[:, None] / step
    weights: Field = np.maximum(1 - np.abs(position - np.arange(nodes, dtype=np.float32)), 0)
    return weights
