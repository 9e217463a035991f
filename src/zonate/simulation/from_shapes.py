"""T2W-like images for glands whose zones an expert drew and whose image is not there.

A patient with image and zones lends everything around the gland and its tissue (the host); the gland is warped onto
the shape, so that the zones lie exactly as they were drawn. What the warp leaves of another zone is filled in from
the right one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zonate.geometry import Grid, Volume
from zonate.simulation.appearance import redraw
from zonate.simulation.endorectal_coil import insert_coil
from zonate.simulation.filling import fill, with_thin_zones
from zonate.simulation.morph import Zones, at_pixels, morph
from zonate.simulation.parts import INNER, OUTSIDE, Parts, has_both_parts, parts_of

WITH_COIL = 0.25
"""How often there is an endorectal coil."""


@dataclass(frozen=True, eq=False)
class Synthetic:
    """An image and its zones on one grid.

    Attributes:
        t2w: (S, H, W) float32.
        zones: (S, H, W) uint8 label codes, to the voxel those of the shape.
        filled: Share of the gland's voxels whose tissue the warp did not bring.
    """

    t2w: Volume
    zones: Volume
    filled: float


def synthesise_image(
    shape: Volume, host_t2w: Volume, host_zones: Volume, rng: np.random.Generator, *, drawn: bool
) -> Synthetic:
    """Put a shape in the place of a host's gland.

    The result lies on the shape's grid, cut to where the host has an image: its zones are never resampled, and its
    slices are the host's, each whole, so that nothing is blurred along S.

    Args:
        shape: Label codes (S, H, W) uint8 in canonical order, with some PZ and some of the other zones.
        host_t2w: (S', H', W') in canonical order.
        host_zones: Label codes on the same grid, with some PZ and some of the other zones.
        rng: Of everything that is drawn.
        drawn: False keeps the host's intensities; True draws contrast, texture, shading, blur and noise anew.

    Raises:
        ValueError: The shape or the host has no PZ, or nothing but PZ.
    """
    for name, zones in (("shape", shape), ("host", host_zones)):
        if not has_both_parts(zones.values):
            raise ValueError(f"the {name} needs a PZ and a central gland, found the codes {np.unique(zones.values)}")
    parts, host_parts = parts_of(shape.values), parts_of(host_zones.values)
    slices, matching = _matching_slices(parts, host_parts, shape.grid, host_t2w.grid)
    image = np.nan_to_num(host_t2w.values.astype(np.float32))[matching]
    wanted = _zones(parts[slices], shape.grid)
    host = _zones(host_parts[matching], host_t2w.grid)
    window = (slices, *_window(wanted, host))
    rows, columns = (one[(slice(None), *window[1:])] for one in morph(wanted, host))
    grid = _cut(shape.grid, window)
    t2w = np.clip(at_pixels(image, rows, columns, order=3), image.min(), image.max())
    codes, parts = shape.values[window], parts[window]
    brought = at_pixels(host_parts[matching].astype(np.float32), rows, columns, order=0).astype(np.uint8)
    t2w = with_thin_zones(fill(t2w, parts, brought, grid.spacing_mm, rng), codes)
    if drawn:
        t2w = redraw(t2w, codes, grid, rng)
    if rng.random() < WITH_COIL:
        t2w = insert_coil(t2w, parts != OUTSIDE, grid, rng)
    gland = parts != OUTSIDE
    return Synthetic(Volume(t2w, grid), Volume(codes, grid), float((brought != parts)[gland].mean()))


def _matching_slices(parts: Parts, host: Parts, grid: Grid, host_grid: Grid) -> tuple[slice, npt.NDArray[np.intp]]:
    """The slices of the shape for which there is one of the host, and which: apex on apex, base on base."""
    held, host_held = (np.flatnonzero(one.any(axis=(1, 2))) for one in (parts, host))
    n, host_n = held[-1] - held[0] + 1, host_held[-1] - host_held[0] + 1
    s = np.arange(len(parts))
    rate = grid.spacing_mm[0] / host_grid.spacing_mm[0]
    below, above = np.minimum(s - held[0], 0) * rate, np.maximum(s - held[-1], 0) * rate
    within = (np.clip(s - held[0], 0, n - 1) + 0.5) * host_n / n - 0.5
    matching = np.rint(host_held[0] + np.clip(within, 0, host_n - 1) + below + above).astype(np.intp)
    kept = np.flatnonzero((matching >= 0) & (matching < len(host)))
    return slice(int(kept[0]), int(kept[-1]) + 1), matching[kept]


def _zones(parts: Parts, grid: Grid) -> Zones:
    gland = parts != OUTSIDE
    _, row, column = np.argwhere(gland).mean(axis=0)
    return Zones(gland, parts == INNER, grid.spacing_mm, (float(row), float(column)))


def _window(shape: Zones, host: Zones) -> tuple[slice, slice]:
    """Rows and columns of the shape's grid that the host's image covers."""
    window = []
    for axis in (1, 2):
        mm = (np.arange(shape.gland.shape[axis]) - shape.centre_px[axis - 1]) * shape.spacing_mm[axis]
        ends = (np.array([0, host.gland.shape[axis] - 1]) - host.centre_px[axis - 1]) * host.spacing_mm[axis]
        kept = np.flatnonzero((mm >= ends[0]) & (mm <= ends[1]))
        held = np.flatnonzero(shape.gland.any(axis=tuple(other for other in range(3) if other != axis)))
        window.append(slice(int(min(kept[0], held[0])), int(max(kept[-1], held[-1])) + 1))
    return window[0], window[1]


def _cut(grid: Grid, window: tuple[slice, slice, slice]) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm([one.start for one in window])
    shape = [one.stop - one.start for one in window]
    return Grid((shape[0], shape[1], shape[2]), affine)
