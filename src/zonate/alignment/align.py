"""DWI and ADC onto the T2W grid: candidates are estimated, measured, and the best believable one is used."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from zonate.alignment.candidates import (
    HEADER,
    Candidate,
    choose,
    doubt,
    error_limit_mm,
    estimate_candidates,
    judge_quality,
    measure_similarity,
    rigid_figures,
)
from zonate.alignment.field import displacement_mm, displacement_transform
from zonate.alignment.quality import Judge, estimated_error_mm
from zonate.alignment.region import gland_region
from zonate.alignment.resample import resample
from zonate.alignment.similarity import normalised_mutual_information
from zonate.alignment.transform_text import transform_text
from zonate.case import NO_ALIGNMENT, AlignmentRecord
from zonate.geometry import Grid, Volume, from_canonical, to_canonical
from zonate.settings.data import AlignmentSettings
from zonate.study import Acquisition

logger = logging.getLogger(__name__)

TRANSFORM_FILE = "dwi_to_t2w.tfm"
LIKE_T2W_BELOW_B_S_MM2 = 300.0
"""Above it little but diffusion is seen, and the ADC map resembles T2W more than the image does."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """DWI and ADC on the T2W grid, and how they came there.

    Attributes:
        dwi: float32 on the T2W grid and in its frame, NaN outside its field of view; None where absent or
            not usable.
        adc: The same, in 1e-6 mm²/s.
        record: What was chosen, why, and every figure.
        transforms: File name to text: `dwi_to_t2w.tfm` is the chosen transform as ITK writes it (3D Slicer
            and SimpleITK read it), from T2W points to DWI points in LPS millimetres. Empty where nothing was moved.
        displacement_mm: (S, H, W, 3) float32 on the T2W grid, LPS: a T2W point p shows the tissue that the
            DWI has at p + displacement. None where nothing was moved.
        transform: The chosen one, from T2W points to DWI points in LPS millimetres, of which the field holds what lies
            within the T2W; the identity where nothing was moved.
        warnings: Without patient data.
    """

    dwi: Volume | None
    adc: Volume | None
    record: AlignmentRecord
    transforms: Mapping[str, str] = field(default_factory=dict)
    displacement_mm: npt.NDArray[np.float32] | None = None
    transform: sitk.Transform = HEADER
    warnings: tuple[str, ...] = ()


def align_to_t2w(acquisition: Acquisition, settings: AlignmentSettings) -> Alignment:
    """Bring DWI and ADC onto the T2W grid with one transform and one interpolation each.

    The transform is estimated between T2W and the lowest acquired b-value (else ADC, else DWI): first rigid,
    then a B-spline on top of it. The B-spline is used where it is believable (it folds nowhere, moves nothing
    too far), its normalised mutual information with T2W in the gland's region exceeds the header's by more
    than `minimum_gain`, and the rigid one's, and its error, estimated from the images (`quality.py`), is at most
    `max_error_mm`; else the rigid one on the same terms; else the header's geometry where its estimated error is
    small enough; else DWI and ADC are not usable: they are None, `none` is chosen, and a warning says why.

    Degenerate input: volumes on the T2W grid are measured and given back (`given`); T2W alone gives `none`. A
    diffusion series that does not overlap the T2W, is constant, has a single slice, or lies in another frame of
    reference and could not be registered well is not usable. With the method `header` nothing is registered and the
    header's geometry is kept, with a warning where it looks wrong.

    In which order a file stores the axes makes no difference to what is found.

    Args:
        acquisition: The volumes on their own grids.
        settings: What is tried and what is believed.

    Raises:
        GeometryError: Two axes of a volume lie nearest to the same direction of the patient.
    """
    return _put_back(_align_canonical(_canonical(acquisition), settings), acquisition.t2w.grid)


def _canonical(acquisition: Acquisition) -> Acquisition:
    dwi, adc, lowest_b = (
        None if volume is None else to_canonical(volume)
        for volume in (acquisition.dwi, acquisition.adc, acquisition.lowest_b)
    )
    return replace(acquisition, t2w=to_canonical(acquisition.t2w), dwi=dwi, adc=adc, lowest_b=lowest_b)


def _put_back(found: Alignment, t2w: Grid) -> Alignment:
    """An alignment on the canonical T2W grid in the T2W's own order of axes."""
    dwi, adc = (
        None if volume is None else Volume(from_canonical(volume.values, t2w), t2w) for volume in (found.dwi, found.adc)
    )
    moved = found.displacement_mm
    if moved is not None:
        moved = np.stack([from_canonical(moved[..., k], t2w) for k in range(3)], axis=-1)
    return replace(found, dwi=dwi, adc=adc, displacement_mm=moved)


