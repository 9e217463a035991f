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

TITLE = "# What each part of the recipe is worth"
SIZES = ("network.base_channels", "training.patch_px", "training.batch_size")
"""Settings of which a smaller value makes all variants cheaper alike."""


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
        *_smaller(runs),
        "Every training has as many steps as the recipe's, to within an epoch. Beneath a mean over the patients stands "
        "the difference to what the variant changes, with its",
        "95 % bootstrap interval over the patients. Few patients: what is not larger than its interval says nothing.",
        _tests(adjusted),
    ]


def _smaller(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence on what was changed in the recipe that ships for all variants alike; none where nothing was."""
    base = next((run for run in runs if run["name"] == BASE), None)
    if base is None:
        return []
    defaults, ships = Settings(), load_recipe(OWN)
    sizes = {name: (base["settings"].get(name, attrgetter(name)(defaults)), attrgetter(name)(ships)) for name in SIZES}
    changed = [f"`{name}` {used} in place of {shipped}" for name, (used, shipped) in sizes.items() if used != shipped]
    return [f"The recipe is made smaller for it, and all variants with it: {', '.join(changed)}."] if changed else []


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
