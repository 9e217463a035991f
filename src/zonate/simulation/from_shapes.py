"""T2W-like images for glands whose zones an expert drew and whose image is not there.

A patient with image and zones lends everything around the gland and its tissue (the host); the gland is warped onto
the shape, so that the zones lie exactly as they were drawn. What the warp leaves of another zone is filled in from
the right one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Grid, Volume
from zonate.simulation.appearance import redraw
from zonate.simulation.endorectal_coil import insert_coil
from zonate.simulation.morph import Zones, at_pixels, morph
from zonate.simulation.physics import spin_echo
from zonate.simulation.texture import Texture
from zonate.simulation.tissue import Tissue, column
from zonate.zones import ZONES_OF_CODE, LabelCode, Zone

Mask = npt.NDArray[np.bool_]
Image = npt.NDArray[np.float32]
Parts = npt.NDArray[np.uint8]

OUTSIDE, PERIPHERAL, INNER = 0, 1, 2
"""Parts of a slice, as the host and the shape both tell them apart."""

WITH_COIL = 0.25
"""How often there is an endorectal coil."""

_NEAR_MM = 5.0
_TEXTURE_MM = 1.2
_TR_MS, _TE_MS = 4500.0, 100.0
_THIN_SHARE = 0.7


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
    parts, host_parts = parts_of(shape.values), parts_of(host_zones.values)
    for name, found in (("shape", parts), ("host", host_parts)):
        if not ((found == PERIPHERAL).any() and (found == INNER).any()):
            raise ValueError(f"the {name} needs a peripheral zone and a central gland, found values {np.unique(found)}")
    slices, matching = _matching_slices(parts, host_parts, shape.grid, host_t2w.grid)
    image = np.nan_to_num(host_t2w.values.astype(np.float32))[matching]
    wanted = _zones(parts[slices], shape.grid)
    host = _zones(host_parts[matching], host_t2w.grid)
    window = (slices, *_window(wanted, host))
    rows, columns = (one[(slice(None), *window[1:])] for one in morph(wanted, host))
    grid = _cut(shape.grid, window)
    t2w = at_pixels(image, rows, columns, order=3)
    np.clip(t2w, image.min(), image.max(), out=t2w)
    zones = shape.values[window]
    parts = parts[window]
    brought = at_pixels(host_parts[matching].astype(np.float32), rows, columns, order=0).astype(np.uint8)
    t2w = _with_thin_zones(_fill(t2w, parts, brought, grid.spacing_mm, rng), zones, parts == INNER)
    if drawn:
        t2w = redraw(t2w, zones, grid, rng)
    if rng.random() < WITH_COIL:
        t2w = insert_coil(t2w, parts != OUTSIDE, grid, rng)
    gland = parts != OUTSIDE
    return Synthetic(Volume(t2w, grid), Volume(zones, grid), float((brought != parts)[gland].mean()))


def unlikeness(shape: Volume, host: Volume) -> float:
    """How badly a host's gland would serve a shape: their logarithms of volume, and PZ's share from apex to base.

    Args:
        shape: Label codes (S, H, W) in canonical order, with some gland.
        host: The same, of another grid.

    Returns:
        0 for the same gland; 1 where one is e times as large as the other, or all PZ and the other has none.
    """
    (ml, pz), (host_ml, host_pz) = _profile(shape), _profile(host)
    return float(np.hypot(np.log(ml / host_ml), np.sqrt(((pz - host_pz) ** 2).mean())))


def parts_of(codes: npt.NDArray[np.uint8]) -> Parts:
    """OUTSIDE, PERIPHERAL or INNER for label codes of any shape; what is not annotated counts as outside."""
    table = np.zeros(256, np.uint8)
    for code, zones in ZONES_OF_CODE.items():
        if zones and Zone.BACKGROUND not in zones:
            table[code] = PERIPHERAL if zones == {Zone.PZ} else INNER
    table[LabelCode.WHOLE_GLAND] = OUTSIDE
    return table[codes]


def _profile(zones: Volume) -> tuple[float, npt.NDArray[np.float64]]:
    """Volume in ml, and PZ's share of the gland at eight heights from apex to base."""
    parts = parts_of(zones.values)
    gland, pz = ((mask).sum(axis=(1, 2)) for mask in (parts != OUTSIDE, parts == PERIPHERAL))
    held = np.flatnonzero(gland)
    heights = np.linspace(0, len(held) - 1, 8)
    return float(gland.sum()) * zones.grid.voxel_volume_ml, np.interp(heights, np.arange(len(held)), (pz / np.maximum(gland, 1))[held])


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


def _with_thin_zones(image: Image, zones: npt.NDArray[np.uint8], inner: Mask) -> Image:
    """Distal urethra and anterior stroma, which a host need not have, as bright against TZ as their T2 makes them."""
    signal = spin_echo(column("proton_density"), column("t1_ms"), column("t2_ms"), _TR_MS, _TE_MS)
    usual = float(np.median(image[inner])) if inner.any() else 0.0
    out = image.copy()
    for code, tissue in ((LabelCode.DPU, Tissue.URETHRA), (LabelCode.AFS, Tissue.ANTERIOR_STROMA)):
        mask = zones == code
        if mask.any():
            mean = usual * float(signal[tissue] / signal[Tissue.TRANSITION_ZONE])
            weight = ndimage.gaussian_filter(mask.astype(np.float32), (0, 1, 1))
            out += np.where(mask, weight * (mean - image) * _THIN_SHARE, 0)
    return out


def _fill(
    image: Image, parts: Parts, brought: Parts, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> Image:
    """Tissue of the right part where the warp brought that of another: the border mirrored, or drawn further away."""
    filled = image.copy()
    for part in (OUTSIDE, PERIPHERAL, INNER):
        right = (parts == part) & (brought == part)
        wrong = (parts == part) & ~right
        if not wrong.any():
            continue
        known = image[right & ndimage.binary_dilation(parts != OUTSIDE, iterations=8)] if part == OUTSIDE else image[right]
        texture = Texture.draw(rng, _TEXTURE_MM)
        for s in np.flatnonzero(wrong.any(axis=(1, 2))):
            at = np.argwhere(wrong[s])  # (n, 2)
            points_mm = np.column_stack([np.full(len(at), s), at]) * spacing_mm
            low, middle, high = np.percentile(known if known.size else image, [16, 50, 84])
            values = middle + (high - low) / 2 * texture.at(points_mm)
            if right[s].any():
                distance, nearest = ndimage.distance_transform_edt(~right[s], sampling=spacing_mm[1:], return_indices=True)
                source = nearest[:, wrong[s]].T
                mirrored = np.clip(2 * source - at, 0, np.array(right[s].shape) - 1)
                good = right[s][tuple(mirrored.T)]
                source = np.where(good[:, None], mirrored, source)
                weight = np.clip(2 - distance[wrong[s]] / _NEAR_MM, 0, 1)
                values = weight * image[s][tuple(source.T)] + (1 - weight) * values
            filled[s][wrong[s]] = values
    return filled
