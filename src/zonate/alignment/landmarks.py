"""How far the alignment leaves apart what a person marked as the same place: target registration error."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from zonate.alignment.candidates import HEADER
from zonate.errors import GeometryError
from zonate.geometry import Grid
from zonate.io.landmarks import LandmarkPairs

OUTSIDE_TOLERANCE_MM = 5.0
"""A landmark further than this outside the T2W's voxels was placed in another study or another coordinate system."""


@dataclass(frozen=True)
class LandmarkErrors:
    """Target registration error at landmarks, in mm: through the chosen transform, and as the header has it.

    The observer's own error of placing both points is in every figure, so that a perfect alignment does not
    reach 0.

    Attributes:
        n: Pairs.
        mean_mm: Through the chosen transform, as the next three.
        median_mm: In mm.
        p95_mm: 95th percentile, linear between the values; near the largest where there are few pairs.
        max_mm: In mm.
        header_mean_mm: In the scanner's geometry, as the next three; the same where the header was chosen.
        header_median_mm: In mm.
        header_p95_mm: In mm.
        header_max_mm: In mm.
        error_mm: Through the chosen transform, by the landmark's name.
        header_error_mm: In the scanner's geometry, by the landmark's name.
    """

    n: int
    mean_mm: float
    median_mm: float
    p95_mm: float
    max_mm: float
    header_mean_mm: float
    header_median_mm: float
    header_p95_mm: float
    header_max_mm: float
    error_mm: Mapping[str, float]
    header_error_mm: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values, under the names of the attributes."""
        return asdict(self)


def measure_landmarks(pairs: LandmarkPairs, transform: sitk.Transform, t2w: Grid) -> LandmarkErrors:
    """The distance |T(p) - q| of each pair: p on T2W, q where the diffusion series shows the same place.

    Measured where the diffusion series was acquired, which for a rigid transform is the same as on T2W.

    Degenerate input: of a single pair all figures are the same.

    Args:
        pairs: In LPS millimetres.
        transform: T, from T2W points to diffusion points in LPS millimetres, as `dwi_to_t2w.tfm` holds it.
        t2w: The grid on which the landmarks were placed.

    Raises:
        GeometryError: A landmark lies more than 5 mm outside the T2W.

    Source:
        Fitzpatrick, West, Maurer, IEEE Trans Med Imaging 17 (1998) 694.
    """
    _refuse_outside(pairs, t2w)
    errors, header_errors = _errors_mm(pairs, transform), _errors_mm(pairs, HEADER)
    mean, median, p95, largest = _summary(errors)
    header_mean, header_median, header_p95, header_largest = _summary(header_errors)
    return LandmarkErrors(
        n=len(pairs.names),
        mean_mm=mean,
        median_mm=median,
        p95_mm=p95,
        max_mm=largest,
        header_mean_mm=header_mean,
        header_median_mm=header_median,
        header_p95_mm=header_p95,
        header_max_mm=header_largest,
        error_mm=dict(zip(pairs.names, errors.tolist(), strict=True)),
        header_error_mm=dict(zip(pairs.names, header_errors.tolist(), strict=True)),
    )


def _errors_mm(pairs: LandmarkPairs, transform: sitk.Transform) -> npt.NDArray[np.float64]:
    moved = np.array([transform.TransformPoint(point.tolist()) for point in pairs.t2w_mm])
    distances: npt.NDArray[np.float64] = np.linalg.norm(moved - pairs.diffusion_mm, axis=1)
    return distances


def _summary(errors_mm: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Mean, median, 95th percentile, largest."""
    median, p95 = np.percentile(errors_mm, [50, 95])
    return float(errors_mm.mean()), float(median), float(p95), float(errors_mm.max())


def _refuse_outside(pairs: LandmarkPairs, t2w: Grid) -> None:
    index = t2w.to_index(pairs.t2w_mm)
    beyond = np.maximum(0, np.maximum(-0.5 - index, index - (np.array(t2w.shape) - 0.5)))  # in voxels, from their faces
    outside_mm = np.linalg.norm(beyond * t2w.spacing_mm, axis=1)
    if outside_mm.max() > OUTSIDE_TOLERANCE_MM:
        raise GeometryError(
            f"{int((outside_mm > OUTSIDE_TOLERANCE_MM).sum())} of {len(pairs.names)} landmarks lie outside the T2W, "
            f"by {outside_mm.max():.0f} mm at most: they likely belong to another study or another coordinate system "
            "(LPS or RAS); place them on this study's T2W"
        )