def _align_canonical(acquisition: Acquisition, settings: AlignmentSettings) -> Alignment:
    """`align_to_t2w` in canonical order, in which the parameter maps and the judge take S for the slices."""
    begun = time.perf_counter()
    basis = _basis(acquisition)
    if basis is None:
        return Alignment(None, None, NO_ALIGNMENT)
    moving, name = basis
    t2w = acquisition.t2w
    acquisition, warnings = _one_frame(acquisition, moving)
    region = gland_region(t2w.grid, settings.region_mm)
    if _all_on_t2w_grid(acquisition):
        return _given(acquisition, moving, region, settings, warnings, begun)

    header = resample(moving, t2w.grid, HEADER).values
    overlap = {"overlap_fraction": float(np.isfinite(header[region]).mean())}
    if not np.isfinite(header).any():
        reason = "the field of view of the diffusion series does not meet that of T2W: DWI and ADC are not usable"
        return _unusable(reason, {}, overlap, warnings, begun)
    candidates, failures = estimate_candidates(t2w, moving, region, overlap["overlap_fraction"], settings)
    measure_similarity(candidates, t2w, moving, region, settings)
    judge_quality(candidates, t2w, moving, settings)
    chosen, refusals = choose(candidates, settings)
    similarity = {str(candidate.name): candidate.similarity for candidate in candidates}
    figures = overlap | _figures(candidates, chosen, t2w) | {"error_limit_mm": error_limit_mm(settings)}
    remarks = [*map(str, failures), *refusals]
    lost = [str(failure) for failure in failures if not failure.repeatable]
    if chosen is None:
        reason = "; ".join(["no alignment of the diffusion series can be trusted", *remarks])
        reason = f"{reason}; DWI and ADC are not usable"
        return _unusable(reason, similarity, figures, warnings, begun, repeatable=not lost)
    if chosen.name == "header" and not moving.grid.same_frame_as(t2w.grid):
        reason = "no registration was accepted, and another frame of reference has no header alignment"
        reason = "; ".join([reason, *remarks, "DWI and ADC are not usable"])
        return _unusable(reason, similarity, figures, warnings, begun, repeatable=not lost)
    if chosen.name != "header":
        # Where the B-spline is used it is the rigid stage that was lost.
        instead = "the B-spline is used without it" if chosen.name == "bspline" else "a plainer alignment is used"
        warnings += [f"{text}; {instead}" for text in lost]
    if chosen.name == "header" and settings.method == "header" and (why := doubt(chosen, settings)) is not None:
        warnings.append(f"the header's alignment, which the settings ask for, looks wrong: {why}")
    if chosen.name == "header" and settings.method != "header":
        warnings.append(f"DWI and ADC keep the header's alignment: {'; '.join(remarks)}")
    reason = _reason(chosen, candidates[0], settings, remarks)
    registered_on = name if len(candidates) > 1 else None
    seconds = time.perf_counter() - begun
    logger.info("case %s: alignment %s in %.1f s", acquisition.case_id, chosen.name, seconds)
    # One field for both volumes: a B-spline takes seconds to evaluate on a T2W grid.
    moved = None if chosen.name == "header" else displacement_mm(chosen.transform, t2w.grid)
    through = HEADER if moved is None else displacement_transform(moved, t2w.grid)
    return Alignment(
        dwi=None if acquisition.dwi is None else resample(acquisition.dwi, t2w.grid, through),
        adc=None if acquisition.adc is None else resample(_computed(acquisition.adc), t2w.grid, through),
        record=AlignmentRecord(chosen.name, reason, registered_on, similarity, figures, seconds, repeatable=not lost),
        transforms={} if moved is None else {TRANSFORM_FILE: transform_text(chosen.transform)},
        displacement_mm=moved,
        transform=chosen.transform,
        warnings=tuple(warnings),
    )


def _computed(adc: Volume) -> Volume:
    """An ADC map with NaN where the scanner computed none and wrote 0, which neighbours would be mixed with."""
    return adc.with_values(np.where(adc.values > 0, adc.values, np.float32(np.nan)))


def _figures(candidates: list[Candidate], chosen: Candidate | None, t2w: Volume) -> dict[str, float]:
    """Those of the chosen transform under their own names, those of each candidate under its name before them."""
    figures = {} if chosen is None else _figures_of(chosen)
    for candidate in candidates:
        figures |= {f"{candidate.name}_{key}": value for key, value in _figures_of(candidate).items()}
        if candidate.name == "rigid":
            figures |= rigid_figures(candidate, t2w)
    # JSON has no infinity: a deformation that is not finite is told in the reason.
    return {key: value for key, value in figures.items() if math.isfinite(value)}


def _figures_of(candidate: Candidate) -> dict[str, float]:
    evidence = {} if candidate.evidence is None else candidate.evidence.to_json()
    return asdict(candidate.figures) | evidence | {"estimated_error_mm": candidate.estimated_error_mm}


