"""A case as another scanner, protocol or bladder would have shown it, with its labels: real images, changed.

Each takes a case whose axes are canonical (S to superior, H to posterior, W to left) and gives one that `predict` could
be given. DWI and ADC are not changed: the patients have none.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.case import Case
from zonate.dataset.degradation import AS_IT_IS
from zonate.geometry import Grid, Volume, to_canonical
from zonate.zones import LabelCode

Imitation = Callable[[Case], Case]
_Array = npt.NDArray[np.float32]

_COIL_GAIN, _COIL_REACH_MM = 6.0, 22.0  # at its surface, times; where a gain has fallen to exp(-1/2)
_COIL_BEHIND_MM = 8.0  # of the gland's back
_BLADDER_MM = (28.0, 24.0, 34.0)  # half axes along S, H, W
_ABOUT_BLADDER = 1.8  # half axes within which what is bright is taken for urine
_NOISE = 0.05  # of an image's spread, in what is put into it


def canonical(case: Case) -> Case:
    """The case with its axes in canonical order, nothing resampled."""
    labels = None if case.labels is None else to_canonical(case.labels)
    return replace(case, t2w=to_canonical(case.t2w), dwi=None, adc=None, labels=labels)


def field_of_view(side_mm: float) -> Imitation:
    """A square field of view about the image's middle: cropped, or widened by dark zeros."""

    def imitate(case: Case) -> Case:
        _, height_mm, width_mm = case.t2w.grid.spacing_mm
        sides = [round(side_mm / height_mm), round(side_mm / width_mm)]
        starts = [(n - side) // 2 for n, side in zip(case.t2w.grid.shape[1:], sides, strict=True)]
        return _cut(case, (starts[0], starts[1]), (sides[0], sides[1]))

    return imitate


def dark_border(factor: float, *, noisy: bool = False) -> Imitation:
    """The field of view widened by a factor, dark beyond what was measured; noisy: as a magnitude image is there."""

    def imitate(case: Case) -> Case:
        height, width = case.t2w.grid.shape[1:]
        sides = round(factor * height), round(factor * width)
        wide = _cut(case, ((height - sides[0]) // 2, (width - sides[1]) // 2), sides)
        if not noisy:
            return wide
        noise = np.abs(_noise(wide.t2w.values, _spread(case.t2w.values)))
        return _with_t2w(wide, np.where(wide.t2w.values == 0, noise, wide.t2w.values))

    return imitate


def off_centre(down_mm: float, right_mm: float) -> Imitation:
    """The gland that far from the image's middle: what lies on the other side is cut off."""

    def imitate(case: Case) -> Case:
        _, height_mm, width_mm = case.t2w.grid.spacing_mm
        shifts = [round(2 * down_mm / height_mm), round(2 * right_mm / width_mm)]
        sides = [n - abs(shift) for n, shift in zip(case.t2w.grid.shape[1:], shifts, strict=True)]
        return _cut(case, (max(0, -shifts[0]), max(0, -shifts[1])), (sides[0], sides[1]))

    return imitate


def matrix(pixels: int) -> Imitation:
    """The same field of view in so many rows and in columns to match."""

    def imitate(case: Case) -> Case:
        height = case.t2w.grid.shape[1]
        return _resampled(case, (1.0, height / pixels, height / pixels))

    return imitate


def slice_distance(distance_mm: float) -> Imitation:
    """Slices of another thickness and distance."""
    return lambda case: _resampled(case, (distance_mm / case.t2w.grid.spacing_mm[0], 1.0, 1.0))


def contrast(exponent: float) -> Imitation:
    """Grey values between the 1st and 99th percentile raised to a power: below 1 brightens, above 1 darkens."""

    def imitate(case: Case) -> Case:
        low, high = np.nanpercentile(case.t2w.values, [1, 99])
        scaled = np.clip((case.t2w.values - low) / (high - low), 0, None)
        return _with_t2w(case, scaled**exponent * (high - low) + low)

    return imitate


def endorectal_coil(case: Case) -> Case:
    """The signal rises steeply towards the rectum, as a coil in it gives it."""
    gland = _gland(case)
    s, h, w = np.nonzero(gland)
    spacing_mm = case.t2w.grid.spacing_mm
    coil = np.array([s.mean(), h.max() + _COIL_BEHIND_MM / spacing_mm[1], w.mean()])
    distance_mm = _distance(case.t2w.grid, coil, (0.0, 1.0, 1.0))  # a long coil: the same in every slice
    gain = 1 + (_COIL_GAIN - 1) * np.exp(-0.5 * (distance_mm / _COIL_REACH_MM) ** 2)
    return _with_t2w(case, case.t2w.values * gain)


def full_bladder(case: Case) -> Case:
    """A large bladder, bright as urine, on the gland's base."""
    inside = (_from_bladder(case) < 1) & ~_gland(case)
    return _filled(case, inside, percentile=98)


def empty_bladder(case: Case) -> Case:
    """Whatever is bright about where the bladder lies as dark as muscle."""
    bright = case.t2w.values > np.nanpercentile(case.t2w.values, 85)
    about = (_from_bladder(case) < _ABOUT_BLADDER) & ~_gland(case)
    pieces, _ = ndimage.label(bright & about)
    counts = np.bincount(pieces.ravel())
    counts[0] = 0
    inside = (pieces == counts.argmax()) & (counts.max() > 0)
    return _filled(case, np.asarray(ndimage.binary_closing(inside), dtype=np.bool_) & about, percentile=25)


def after(first: Imitation, then: Imitation) -> Imitation:
    """One after the other."""
    return lambda case: then(first(case))


IMITATIONS: Mapping[str, Imitation] = {
    AS_IT_IS: lambda case: case,
    "field of view 100 mm": field_of_view(100),
    "field of view 140 mm": field_of_view(140),
    "field of view 220 mm, dark beyond the image": field_of_view(220),
    "field of view 140 mm, dark to 1.3 times": after(field_of_view(140), dark_border(1.3)),
    "field of view 140 mm, dark and noisy to 1.3 times": after(field_of_view(140), dark_border(1.3, noisy=True)),
    "15 mm forward of the middle": off_centre(-15, 0),
    "15 mm behind the middle": off_centre(15, 0),
    "15 mm to the left of the middle": off_centre(0, 15),
    "matrix 256": matrix(256),
    "matrix 640": matrix(640),
    "slices of 1.5 mm": slice_distance(1.5),
    "slices of 4.5 mm": slice_distance(4.5),
    "endorectal coil": endorectal_coil,
    "bladder full": full_bladder,
    "bladder empty": empty_bladder,
    "contrast flatter": contrast(0.6),
    "contrast steeper": contrast(1.7),
}


def _cut(case: Case, start: tuple[int, int], sides: tuple[int, int]) -> Case:
    """Rows and columns from a start on; what lies outside is 0 in the image and BACKGROUND in the labels."""
    grid = case.t2w.grid
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm((0, *start))
    shape = (grid.shape[0], *sides)
    cut = Grid(shape, affine, grid.frame_of_reference)
    inside = [
        slice(max(0, a), max(0, min(n, a + side))) for a, side, n in zip(start, sides, grid.shape[1:], strict=True)
    ]
    to = [slice(part.start - a, part.stop - a) for a, part in zip(start, inside, strict=True)]

    def moved(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        out = np.zeros(shape, dtype=values.dtype)
        out[:, to[0], to[1]] = values[:, inside[0], inside[1]]
        return out

    labels = None if case.labels is None else Volume(moved(case.labels.values), cut)
    return replace(case, t2w=Volume(moved(case.t2w.values), cut), labels=labels)


def _resampled(case: Case, steps: tuple[float, float, float]) -> Case:
    """Voxels that are so many times as large along S, H, W: averaged where larger; labels by nearest neighbour."""
    grid = case.t2w.grid
    counts = [max(1, round(n / step)) for n, step in zip(grid.shape, steps, strict=True)]
    positions = [(np.arange(n) + 0.5) * step - 0.5 for n, step in zip(counts, steps, strict=True)]
    affine = grid.affine.copy()
    affine[:3, :3] *= steps
    affine[:3, 3] = grid.to_mm([places[0] for places in positions])
    coarse = Grid((counts[0], counts[1], counts[2]), affine, grid.frame_of_reference)
    coordinates = np.stack(np.meshgrid(*positions, indexing="ij"))
    smoothed = ndimage.gaussian_filter(case.t2w.values, [max(0.0, step - 1) / 2 for step in steps])
    image = ndimage.map_coordinates(smoothed, coordinates, order=1, mode="nearest")
    labels = None
    if case.labels is not None:
        nearest = ndimage.map_coordinates(case.labels.values, coordinates, order=0, mode="nearest")
        labels = Volume(nearest, coarse)
    return replace(case, t2w=Volume(image.astype(np.float32), coarse), labels=labels)


def _from_bladder(case: Case) -> _Array:
    """(S, H, W): 1 at the wall of an ellipsoid on the gland's base, a little before its middle; less within."""
    s, h, w = np.nonzero(_gland(case))
    grid = case.t2w.grid
    rise = 0.8 * _BLADDER_MM[0] / grid.spacing_mm[0]
    middle = np.array([s.max() + rise, h.mean() - 0.25 * np.ptp(h), w.mean()])
    return _distance(grid, middle, (1 / _BLADDER_MM[0], 1 / _BLADDER_MM[1], 1 / _BLADDER_MM[2]))


def _filled(case: Case, inside: npt.NDArray[np.bool_], *, percentile: float) -> Case:
    """One grey value with some noise, softly bordered, never in the gland."""
    softened = ndimage.gaussian_filter(inside.astype(np.float32), (0, 1, 1)) * ~_gland(case)
    value = np.nanpercentile(case.t2w.values, percentile) + _noise(case.t2w.values, _spread(case.t2w.values))
    return _with_t2w(case, case.t2w.values * (1 - softened) + value * softened)


def _distance(grid: Grid, middle: npt.NDArray[np.float64], scale: tuple[float, float, float]) -> _Array:
    """(S, H, W): the distance in mm from an index, each axis scaled."""
    axes = [
        (np.arange(n) - at) * spacing * by
        for n, at, spacing, by in zip(grid.shape, middle, grid.spacing_mm, scale, strict=True)
    ]
    s, h, w = np.meshgrid(*axes, indexing="ij")
    return np.asarray(np.sqrt(s**2 + h**2 + w**2), dtype=np.float32)


def _gland(case: Case) -> npt.NDArray[np.bool_]:
    if case.labels is None:
        raise ValueError(f"case {case.case_id}: where nothing is drawn, nothing can be put beside the gland")
    return ~np.isin(case.labels.values, [LabelCode.BACKGROUND, LabelCode.NOT_ANNOTATED])


def _spread(values: _Array) -> float:
    low, high = np.nanpercentile(values, [1, 99])
    return float(high - low)


def _noise(values: _Array, spread: float) -> _Array:
    """The same each time."""
    return np.random.default_rng(0).normal(0, _NOISE * spread, values.shape).astype(np.float32)


def _with_t2w(case: Case, values: npt.NDArray[np.floating]) -> Case:
    return replace(case, t2w=case.t2w.with_values(values.astype(np.float32)))
