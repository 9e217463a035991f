"""A smooth warp, slice by slice, that carries the gland of one patient onto the shape of another's."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Field = npt.NDArray[np.float32]

LATTICE_MM = 1.5
"""Distance of the points at which the warp is computed; between them it is linear."""
REACH_MM = 45.0
"""How far beyond the gland the pelvis is moved with it."""

_CLIP_MM = 10.0
_SPREADS_MM = (4.0,) * 8 + (2.5,) * 12 + (1.5,) * 18
"""By how much the step of each iteration is smoothed: coarse shape first."""
_STIFFNESS_MM = 0.6
_ALONG_SLICES = 0.5
_LARGEST_STEP_MM = 1.5
_SCALES = (0.35, 2.8)


@dataclass(frozen=True, eq=False)
class Zones:
    """A gland's two parts in slices that belong to each other one for one.

    Attributes:
        gland: (S, H, W) bool.
        inner: (S, H, W) bool: the gland without its peripheral zone.
        spacing_mm: Along S, H, W.
        centre_px: Row and column that are laid upon each other: the two glands' middles.
    """

    gland: Mask
    inner: Mask
    spacing_mm: tuple[float, float, float]
    centre_px: tuple[float, float]


def morph(shape: Zones, host: Zones) -> tuple[Field, Field]:
    """Where in the host each pixel of the shape's grid is found.

    The ellipses of the two glands are laid upon each other slice by slice; then demons move the border of the gland
    and that of its inner part, and the field is smoothed after each step. Nothing moves beyond `REACH_MM`.

    Args:
        shape: What the result has to look like.
        host: Of the same number of slices, those at one index belonging together.

    Returns:
        Rows and columns of the host, (S, H, W) float32 each, on the shape's grid.

    Source: Thirion, Image matching as a diffusion process, Med Image Anal 1998, on signed distances.
    """
    lattice = _Lattice.around(shape)
    wanted = lattice.sample([_signed_mm(m, shape.spacing_mm) for m in (shape.gland, shape.inner)], shape)
    found = [_signed_mm(m, host.spacing_mm) for m in (host.gland, host.inner)]
    start = _ellipses(shape, host, lattice)
    rest = np.zeros_like(start)
    for spread_mm in _SPREADS_MM:
        moving = lattice.sample(found, host, start + rest)
        step = np.zeros_like(rest)
        for target, now in zip(wanted, moving, strict=True):
            gap = target - now
            slope = np.stack([np.gradient(now, LATTICE_MM, axis=axis) for axis in (1, 2)])  # (2, S, H, W)
            step += gap * slope / ((slope**2).sum(axis=0) + 0.05 * gap**2 + 1e-3)
        step = np.clip(step / len(wanted), -_LARGEST_STEP_MM, _LARGEST_STEP_MM)
        rest = _smooth(rest + _smooth(step, spread_mm), _STIFFNESS_MM)
    return lattice.onto_pixels(start + rest, shape, host)


@dataclass(frozen=True, eq=False)
class _Lattice:
    """Points in mm from the glands' middles: `rows` and `columns`."""

    rows: Field
    columns: Field

    @classmethod
    def around(cls, zones: Zones) -> "_Lattice":
        axes = []
        for axis in (1, 2):
            held = np.flatnonzero(zones.gland.any(axis=tuple(other for other in range(3) if other != axis)))
            ends = (held[[0, -1]] - zones.centre_px[axis - 1]) * zones.spacing_mm[axis]
            axes.append(np.arange(ends[0] - REACH_MM, ends[1] + REACH_MM, LATTICE_MM, dtype=np.float32))
        return cls(*axes)

    def points(self) -> Field:
        """(2, 1, h, w) mm: the same in every slice."""
        return np.stack(np.meshgrid(self.rows, self.columns, indexing="ij"))[:, None]

    def sample(self, values: list[Field], zones: Zones, displacement_mm: Field | None = None) -> list[Field]:
        """Each of the values (S, H, W) at the lattice's points, moved by (2, S, h, w) mm."""
        still = np.zeros((2, len(zones.gland), 1, 1), np.float32)
        points = self.points() + (still if displacement_mm is None else displacement_mm)
        rows, columns = (points[k] / zones.spacing_mm[k + 1] + zones.centre_px[k] for k in range(2))
        return [at_pixels(one, rows, columns) for one in values]

    def onto_pixels(self, displacement_mm: Field, shape: Zones, host: Zones) -> tuple[Field, Field]:
        """Rows and columns of the host (S, H, W) for every pixel of the shape's grid."""
        n, height, width = shape.gland.shape
        rows_mm = (np.arange(height) - shape.centre_px[0]) * shape.spacing_mm[1]
        columns_mm = (np.arange(width) - shape.centre_px[1]) * shape.spacing_mm[2]
        at = np.meshgrid(
            (rows_mm - self.rows[0]) / LATTICE_MM, (columns_mm - self.columns[0]) / LATTICE_MM, indexing="ij"
        )
        rows, columns = (np.empty((n, height, width), np.float32) for _ in range(2))
        for s in range(n):
            moved = [ndimage.map_coordinates(displacement_mm[k, s], at, order=1, mode="constant") for k in range(2)]
            rows[s] = (rows_mm[:, None] + moved[0]) / host.spacing_mm[1] + host.centre_px[0]
            columns[s] = (columns_mm[None, :] + moved[1]) / host.spacing_mm[2] + host.centre_px[1]
        return rows, columns


