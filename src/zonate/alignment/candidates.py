"""The transforms that could be used, what speaks against each, and which of them is."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from zonate.alignment.elastix import Stage, register
from zonate.alignment.field import FieldFigures, measure_field
from zonate.alignment.quality import Evidence, Judge, calibration, estimated_error_mm
from zonate.alignment.resample import resample
from zonate.alignment.similarity import normalised_mutual_information
from zonate.case import Chosen
from zonate.errors import AlignmentError
from zonate.geometry import Grid, Volume
from zonate.settings.data import AlignmentSettings

HEADER = sitk.Transform(3, sitk.sitkIdentity)
"""The header's alignment: the same point in both."""


@dataclass
class Candidate:
    """A transform that could be used, and what speaks for and against it."""

    name: Chosen
    transform: sitk.Transform
    figures: FieldFigures
    similarity: float = 1.0
    evidence: Evidence | None = None

    @property
    def estimated_error_mm(self) -> float:
        """Of the gland's tissue, from image evidence; infinite where there is none."""
        return estimated_error_mm(self.evidence)


def estimate_candidates(
    t2w: Volume,
    moving: Volume,
    region: npt.NDArray[np.bool_],
    overlap: float,
    settings: AlignmentSettings,
) -> tuple[list[Candidate], list[AlignmentError]]:
    """The header's alignment and what elastix finds, from the plainest on; and why a stage gave nothing."""
    stages: dict[str, list[Stage]] = {"header": [], "rigid": ["rigid"], "bspline": ["rigid", "bspline"]}
    header = Candidate("header", HEADER, FieldFigures(1.0, 1.0, 0.0, 0.0, 0.0))
    obstacle = _obstacle(t2w, moving, region, overlap, settings)
    candidates: list[Candidate] = [header]
    failures: list[AlignmentError] = []
    if obstacle is not None and settings.method != "header":
        return candidates, [AlignmentError(obstacle)]
    start = None
    for stage in stages[settings.method]:
        try:
            transform = register(t2w, moving, region, stage, start, time_limit_s=settings.time_limit_s)
        except AlignmentError as error:
            failures.append(error)
            continue
        candidate = Candidate(stage, transform, measure_field(transform, t2w.grid, region))
        candidates.append(candidate)
        # A rigid result that is not believed is no start for the B-spline: that then starts from the header.
        start = transform if stage == "rigid" and disbelief(candidate, settings) is None else None
    return candidates, failures


def measure_similarity(
    candidates: list[Candidate],
    t2w: Volume,
    moving: Volume,
    region: npt.NDArray[np.bool_],
    settings: AlignmentSettings,
) -> None:
    """Fill in the similarity of each, all on the voxels of the region that every believable one covers."""
    box = tuple(slice(int(found.min()), int(found.max()) + 1) for found in np.nonzero(region))
    affine = t2w.grid.affine.copy()
    affine[:3, 3] = t2w.grid.to_mm([part.start for part in box])
    common, fixed = region[box].copy(), t2w.values[box]
    grid = Grid((fixed.shape[0], fixed.shape[1], fixed.shape[2]), affine, t2w.grid.frame_of_reference)
    onto = [resample(moving, grid, candidate.transform).values for candidate in candidates]
    for candidate, values in zip(candidates, onto, strict=True):
        if disbelief(candidate, settings) is None:
            common &= np.isfinite(values)
    for candidate, values in zip(candidates, onto, strict=True):
        candidate.similarity = normalised_mutual_information(fixed[common], values[common])


def judge_quality(candidates: list[Candidate], t2w: Volume, moving: Volume, settings: AlignmentSettings) -> None:
    """Fill in the evidence of each."""
    judge = Judge(t2w, settings.region_mm)
    for candidate in candidates:
        candidate.evidence = judge.evidence(moving, candidate.transform)


