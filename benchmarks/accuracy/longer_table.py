"""The part of benchmarks/accuracy.md on what the recipe that ships does with more time than the comparison gives."""

from statistics import fmean

from benchmarks.accuracy.cells import conditions, interval_cell, mean_cell
from benchmarks.accuracy.compare import difference
from benchmarks.accuracy.figures import EVALUATION, FIGURES, LEAST_DICE
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results


def longer_section(results: Results, longer: Results) -> list[str]:
    """Its lines.

    Args:
        results: Of the comparison.
        longer: Of the same recipe and folds with more time.
    """
    short, long = (fmean(run["seconds"] for run in each.runs_of(OWN)) / 60 for each in (results, longer))
    lines = [
        f"## {OWN} with more time",
        "",
        f"`python -m benchmarks.accuracy --longer` ({conditions(longer.runs_of(OWN))}): the same recipe, patients, "
        "folds and evaluation, no other method.",
        "Differences are paired by patient, with 95 % bootstrap intervals.",
        "",
        f"| | {short:.0f} minutes a run | {long:.0f} minutes a run | difference |",
        "|---|---|---|---|",
    ]
    for figure in FIGURES:
        before, after = (figure.of(each, OWN) for each in (results, longer))
        found = difference(after, before, EVALUATION)
        cells = [mean_cell(before, figure.digits), mean_cell(after, figure.digits), interval_cell(found, figure.digits)]
        lines.append(f"| {figure.title} | " + " | ".join(cells) + " |")
    glands = [results.by_patient(OWN, "GLAND", "dice"), longer.by_patient(OWN, "GLAND", "dice")]
    low = [str(sum(dice < LEAST_DICE for dice in each.values())) for each in glands]
    climbing = [f"{sum(run['unfinished'] for run in each.runs_of(OWN))}" for each in (results, longer)]
    lines += [
        f"| patients with gland Dice < {LEAST_DICE} | {low[0]} | {low[1]} | |",
        f"| curves still climbing | {climbing[0]} | {climbing[1]} | |",
    ]
    return lines
