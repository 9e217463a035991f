"""The outlines of a structure on one slice, as polygons."""

from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt
from contourpy import FillType, contour_generator

from zonate.geometry import box_about
from zonate.io.borders import level_that_encloses, signed_distance_mm

Polygon = npt.NDArray[np.float64]
"""(N, 2): row and column of each corner, in pixels; the last one joins the first."""

_MARGIN = 1
"""Empty pixels around what is drawn, so that its outline closes where it reaches the edge of the image."""
_OuterOffset = tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.uint32]]]
"""What contourpy gives: per piece the corners (x, y) of all its rings, and where each ring begins."""


def outlines(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]) -> list[Polygon]:
    """Draw around what is drawn on a slice.

    Args:
        mask: (H, W).
        spacing_mm: Along H and W.

    Returns:
        One polygon a connected piece, which together enclose as much area as the pixels have, and the very pixel
        centres. A hole is joined to the border around it by a channel without width (the keyhole of PS3.3 C.8.8.6.3),
        so that every reader that fills a polygon leaves it out. Empty where nothing is drawn.
    """
    if not mask.any():
        return []
    box = box_about(mask)
    padded = np.pad(mask[box], _MARGIN)
    first = np.array([side.start for side in box]) - _MARGIN
    distances = signed_distance_mm(padded, spacing_mm)
    wanted = float(mask.sum())
    level = level_that_encloses(wanted, lambda mm: sum(_area(ring) for ring in _rings(distances, mm)), spacing_mm)
    return [_keyholed(rings) + first for rings in _pieces(distances, level or 0.0)]


def _rings(distances: npt.NDArray[np.float64], level: float) -> list[Polygon]:
    return [ring for rings in _pieces(distances, level) for ring in rings]


def _pieces(distances: npt.NDArray[np.float64], level: float) -> list[list[Polygon]]:
    """Per connected piece, its outer ring and then its holes, which run the other way round."""
    generator = contour_generator(z=distances, name="serial", fill_type=FillType.OuterOffset)
    points, offsets = cast("_OuterOffset", generator.filled(level, distances.max() + 1))
    return [
        [corners[start : end - 1, ::-1] for start, end in pairwise(starts)]  # the last corner repeats the first
        for corners, starts in zip(points, offsets, strict=True)
    ]


def _area(ring: Polygon) -> float:
    """Positive for an outer ring, negative for a hole, in pixels."""
    rows, columns = ring.T
    return float(np.dot(np.roll(rows, -1), columns) - np.dot(rows, np.roll(columns, -1))) / 2


def _keyholed(rings: list[Polygon]) -> Polygon:
    """One ring that goes around the outer border and, by way of the shortest channels, around every hole.

    The hole that lies nearest to what is joined already comes next, so that no channel crosses another hole.
    """
    joined, holes = rings[0], rings[1:]
    while holes:
        channels = [_shortest(joined, hole) for hole in holes]
        nearest = int(np.argmin([length for length, _, _ in channels]))
        _, here, there = channels[nearest]
        hole = holes.pop(nearest)
        around = np.concatenate([hole[there:], hole[: there + 1]])
        joined = np.concatenate([joined[: here + 1], around, joined[here:]])
    return joined


def _shortest(ring: Polygon, hole: Polygon) -> tuple[float, int, int]:
    """Length of the shortest channel between corners of the two, and the corners' numbers."""
    squared = ((ring[:, None] - hole[None]) ** 2).sum(axis=-1)
    here, there = np.unravel_index(squared.argmin(), squared.shape)
    return float(squared[here, there]), int(here), int(there)