def choose(candidates: list[Candidate], settings: AlignmentSettings) -> tuple[Candidate | None, list[str]]:
    """The last candidate that is believed, good, and better than those before it; and why the others are not used.

    None where not even the header's alignment, the first candidate, is good and the settings ask for more than it.
    """
    header, *registered = candidates
    chosen, refusals = header, []
    for candidate in registered:
        refusal = disbelief(candidate, settings)
        needed = header.similarity + settings.minimum_gain
        if refusal is None and not candidate.similarity > needed:
            refusal = (
                f"{candidate.name}: similarity {candidate.similarity:.4f} is not above the header's "
                f"{header.similarity:.4f} by more than {settings.minimum_gain:g}"
            )
        if refusal is None and not candidate.similarity > chosen.similarity:
            refusal = f"{candidate.name}: similarity {candidate.similarity:.4f} is not above {chosen.name}'s"
        if refusal is None:
            refusal = doubt(candidate, settings)
        if refusal is None:
            chosen = candidate
        else:
            refusals.append(refusal)
    header_doubt = doubt(header, settings)
    if chosen is header and header_doubt is not None and settings.method != "header":
        return None, [*refusals, header_doubt]
    return chosen, refusals


def doubt(candidate: Candidate, settings: AlignmentSettings) -> str | None:
    """Why a candidate's estimated error is too large; None where it is good."""
    error, limit = candidate.estimated_error_mm, error_limit_mm(settings)
    if math.isinf(error):
        return f"{candidate.name}: the images have too little in common to judge the alignment"
    if error > limit:
        return f"{candidate.name}: the estimated error of {error:.1f} mm is above {limit:.1f} mm"
    return None


def error_limit_mm(settings: AlignmentSettings) -> float:
    """The largest estimated error of an alignment that is used."""
    return calibration().good_below_mm if settings.max_error_mm is None else settings.max_error_mm


def disbelief(candidate: Candidate, settings: AlignmentSettings) -> str | None:
    """Why a candidate is not believed whatever its similarity; None where nothing speaks against it."""
    figures = candidate.figures
    if not math.isfinite(figures.minimum_jacobian) or not math.isfinite(figures.max_displacement_mm):
        return f"{candidate.name}: the deformation is not finite"
    if figures.minimum_jacobian <= 0:
        return f"{candidate.name}: the deformation folds ({figures.folded_fraction:.2%} of the points)"
    if figures.max_displacement_mm > settings.max_displacement_mm:
        return (
            f"{candidate.name}: it moves a point by {figures.max_displacement_mm:.1f} mm, "
            f"more than {settings.max_displacement_mm:g} mm"
        )
    return None


def rigid_figures(candidate: Candidate, t2w: Volume) -> dict[str, float]:
    """Rotation in degrees, and translation of the T2W's centre in mm."""
    centre = t2w.grid.centre_mm
    moved = np.array(candidate.transform.TransformPoint(centre.tolist()))
    axes = np.stack(
        [np.array(candidate.transform.TransformPoint((centre + axis).tolist())) - moved for axis in np.eye(3)], axis=1
    )
    cosine = (np.trace(axes) - 1) / 2
    return {
        "rotation_deg": float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
        "translation_mm": float(np.linalg.norm(moved - centre)),
    }


def _obstacle(
    t2w: Volume, moving: Volume, region: npt.NDArray[np.bool_], overlap: float, settings: AlignmentSettings
) -> str | None:
    """Why there is no sense in registering; None where there is."""
    if min(moving.grid.shape) < 2:
        return f"the diffusion series has the shape {moving.grid.shape}: a single slice cannot be registered in 3D"
    if overlap < settings.minimum_overlap:
        return f"only {overlap:.0%} of the gland's region lies in the field of view of the diffusion series"
    measured = moving.values[np.isfinite(moving.values)]
    if measured.min() == measured.max():
        return "the diffusion series is constant"
    fixed = t2w.values[region]
    if np.nanmin(fixed) == np.nanmax(fixed):
        return "T2W is constant in the gland's region"
    return None
