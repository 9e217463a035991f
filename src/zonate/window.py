"""Where the second of two passes looks: a square about the gland that the first one found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.measures.gland import label_pieces

_NEAR_MM = 25.0
_MARGIN_PX = 8  # a gland that comes nearer to the border is not cut there


@dataclass(frozen=True)
class Window:
    """A square of every slice.

    Attributes:
        row: Its first row.
        column: Its first column.
        size_px: Its side.
    """

    row: int
    column: int
    size_px: int

    def cut(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What lies in it, of (..., H, W)."""
        return images[..., self.row : self.row + self.size_px, self.column : self.column + self.size_px]

    def restore(
        self, maps: npt.NDArray[np.float32], outside: Sequence[float], shape: tuple[int, ...]
    ) -> npt.NDArray[np.float32]:
        """Put maps back: the inverse of `cut`.

        Args:
            maps: (S, K, size_px, size_px).
            outside: (K,) the value of each map elsewhere.
            shape: (..., H, W) of the whole slices.

        Returns:
            (S, K, H, W).
        """
        whole = np.empty((*maps.shape[:2], *shape[-2:]), dtype=np.float32)
        whole[:] = np.asarray(outside, dtype=np.float32)[:, None, None]
        self.cut(whole)[:] = maps
        return whole


def window_about(gland: npt.NDArray[np.bool_], size_px: int, spacing_mm: float) -> Window | None:
    """The square about the gland, moved so that it lies within the slices.

    Of several pieces it is the one that is large and lies near the middle of the slices, where whoever scans a prostate
    puts it: each voxel counts by exp(-d²/2σ²) of its distance d, with σ = 25 mm. A thigh that is taken for a gland is
    larger than the gland, and far away.

    Args:
        gland: (S, H, W), what may be gland.
        size_px: Of the square's side.
        spacing_mm: Of a pixel.

    Returns:
        None where there is no gland, where it would not fit with a margin of 8 pixels, or where the slices are no
        larger than the square: the whole slices are the better view then.
    """
    slice_px = gland.shape[1:]
    if not gland.any() or min(slice_px) <= size_px:
        return None
    piece = _likeliest_piece(gland, spacing_mm)
    rows, columns = np.flatnonzero(piece.any(axis=(0, 2))), np.flatnonzero(piece.any(axis=(0, 1)))
    if max(np.ptp(rows), np.ptp(columns)) + 1 + 2 * _MARGIN_PX > size_px:
        return None
    row, column = (_start(places, size_px, n_px) for places, n_px in zip((rows, columns), slice_px, strict=True))
    return Window(row, column, size_px)


def _likeliest_piece(gland: npt.NDArray[np.bool_], spacing_mm: float) -> npt.NDArray[np.bool_]:
    numbers, _ = label_pieces(gland)
    rows, columns = (spacing_mm * (np.arange(n) - (n - 1) / 2) for n in gland.shape[1:])
    near = np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * _NEAR_MM**2))  # (H, W)
    weights = np.bincount(numbers[gland], np.broadcast_to(near, gland.shape)[gland])
    return np.asarray(numbers == weights.argmax(), dtype=np.bool_)


def _start(places: npt.NDArray[np.intp], size_px: int, n_px: int) -> int:
    """The first pixel of the square along an axis along which the gland holds some places."""
    middle = (int(places[0]) + int(places[-1]) + 1 - size_px) // 2
    return min(max(middle, 0), n_px - size_px)