def at_pixels(values: npt.NDArray[np.float32], rows: Field, columns: Field, order: Literal[0, 1, 3] = 1) -> Field:
    """Values (S, H', W') slice by slice at rows and columns (S, H, W); beyond the edge the edge is repeated."""
    out = np.empty(rows.shape, np.float32)
    for s, slice_values in enumerate(values):
        at = np.stack([rows[s], columns[s]])
        ndimage.map_coordinates(slice_values, at, output=out[s], order=order, mode="nearest")
    return out


def _signed_mm(mask: Mask, spacing_mm: tuple[float, float, float]) -> Field:
    """Distance to the border in each slice (S, H, W) mm, positive inside, no larger than `_CLIP_MM` either way."""
    out = np.full(mask.shape, -_CLIP_MM, np.float32)
    for s in np.flatnonzero(mask.any(axis=(1, 2))):
        inside = ndimage.distance_transform_edt(mask[s], sampling=spacing_mm[1:])
        out[s] = inside - ndimage.distance_transform_edt(~mask[s], sampling=spacing_mm[1:])
    return np.clip(out, -_CLIP_MM, _CLIP_MM)


def _ellipses(shape: Zones, host: Zones, lattice: _Lattice) -> Field:
    """Displacement (2, S, h, w) mm that lays the gland's ellipses upon each other and fades beyond the gland."""
    middle, width = _moments(shape)
    host_middle, host_width = _moments(host)
    scale = np.clip(host_width / width, *_SCALES)  # (S, 2)
    distance = ndimage.distance_transform_edt(~shape.gland, sampling=shape.spacing_mm).astype(np.float32)
    (distance,) = lattice.sample([distance], shape)
    fade = np.clip(1 - distance / REACH_MM, 0, 1)
    fade = fade**2 * (3 - 2 * fade)
    points = lattice.points()
    middle, host_middle, scale = (one.T[:, :, None, None] for one in (middle, host_middle, scale))  # (2, S, 1, 1)
    return np.asarray(fade * (host_middle + (points - middle) * scale - points), np.float32)


def _moments(zones: Zones) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middle and standard deviation (S, 2) of each slice's gland in mm; smooth along S, the next slice's beyond it."""
    held = np.flatnonzero(zones.gland.any(axis=(1, 2)))
    middle, width = np.empty((len(held), 2)), np.empty((len(held), 2))
    for k, s in enumerate(held):
        points = (np.argwhere(zones.gland[s]) - zones.centre_px) * zones.spacing_mm[1:]
        middle[k], width[k] = points.mean(axis=0), points.std(axis=0) + zones.spacing_mm[1]
    nearest = np.clip(np.arange(len(zones.gland)) - held[0], 0, held[-1] - held[0])
    every = np.interp(np.arange(held[0], held[-1] + 1), held, np.arange(len(held))).round().astype(int)
    out = [ndimage.gaussian_filter1d(one[every], 0.7, axis=0, mode="nearest")[nearest] for one in (middle, width)]
    return out[0], out[1]


def _smooth(field: Field, spread_mm: float) -> Field:
    """(2, S, h, w), in plane by a Gaussian of `spread_mm`, and a little along the slices."""
    sigma = (0, _ALONG_SLICES, spread_mm / LATTICE_MM, spread_mm / LATTICE_MM)
    return np.asarray(ndimage.gaussian_filter(field, sigma, truncate=3.0), np.float32)
