"""Scores and their summaries as files hold them."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from zonate.metrics.scoring import Score, StructureSummary, measure_names
from zonate.zones import STRUCTURES, LabelCode, drawable

EMPTY_RULE = (
    "missed (reference there, prediction empty) and spurious (the reverse): Dice and NSD are 0, surface distances are "
    "undefined; absent (both empty): Dice, NSD and distances are undefined, volume error 0. Undefined values are empty "
    "in metrics.csv and left out of the means; a mean is over patients, each with the mean of their cases, and n is "
    "their number; n_missed, n_spurious and n_absent are how many cases there were of each kind."
)


def scores_csv(scores: Iterable[Score], tolerance_mm: float) -> str:
    """The text of metrics.csv: one row a case and structure; an undefined measure is an empty cell."""
    return csv_text([score_columns(tolerance_mm), *(score_row(score, tolerance_mm) for score in scores)])


def score_columns(tolerance_mm: float) -> list[str]:
    """The head of metrics.csv."""
    volumes = ["reference_volume_ml", "prediction_volume_ml"]
    return ["case_id", "patient_id", "structure", *measure_names(tolerance_mm), *volumes, "status"]


def score_row(score: Score, tolerance_mm: float) -> list[str]:
    """A score under the head of `score_columns`."""
    m = score.metrics
    numbers = [*score.measures(tolerance_mm).values(), m.reference_volume_ml, m.prediction_volume_ml]
    cells = ["" if math.isnan(number) else f"{number:.6g}" for number in numbers]
    return [score.case_id, score.patient_id, score.structure, *cells, m.status]


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV, quoted where need be."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def structure_to_json(summary: StructureSummary) -> dict[str, Any]:
    """A structure's counts, and each measure as {mean, std, n, interval_95: [low, high]}; null where there is none."""
    counts = ("n_cases", "n_missed", "n_spurious", "n_absent", "n_empty_reference", "n_empty_prediction")
    measures = {
        name: {**asdict(measure), "interval_95": list(measure.interval_95 or (None, None))}
        for name, measure in summary.measures.items()
    }
    return {**{name: getattr(summary, name) for name in counts}, **measures}


def not_compared(
    reference_codes: Sequence[Iterable[LabelCode]], model_codes: Sequence[LabelCode]
) -> dict[str, dict[str, int]]:
    """In how many cases a structure could not be compared, because the reference or the model does not know it.

    Args:
        reference_codes: Of each case, the codes that its annotator could have drawn.
        model_codes: Those that the model tells apart.

    Returns:
        By structure, the cases whose reference and in which the model does not tell it; structures that
        could be compared everywhere are left out.
    """
    counts = {}
    for structure in STRUCTURES:
        unknown = sum(not drawable(structure, codes) for codes in reference_codes)
        model_unknown = 0 if drawable(structure, model_codes) else len(reference_codes)
        if unknown or model_unknown:
            counts[structure] = {"reference_does_not_tell": unknown, "model_does_not_tell": model_unknown}
    return counts
