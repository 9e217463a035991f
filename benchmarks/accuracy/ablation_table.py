"""benchmarks/ablation.md from what was kept of the variants."""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from statistics import fmean, median
from typing import Any

from benchmarks.accuracy.cells import conditions, interval_cell, mean_cell
from benchmarks.accuracy.compare import LEAST_PAIRS, Difference, difference, holm
from benchmarks.accuracy.figures import COMPARED, EVALUATION, Figure
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.variants import BASE, GROUPS, VARIANTS, Variant, compared_with
from zonate.config import Settings, load_recipe
from zonate.differing_settings import differing_settings

TITLE = "# What each part of the recipe is worth"
OF_A_RUN = ("name", "split", "training.seed", "training.epochs", "training.validate_every_epochs", "training.pictures")
"""What settings begin with that are a run's and not a recipe's."""


def ablation_page(results: Results) -> str:
    """The whole page."""
    if not results.runs:
        return f"{TITLE}\n\nNothing has been measured yet: `python -m benchmarks.accuracy.ablation`.\n"
    adjusted = _adjusted(results)
    lines = [TITLE, "", *_head(results, adjusted)]
    for title, variants in GROUPS.items():
        measured = [variant for variant in variants if variant.name in results.names]
        if measured:
            lines += ["", *([f"## {title}", ""] if title else []), *_table(results, measured, adjusted)]
    return "\n".join(lines) + "\n"


def _head(results: Results, adjusted: Mapping[tuple[str, str], float | None]) -> list[str]:
    runs = results.runs
    folds, seeds = sorted({run["fold"] for run in runs}), sorted({run["seed"] for run in runs})
    n_patients = len({row["patient_id"] for row in results.rows if VARIANTS[row["name"]].cases != "simulated"})
    return [
        f"`python -m benchmarks.accuracy.ablation` ({conditions(runs)}).",
        "",
        f"Fold {', '.join(map(str, folds))} of the patients of [accuracy.md](accuracy.md), seed "
        f"{', '.join(map(str, seeds))}: {n_patients} patients who were not trained on, each with the mean over the "
        "seeds.",
        *_otherwise(runs),
        "Every training has as many steps as the recipe's, to within an epoch; of about three validations in it the "
        "best is measured, which costs those that do not end at their best. Beneath a mean over the patients stands "
        "the difference to what the variant changes, with its",
        "95 % bootstrap interval over the patients. Few patients: what is not larger than its interval says nothing.",
        _tests(adjusted),
    ]


def _otherwise(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on what all variants have otherwise than the recipe that ships; none where nothing was changed."""
    base = next((run for run in runs if run["name"] == BASE), None)
    if base is None:
        return []
    used, defaults, ships = base["settings"], Settings(), load_recipe(OWN)
    names = sorted({*used, *differing_settings(defaults, ships)})
    values = {name: (used.get(name, attrgetter(name)(defaults)), attrgetter(name)(ships)) for name in names}
    changed = [
        f"`{name}` {here} in place of {shipped}"
        for name, (here, shipped) in values.items()
        if here != shipped and not name.startswith(OF_A_RUN)
    ]
    return [f"For all variants alike the recipe has {', '.join(changed)}."] if changed else []


def _tests(adjusted: Mapping[tuple[str, str], float | None]) -> str:
    """A sentence on how many of the differences are no chance."""
    tested = [p for p in adjusted.values() if p is not None]
    if not tested:
        return (
            f"None is tested: below {LEAST_PAIRS} patients the p of Wilcoxon's signed-rank test cannot reach 0.05, "
            "whatever it is given."
        )
    return (
        f"Of the {len(tested)} differences over at least {LEAST_PAIRS} patients, with fewer of whom Wilcoxon's "
        f"signed-rank test cannot reach 0.05, p is below it {sum(p < 0.05 for p in tested)} times after Holm's "
        "correction over them."
    )


def _table(results: Results, variants: list[Variant], adjusted: Mapping[tuple[str, str], float | None]) -> list[str]:
    titles = " | ".join(figure.title for figure in COMPARED)
    lines = [f"| variant | {titles} | parameters M | steps | minutes |", "|---|" + "---|" * (len(COMPARED) + 3)]
    for variant in variants:
        runs, against = results.runs_of(variant.name), compared_with(variant)
        cells = [variant.name if against in (None, BASE) else f"{variant.name} (against *{against}*)"]
        for figure in COMPARED:
            values = figure.of(results, variant.name)
            cell = mean_cell(values, figure.digits, interval=against is None)
            if (variant.name, figure.title) in adjusted:
                cell += "<br>" + interval_cell(_change(results, variant, figure), figure.digits)
            cells.append(cell)
        cells.append(f"{median(run['parameters'] for run in runs) / 1e6:.1f}")
        steps, minutes = median(run["steps"] for run in runs), fmean(run["seconds"] for run in runs) / 60
        cells += [f"{steps:g}", f"{minutes:.1f}"] if variant.retrained else ["–", "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _change(results: Results, variant: Variant, figure: Figure) -> Difference:
    against = compared_with(variant)
    return difference(figure.of(results, variant.name), figure.of(results, against or variant.name), EVALUATION)


def _adjusted(results: Results) -> dict[tuple[str, str], float | None]:
    """By variant and figure, the p after Holm's correction over all that are tested; None of those that are not."""
    pairs = [
        (variant, figure)
        for variant in VARIANTS.values()
        if variant.name in results.names and compared_with(variant) in results.names
        for figure in COMPARED
    ]
    found = holm([_change(results, variant, figure).p for variant, figure in pairs])
    return {(variant.name, figure.title): p for (variant, figure), p in zip(pairs, found, strict=True)}
