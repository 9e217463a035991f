"""How figures are written in the cells of the tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.accuracy.compare import Difference
from benchmarks.accuracy.figures import EVALUATION
from zonate.metrics import mean_interval

FEW_PATIENTS = (
    "A bootstrap interval over few patients is too narrow: with four, one of 95 % holds the true mean about 80 % of the"
    " time."
)


def mean_cell(values: Mapping[str, float], digits: int, *, interval: bool = True, sign: str = "") -> str:
    """The mean over patients, with its interval where asked for; and how many had no figure, where some had none.

    Args:
        values: By patient.
        digits: Behind the point.
        interval: Whether to give it.
        sign: "+": what is positive says so.
    """
    mean = mean_of(values)
    if math.isnan(mean):
        return "–"
    found = None
    if interval:
        of_patients, patients = list(values.values()), list(values)
        found = mean_interval(of_patients, patients, samples=EVALUATION.bootstrap_samples, seed=EVALUATION.seed)
    missing = sum(math.isnan(value) for value in values.values())
    return _with_interval(mean, found, digits, sign) + (f", {missing} without" if missing else "")


def difference_cell(found: Difference, adjusted: float | None, digits: int, *, of: int) -> str:
    """The mean difference with its interval, and p, adjusted and as it was.

    Args:
        found: The difference; a dash stands for one of no patient, words for the p of one that is not tested.
        adjusted: Its p after Holm's correction; None where it is not tested.
        digits: Behind the point.
        of: The patients that there could be: where there are fewer, their number is added.
    """
    if found.n == 0:
        return "–"
    chance = ", too few pairs to test"
    if found.p is not None and adjusted is not None:
        chance = f" p {_chance(adjusted)} ({_chance(found.p)})"
    missing = f", {found.n} patients" if found.n != of else ""
    return f"{interval_cell(found, digits)}{chance}{missing}"


def _chance(p: float) -> str:
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def interval_cell(found: Difference, digits: int) -> str:
    """The mean difference with its interval; a dash for one of no patient."""
    if found.n == 0:
        return "–"
    return _with_interval(found.mean, found.interval_95, digits, "+")


def number(value: float, digits: int) -> str:
    """A figure, or a dash where it is undefined."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def mean_of(values: Mapping[str, float]) -> float:
    """The mean of those that are defined; NaN where none is."""
    defined = np.array([value for value in values.values() if not math.isnan(value)])
    return float(defined.mean()) if defined.size else math.nan


def values_of(runs: Sequence[Mapping[str, Any]], key: str) -> str:
    """The values that the runs have, without repeating one."""
    return ", ".join(str(value) for value in dict.fromkeys(run[key] for run in runs))


def conditions(runs: Sequence[Mapping[str, Any]]) -> str:
    """When, on what and by which code they were made; a commit with a plus had changes that were not committed."""
    processes = f"{values_of(runs, 'beside')} at a time, threads of each: {values_of(runs, 'threads')}"
    return f"{values_of(runs, 'date')}; {values_of(runs, 'machine')}, {processes}; commit {values_of(runs, 'commit')}"


def _with_interval(mean: float, interval: tuple[float, float] | None, digits: int, sign: str = "") -> str:
    text = f"{mean:{sign}.{digits}f}"
    return text if interval is None else f"{text} ({interval[0]:{sign}.{digits}f} to {interval[1]:{sign}.{digits}f})"
