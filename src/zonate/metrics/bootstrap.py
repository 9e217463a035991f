"""How sure a mean over patients is."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95


def mean_interval(
    values: npt.ArrayLike, patients: Sequence[str], *, samples: int, seed: int
) -> tuple[float, float] | None:
    """The percentile bootstrap interval (95 %) of a mean over patients, each with the mean of their cases.

    Patients are drawn and not cases, so two studies of one patient do not count as two patients.

    Args:
        values: (N,) one value a case; NaN where it is undefined, which is left out.
        patients: (N,) whose case it is.
        samples: How often the patients are drawn anew, with replacement.
        seed: Of the draws; the same seed gives the same interval.

    Returns:
        Lower and upper end; None where fewer than two patients have a value, since one says nothing of how
        patients differ.

    Raises:
        ValueError: There are not as many patients as values.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (len(patients),):
        raise ValueError(f"there are {len(patients)} patients for values of shape {array.shape}")
    defined = ~np.isnan(array)
    names, patient = np.unique(np.array(patients, dtype=np.str_)[defined], return_inverse=True)
    if len(names) < 2:
        return None
    of_patient = np.bincount(patient, weights=array[defined]) / np.bincount(patient)  # (P,)
    drawn = np.random.default_rng(seed).integers(len(names), size=(samples, len(names)))
    means = of_patient[drawn].mean(axis=1)  # (samples,)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