def _basis(acquisition: Acquisition) -> tuple[Volume, str] | None:
    """The volume on which the transform is estimated, and what it is called.

    An ADC keeps its zeros: without them half of a real study's region is empty, and elastix finds no common points.
    """
    if acquisition.dwi is None and acquisition.adc is None:
        return None
    # The transform found on the lowest b-value holds for DWI and ADC only where it shares their frame.
    lowest_b, used = acquisition.lowest_b, acquisition.dwi or acquisition.adc
    if lowest_b is not None and used is not None and not lowest_b.grid.same_frame_as(used.grid):
        lowest_b = None
    diffusion = [
        (lowest_b, acquisition.lowest_b_value_s_mm2, "DWI"),
        (acquisition.dwi, acquisition.dwi_b_value_s_mm2, "DWI"),
    ]
    low = [found for found in diffusion if found[1] is not None and found[1] <= LIKE_T2W_BELOW_B_S_MM2]
    for volume, b_value, role in (*low, (acquisition.adc, None, "ADC"), *diffusion):
        if volume is not None:
            return volume, role if b_value is None else f"{role} b {b_value:g}"
    return None


def _one_frame(acquisition: Acquisition, moving: Volume) -> tuple[Acquisition, list[str]]:
    """The acquisition without what cannot share the transform, and what a person should know of its frames."""
    warnings = []
    kept: dict[str, Volume | None] = {"dwi": acquisition.dwi, "adc": acquisition.adc}
    for key, volume in kept.items():
        if volume is not None and not volume.grid.same_frame_as(moving.grid):
            warnings.append(
                f"{key.upper()} lies in another frame of reference than the volume that is registered, so that it "
                "cannot share its transform: it is left out"
            )
            kept[key] = None
    if not moving.grid.same_frame_as(acquisition.t2w.grid):
        warnings.append(
            "the diffusion series lies in another frame of reference than T2W: the patient was repositioned "
            "between them, and the header's alignment cannot be trusted"
        )
    without = Acquisition(acquisition.case_id, acquisition.t2w, kept["dwi"], acquisition.dwi_b_value_s_mm2, kept["adc"])
    return without, warnings


def _all_on_t2w_grid(acquisition: Acquisition) -> bool:
    grid = acquisition.t2w.grid
    present = [volume for volume in (acquisition.dwi, acquisition.adc) if volume is not None]
    return all(volume.grid.same_as(grid) and volume.grid.same_frame_as(grid) for volume in present)


def _given(
    acquisition: Acquisition,
    moving: Volume,
    region: npt.NDArray[np.bool_],
    settings: AlignmentSettings,
    warnings: list[str],
    begun: float,
) -> Alignment:
    """Volumes on the T2W grid already: checked for content, not registered again."""
    grid = acquisition.t2w.grid
    identity = sitk.Transform(3, sitk.sitkIdentity)
    values = resample(moving, grid, identity).values
    measured = float(np.isfinite(values[region]).mean())
    similarity = normalised_mutual_information(acquisition.t2w.values[region], values[region])
    figures = {"overlap_fraction": measured}
    evidence = Judge(acquisition.t2w, settings.region_mm).evidence(moving, identity)
    if similarity <= 1.0 + 1e-9:
        warnings.append(
            "the volume given on the T2W grid tells nothing about T2W: it is constant or empty in the region"
        )
    elif evidence is not None:
        error = estimated_error_mm(evidence)
        figures |= evidence.to_json() | {"estimated_error_mm": error, "error_limit_mm": error_limit_mm(settings)}
        if error > error_limit_mm(settings):
            warnings.append(
                f"the volumes given on the T2W grid do not look aligned with T2W: estimated error {error:.1f} mm"
            )
    reason = "the volumes lay on the T2W grid already and were not registered again"
    record = AlignmentRecord("given", reason, None, {"header": similarity}, figures, time.perf_counter() - begun)
    dwi, adc = (
        None if volume is None else Volume(volume.values.astype(np.float32), grid)
        for volume in (acquisition.dwi, None if acquisition.adc is None else _computed(acquisition.adc))
    )
    return Alignment(dwi, adc, record, warnings=tuple(warnings))


def _unusable(
    reason: str,
    similarity: Mapping[str, float],
    figures: Mapping[str, float],
    warnings: list[str],
    begun: float,
    *,
    repeatable: bool = True,
) -> Alignment:
    seconds = time.perf_counter() - begun
    record = AlignmentRecord("none", reason, None, similarity, figures, seconds, repeatable=repeatable)
    return Alignment(None, None, record, warnings=(*warnings, reason))


def _reason(chosen: Candidate, header: Candidate, settings: AlignmentSettings, remarks: list[str]) -> str:
    if settings.method == "header":
        return "the settings ask for the header's alignment"
    if chosen is header:
        return "no registration was accepted: " + "; ".join(remarks)
    before = header.estimated_error_mm
    was = f", where the scanner's geometry is off by about {before:.1f} mm" if math.isfinite(before) else ""
    good = (
        f"{chosen.name} registration puts DWI and ADC within about {chosen.estimated_error_mm:.1f} mm "
        f"of the T2W tissue{was}"
    )
    return "; ".join([good, *remarks])
