"""How good an alignment is, from the images alone: how far the diffusion volume would rather lie elsewhere.

The volume, moved by a candidate transform, is shifted against T2W in every direction, and the similarity is measured
after each shift. Where the alignment is right no shift does better, neither of the whole region nor of its parts;
where it is wrong the better places tell how far. Nothing of this is shared with elastix but the family of the
measure. What the evidence means in millimetres was found on simulated studies (`calibration.json`).
"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from zonate.alignment.resample import resample
from zonate.alignment.similarity import binned, similarity_of_bins
from zonate.geometry import Grid, Volume

IN_PLANE_MM, THROUGH_PLANE_MM = 2.0, 2.5
"""Voxels on which quality is measured; a T2W of thicker slices keeps them."""
REACH_MM, PART_REACH_MM = 12.0, 8.0
"""How far the region, and each of its parts, is shifted in search of a better place."""
FAR_MM = 7.5
"""Shifts longer than this cannot be right where no shift is: what they reach is what chance gives."""
INNER_MM = 60.0
"""In-plane side of the box that is divided into parts: the gland and a margin."""
BINS = 24
MINIMUM_VOXELS = 200
STRONG_EDGE_PERCENTILE = 75.0

Shift = tuple[int, int, int]
Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """What the images say of one alignment; all of it is finite.

    Attributes:
        shift_mm: Length of the shift by which the whole region would be more similar, at most about 20 mm.
        part_shift_mm: The same for the parts of the region about the gland, on average.
        distinctness: Normalised mutual information here less the best of any shift longer than `FAR_MM`: at or below 0
            another place looks as good.
        edge_agreement: At T2W's strongest edges about the gland, from 0 to 1: the squared cosine between the gradients
            of both, edges at the level of noise counting less (Haber and Modersitzki, MICCAI 2006).
        overlap_fraction: Share of the region in the field of view of both.
    """

    shift_mm: float
    part_shift_mm: float
    distinctness: float
    edge_agreement: float
    overlap_fraction: float

    def to_json(self) -> dict[str, float]:
        """Names with units to values."""
        return asdict(self)


@dataclass(frozen=True)
class Calibration:
    """From evidence to an expected error.

    Attributes:
        intercept_mm: Of the linear model.
        weights: By name of an `Evidence` figure, or of one of the terms of `_terms`; never negative.
        good_below_mm: An alignment whose estimate is lower is called good.
    """

    intercept_mm: float
    weights: Mapping[str, float]
    good_below_mm: float


@cache
def calibration() -> Calibration:
    """The one that ships, as `benchmarks/alignment/calibrate.py` wrote it."""
    kept = json.loads((resources.files("zonate.alignment") / "calibration.json").read_text(encoding="utf-8"))
    return Calibration(kept["intercept_mm"], kept["weights"], kept["good_below_mm"])


def estimated_error_mm(evidence: Evidence | None, found: Calibration | None = None) -> float:
    """The target registration error in the gland that such evidence goes with; infinite where there is none."""
    if evidence is None:
        return math.inf
    found = found or calibration()
    parts = terms(evidence)
    return found.intercept_mm + sum(weight * parts[name] for name, weight in found.weights.items())


def terms(evidence: Evidence) -> dict[str, float]:
    """What the estimate is a weighted sum of; each grows as an alignment gets worse."""
    return {
        "shift_mm": evidence.shift_mm,
        "part_shift_mm": evidence.part_shift_mm,
        "indistinctness": max(0.0, -evidence.distinctness),
        "edge_disagreement": 1.0 - evidence.edge_agreement,
    }


class Judge:
    """Measures the alignment of diffusion volumes with one T2W; what depends on T2W alone is made once."""

    def __init__(self, t2w: Volume, region_mm: float) -> None:
        """Of a T2W in canonical order (`geometry.to_canonical`), whose first axis is taken for through-plane."""
        self.grid = _coarse_grid(t2w.grid, region_mm + 2 * REACH_MM)
        fixed = resample(_smoothed(t2w), self.grid, sitk.Transform(3, sitk.sitkIdentity)).values
        self._measured = np.isfinite(fixed)
        self._gradient = _gradient(fixed, self.grid)
        self._bins = np.zeros(fixed.shape, dtype=np.intp)
        if self._measured.any():
            self._bins[self._measured] = binned(fixed[self._measured], BINS)
        depth, height, width = np.moveaxis(_from_centre_mm(self.grid), -1, 0)
        self._region = self._measured & (np.maximum(np.abs(height), np.abs(width)) <= region_mm / 2)
        self._inner = self._measured & (np.maximum(np.abs(height), np.abs(width)) <= INNER_MM / 2)
        near = self._inner & (np.abs(depth) <= INNER_MM / 2)
        # Eight parts that overlap by 10 mm, so that each holds some of the gland's edge.
        self._parts = [
            near & (depth * d >= -5) & (height * h >= -5) & (width * w >= -5)
            for d, h, w in itertools.product((-1, 1), repeat=3)
        ]

    def evidence(self, moving: Volume, transform: sitk.Transform) -> Evidence | None:
        """Measure one alignment.

        Args:
            moving: (S', H', W'), NaN where nothing was measured.
            transform: From T2W points to points of the volume, LPS millimetres.

        Returns:
            None where the two have too little in common to say anything: hardly any common voxel, or one is constant.
        """
        values = resample(moving, self.grid, transform).values
        measured = np.isfinite(values)
        common = measured & self._region
        if common.sum() < MINIMUM_VOXELS or np.ptp(values[common]) == 0 or np.ptp(self._bins[common]) == 0:
            return None
        bins = np.full(values.shape, -1, dtype=np.intp)
        bins[measured] = binned(values[measured], BINS)
        similarity, shift_mm = self._search(bins, self._region, REACH_MM)
        lengths = [self._search(bins, part, PART_REACH_MM)[1] for part in self._parts if part.any()]
        far = [value for shift, value in similarity.items() if self._length_mm(shift) > FAR_MM]
        return Evidence(
            shift_mm=shift_mm,
            part_shift_mm=float(np.mean(lengths)) if lengths else shift_mm,
            distinctness=similarity[0, 0, 0] - max(far, default=1.0),
            edge_agreement=self._edge_agreement(values),
            overlap_fraction=float(common.sum() / max(1, self._region.sum())),
        )

    def _search(self, bins: npt.NDArray[np.intp], part: Mask, reach_mm: float) -> tuple[dict[Shift, float], float]:
        """The similarity of a part after each shift that was tried, and the length of the best shift in mm."""
        reach = [int(reach_mm / spacing) for spacing in self.grid.spacing_mm]
        reach[0] = min(reach[0], (bins.shape[0] - 1) // 4)  # enough slices have to be left
        box = _box_within(part, reach)
        fixed, inside = self._bins[box], part[box]
        similarity: dict[Shift, float] = {}

        def measure(shifts: Iterator[Shift]) -> None:
            for shift in shifts:
                if shift not in similarity and all(abs(n) <= r for n, r in zip(shift, reach, strict=True)):
                    there = bins[tuple(slice(s.start + n, s.stop + n) for s, n in zip(box, shift, strict=True))]
                    used = inside & (there >= 0)
                    enough = used.sum() >= MINIMUM_VOXELS
                    similarity[shift] = similarity_of_bins(fixed[used], there[used], BINS) if enough else 1.0

        # Every second place in plane, then the neighbours of the best.
        measure(_places(reach, (1, 2, 2)))
        for _ in range(2):
            best = max(similarity, key=similarity.__getitem__)
            measure((best[0] + d, best[1] + h, best[2] + w) for d, h, w in itertools.product((-1, 0, 1), repeat=3))
        best = max(similarity, key=similarity.__getitem__)
        return similarity, self._length_mm(_refined(similarity, best))

    def _length_mm(self, shift: tuple[float, ...]) -> float:
        return math.hypot(*(n * spacing for n, spacing in zip(shift, self.grid.spacing_mm, strict=True)))

    def _edge_agreement(self, values: Array) -> float:
        """See `Evidence`; 0 where nothing is common or there are no edges."""
        used = self._inner & np.isfinite(values)
        if not used.any():
            return 0.0
        a, b = self._gradient[used], _gradient(values, self.grid)[used]
        a_length, b_length = np.linalg.norm(a, axis=-1), np.linalg.norm(b, axis=-1)
        a_noise, b_noise = np.median(a_length), np.median(b_length)
        if a_noise == 0 or b_noise == 0:
            return 0.0
        product = (a * b).sum(axis=-1) ** 2 / ((a_length**2 + a_noise**2) * (b_length**2 + b_noise**2))
        strong = a_length >= np.percentile(a_length, STRONG_EDGE_PERCENTILE)
        return float(product[strong].mean())


def _coarse_grid(grid: Grid, side_mm: float) -> Grid:
    """About the centre of a T2W grid and along its axes: every slice, and a square in plane."""
    slices, thickness = grid.shape[0], grid.spacing_mm[0]
    step = np.array([max(thickness, THROUGH_PLANE_MM), IN_PLANE_MM, IN_PLANE_MM])
    deep, wide = int((slices - 1) * thickness / step[0]) + 1, 2 * int(side_mm / 2 / IN_PLANE_MM) + 1
    shape = (deep, wide, wide)
    affine = np.eye(4)
    affine[:3, :3] = grid.direction * step
    affine[:3, 3] = grid.centre_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine, grid.frame_of_reference)


def _smoothed(t2w: Volume) -> Volume:
    """T2W without the detail in plane that the coarse grid cannot hold."""
    sigma = [0.0, *(0.35 * IN_PLANE_MM / spacing for spacing in t2w.grid.spacing_mm[1:])]
    return t2w.with_values(ndimage.gaussian_filter(np.nan_to_num(t2w.values).astype(np.float32), sigma))


def _from_centre_mm(grid: Grid) -> npt.NDArray[np.float64]:
    """(S, H, W, 3): how far each voxel lies from the middle along the three axes."""
    index = np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in grid.shape), indexing="ij"), axis=-1)
    offsets: npt.NDArray[np.float64] = index * np.array(grid.spacing_mm)
    return offsets


def _gradient(values: Array, grid: Grid) -> npt.NDArray[np.float64]:
    """(S, H, W, 3) per mm at a scale of about 1.5 mm in plane; what was not measured is filled with the median."""
    measured = np.isfinite(values)
    filled = np.where(measured, values, np.median(values[measured]) if measured.any() else 0)
    smooth = ndimage.gaussian_filter(filled.astype(np.float64), (0.3, 0.7, 0.7))
    along = [
        np.gradient(smooth, spacing, axis=axis) if smooth.shape[axis] > 1 else np.zeros_like(smooth)
        for axis, spacing in enumerate(grid.spacing_mm)
    ]
    return np.stack(along, axis=-1)


def _box_within(part: Mask, reach: list[int]) -> tuple[slice, ...]:
    """The smallest box about a part that can be shifted as far as the reach without leaving the array."""
    return tuple(
        slice(max(int(found.min()), r), min(int(found.max()) + 1, n - r))
        for found, r, n in zip(np.nonzero(part), reach, part.shape, strict=True)
    )


def _places(reach: list[int], step: Shift) -> Iterator[Shift]:
    """Every shift within reach whose parts are multiples of the step; no shift is among them."""
    d, h, w = ([n for n in range(-r, r + 1) if n % s == 0] for r, s in zip(reach, step, strict=True))
    return itertools.product(d, h, w)


def _refined(similarity: Mapping[Shift, float], best: Shift) -> tuple[float, ...]:
    """The top of the parabola through the best place and its neighbours, along each axis by itself."""
    refined = []
    for axis in range(3):
        before, after = ([n + by * (a == axis) for a, n in enumerate(best)] for by in (-1, 1))
        low = similarity.get((before[0], before[1], before[2]))
        high = similarity.get((after[0], after[1], after[2]))
        bend = 0.0 if low is None or high is None else low - 2 * similarity[best] + high
        refined.append(
            best[axis] + (0.5 * (low - high) / bend if bend < 0 and low is not None and high is not None else 0)
        )
    return tuple(refined)
