"""A case's zones against its reference, at the finest level that both know; and what a group of cases adds up to."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from zonate.errors import GeometryError
from zonate.geometry import Volume
from zonate.metrics.bootstrap import mean_interval
from zonate.metrics.structure import Mask, StructureMetrics, structure_metrics
from zonate.settings.results import EvaluationSettings
from zonate.zones import STRUCTURES, LabelCode, codes_within, drawable, straddling_codes


@dataclass(frozen=True)
class Score:
    """The measures of one structure of one case."""

    case_id: str
    patient_id: str
    structure: str
    metrics: StructureMetrics

    def measures(self, tolerance_mm: float) -> dict[str, float]:
        """The measures by the names of `measure_names`; NaN where one is undefined."""
        m = self.metrics
        values = (m.dice, m.hd95_mm, m.surface_dice, m.mean_surface_distance_mm, m.volume_error_ml)
        return dict(zip(measure_names(tolerance_mm), values, strict=True))


@dataclass(frozen=True)
class MeasureSummary:
    """One measure over a group of patients, each with the mean of their cases in which it is defined.

    Attributes:
        mean: Over the patients who have such a case; None where there is none.
        std: Sample standard deviation (n - 1) over those patients; None below two of them.
        n: How many those are.
        interval_95: Bootstrap interval of the mean; None below two patients.
    """

    mean: float | None
    std: float | None
    n: int
    interval_95: tuple[float, float] | None


@dataclass(frozen=True)
class StructureSummary:
    """One structure over a group of cases.

    Attributes:
        n_cases: Cases in which reference and model both know the structure.
        n_missed: Of these, the reference has it and the prediction is empty: Dice and NSD count as 0.
        n_spurious: The prediction has it and the reference is empty: Dice and NSD count as 0.
        n_absent: Neither has it: no Dice, NSD or distance.
        measures: By name, `absolute_volume_error_ml` beside those of `measure_names`.
    """

    n_cases: int
    n_missed: int
    n_spurious: int
    n_absent: int
    measures: dict[str, MeasureSummary]

    @property
    def n_empty_reference(self) -> int:
        """Cases whose reference is empty."""
        return self.n_spurious + self.n_absent

    @property
    def n_empty_prediction(self) -> int:
        """Cases whose prediction is empty."""
        return self.n_missed + self.n_absent


def measure_names(tolerance_mm: float) -> tuple[str, ...]:
    """The names of the measures, in order; that of the NSD carries its tolerance, such as `nsd_2mm`."""
    return "dice", "hd95_mm", f"nsd_{tolerance_mm:g}mm", "mean_surface_distance_mm", "volume_error_ml"


def score_case(
    case_id: str,
    patient_id: str,
    reference: Volume,
    reference_codes: Iterable[int],
    prediction: Volume,
    prediction_codes: Iterable[int],
    *,
    tolerance_mm: float,
) -> list[Score]:
    """Compare a case's zones with its reference, for each structure that both can express.

    A reference that knows the central gland only is compared there and not for TZ, DPU and AFS. Voxels that
    nobody annotated, and those whose code straddles the structure's border, are left out on both sides.

    Args:
        case_id: The case.
        patient_id: Whose case it is.
        reference: Label codes (S, H, W) uint8.
        reference_codes: Those that the annotator could have drawn.
        prediction: Label codes (S, H, W) uint8 on the same grid.
        prediction_codes: Those that the model could have given.
        tolerance_mm: Of the NSD.

    Raises:
        GeometryError: The two do not lie on one grid.
    """
    if not reference.grid.same_as(prediction.grid):
        raise GeometryError(
            f"case {case_id}: the reference ({reference.grid.shape}) and the prediction ({prediction.grid.shape}) "
            "do not lie on one grid: compare them on the grid of the original T2W"
        )
    drawn, given = list(reference_codes), list(prediction_codes)
    scores = []
    for structure in STRUCTURES:
        if drawable(structure, drawn) and drawable(structure, given):
            reference_mask, reference_known = _structure_mask(reference, structure)
            prediction_mask, prediction_known = _structure_mask(prediction, structure)
            metrics = structure_metrics(
                reference_mask,
                prediction_mask,
                reference.grid.spacing_mm,
                tolerance_mm,
                annotated=reference_known & prediction_known,
            )
            scores.append(Score(case_id, patient_id, structure, metrics))
    return scores


def summarise(scores: Sequence[Score], settings: EvaluationSettings) -> dict[str, StructureSummary]:
    """Bring scores together by structure, in the order of STRUCTURES; one without any score is left out."""
    summaries = {}
    for structure in STRUCTURES:
        group = [score for score in scores if score.structure == structure]
        if not group:
            continue
        status = Counter(score.metrics.status for score in group)
        rows = [score.measures(settings.surface_tolerance_mm) for score in group]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        columns["absolute_volume_error_ml"] = [abs(value) for value in columns["volume_error_ml"]]
        patients = [score.patient_id for score in group]
        measures = {name: _summarise_measure(values, patients, settings) for name, values in columns.items()}
        summaries[structure] = StructureSummary(
            len(group), status["missed"], status["spurious"], status["absent"], measures
        )
    return summaries


def _summarise_measure(values: list[float], patients: list[str], settings: EvaluationSettings) -> MeasureSummary:
    of_patient: defaultdict[str, list[float]] = defaultdict(list)
    for patient, value in zip(patients, values, strict=True):
        if not np.isnan(value):
            of_patient[patient].append(value)
    means = [fmean(defined) for defined in of_patient.values()]
    return MeasureSummary(
        mean=fmean(means) if means else None,
        std=stdev(means) if len(means) > 1 else None,
        n=len(means),
        interval_95=mean_interval(values, patients, samples=settings.bootstrap_samples, seed=settings.seed),
    )


def _structure_mask(labels: Volume, structure: str) -> tuple[Mask, Mask]:
    """Where a structure is, and where the labels say whether it is: both (S, H, W) boolean."""
    unsure = [*straddling_codes(structure, LabelCode), LabelCode.NOT_ANNOTATED]
    return np.isin(labels.values, codes_within(structure, LabelCode)), ~np.isin(labels.values, unsure)
