"""Is a method better than another, patient by patient, and could that be chance?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from zonate.metrics import mean_interval
from zonate.settings.results import EvaluationSettings

LEAST_PAIRS = 6
"""Of n pairs that all differ to one side the two-sided p is 2 / 2ⁿ: with fewer pairs it is never below 0.05."""
ByPatient = Mapping[str, float]
"""From patient to a measure; NaN where it is undefined."""


@dataclass(frozen=True)
class Difference:
    """One method minus another, over the patients of whom both have a figure.

    Attributes:
        n: Those patients.
        mean: Of their differences; NaN where there is no patient.
        interval_95: Bootstrap interval of the mean, by patient; None below two patients.
        p: Of the signed-rank test, two-sided; None below LEAST_PAIRS patients, which are not tested.
    """

    n: int
    mean: float
    interval_95: tuple[float, float] | None
    p: float | None


def difference(one: ByPatient, other: ByPatient, settings: EvaluationSettings) -> Difference:
    """Compare two methods on one measure.

    Args:
        one: The measure of each patient by one method.
        other: The same of the other method.
        settings: Of the bootstrap.
    """
    patients = sorted(patient for patient in one.keys() & other.keys() if not math.isnan(one[patient] - other[patient]))
    if not patients:
        return Difference(0, math.nan, None, None)
    values = np.array([one[patient] - other[patient] for patient in patients])
    interval = mean_interval(values, patients, samples=settings.bootstrap_samples, seed=settings.seed)
    p = signed_rank_p(values) if len(patients) >= LEAST_PAIRS else None
    return Difference(len(patients), float(values.mean()), interval, p)


def signed_rank_p(differences: npt.NDArray[np.float64]) -> float:
    """The two-sided p of Wilcoxon's signed-rank test; differences of 0 are left out.

    Args:
        differences: (N,), of at least one patient. Up to 50 without ties the p is exact.

    Returns:
        1 where all are 0.

    Source: Wilcoxon, Individual comparisons by ranking methods, Biometrics Bulletin 1, 1945.
    """
    moved = differences[differences != 0]
    return float(stats.wilcoxon(moved).pvalue) if len(moved) else 1.0


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p of several comparisons so that all of them together err with the chance that one alone would.

    Args:
        p_values: None where nothing was tested, which stays None and counts for nothing.

    Returns:
        In the same order, each at least as large as before, at most 1.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = highest
    return adjusted
