"""benchmarks/accuracy.md from what was kept of the runs."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any

from benchmarks.accuracy.bias_table import bias_section
from benchmarks.accuracy.cells import FEW_PATIENTS, conditions, difference_cell, mean_cell, mean_of, number, values_of
from benchmarks.accuracy.compare import LEAST_PAIRS, difference, holm
from benchmarks.accuracy.doubt_table import doubt_section
from benchmarks.accuracy.external_table import WANTED, external_section, of_set
from benchmarks.accuracy.figures import AI, COMPARED, EVALUATION, FIGURES, LEAST_DICE, Figure
from benchmarks.accuracy.longer_table import longer_section
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results, covers
from zonate.dataset.degradation import AS_IT_IS
from zonate.shipped import SHIPPED


def page(
    results: Results, external: Results | None = None, doubt: Results | None = None, longer: Results | None = None
) -> str:
    """The whole page.

    Args:
        results: Of the folds.
        external: Of patients of other sources; None: not measured.
        doubt: Of what is said of results; None: not measured.
        longer: Of the recipe that ships with more time; None: not measured.
    """
    if not results.runs:
        return "# How accurate, and better than what?\n\nNothing has been measured yet: `make accuracy`.\n"
    lines = ["# How accurate, and better than what?", "", *_head(results), "", *_means(results), ""]
    runs = list(results.runs)
    if OWN in results.names:
        lines += [*_differences(results), ""]
        longest = results
        if longer is not None and covers(longer, results):
            longest = longer
            runs += longer.runs
            lines += [*longer_section(results, longer), ""]
        lines += [*_targets(results, longest, external, doubt), "", *bias_section(longest, external), ""]
        lines += [*_patients(longest), ""]
    if doubt is not None and doubt.rows:
        lines += [*doubt_section(doubt), ""]
    if external is not None and external.runs:
        lines += [*external_section(external), ""]
    lines += _runs(runs)
    return "\n".join(lines) + "\n"


def _head(results: Results) -> list[str]:
    runs = results.runs
    n_patients = len({row["patient_id"] for row in results.rows})
    budgets = sorted({run["minutes"] for run in runs if run["minutes"] is not None})
    return [
        f"`make accuracy` ({conditions(runs)}).",
        "",
        f"{n_patients} patients of NCI-ISBI 2013 (Prostate-3T, T2W, PZ and central gland) in five folds by patient, "
        "the same for every method; ProstateX-0004",
        "(PROSTATEx-Seg-Zones) trains in all of them and tests in none. Every run has "
        f"{', '.join(f'{m:g}' for m in budgets)} minutes of one core's time, and the best of its validations, one an "
        "epoch and about ten at most,",
        "on one patient or two of its own training side is kept. Measured in 3D on the original grid, after the same "
        "clean-up of every",
        f"method's result (`{values_of(runs, 'clean_up')}`). nnU-Net v2, which takes a GPU, was not run.",
        "",
        "Mean over patients with its 95 % bootstrap interval (patients drawn). *Unfinished*: the validation curve of",
        "at least half of a method's runs still climbed when the time was over (best epoch in the last tenth, last",
        "quarter better than the third by more than 0.005) or was too short to tell: such a method is not beaten, it",
        "has not had enough time. A learning rate that falls lifts the end of a curve, so that this is harsher on "
        "recipes that have one.",
        FEW_PATIENTS,
    ]


def _means(results: Results) -> list[str]:
    titles = [figure.title for figure in FIGURES]
    lines = [
        "| method | patients | "
        + " | ".join(titles)
        + f" | gland Dice < {LEAST_DICE} | parameters M | epochs | steps × "
        "batch | minutes a run | s a patient | curve |",
        "|---|---|" + "---|" * (len(titles) + 7),
    ]
    for name in results.names:
        runs, glands = results.runs_of(name), results.by_patient(name, "GLAND", "dice")
        low = sum(dice < LEAST_DICE for dice in glands.values())
        cells = [name, str(len(glands)), *(mean_cell(figure.of(results, name), figure.digits) for figure in FIGURES)]
        cells += [str(low), f"{median(run['parameters'] for run in runs) / 1e6:.1f}"]
        cells += [f"{median(run['epochs'] for run in runs):g}"]
        cells += [f"{median(run['steps'] for run in runs):g} × {values_of(runs, 'batch_size')}"]
        cells += [f"{fmean(run['seconds'] for run in runs) / 60:.1f}"]
        cells += [f"{fmean(case['seconds'] for run in runs for case in run['cases']):.1f}", _verdict(runs)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _differences(results: Results) -> list[str]:
    others = [name for name in results.names if name != OWN]
    pairs = [(name, figure) for name in others for figure in COMPARED]
    found = [difference(f.of(results, OWN), f.of(results, name), EVALUATION) for name, f in pairs]
    adjusted = holm([one.p for one in found])
    lines = [
        f"## {OWN} minus each other method",
        "",
        "Mean of the paired differences over the patients of both, its 95 % bootstrap interval, and p of Wilcoxon's "
        f"signed-rank test after Holm's correction over the {sum(one.p is not None for one in found)} comparisons here "
        "that are tested (before it in",
        f"brackets). Below {LEAST_PAIRS} patients the test cannot reach 0.05, whatever it is given: such a comparison "
        "is not tested, and does not count in the correction.",
        "",
        "| against | patients | " + " | ".join(figure.title for figure in COMPARED) + " | |",
        "|---|---|" + "---|" * (len(COMPARED) + 1),
    ]
    for place, name in enumerate(others):
        own = range(place * len(COMPARED), (place + 1) * len(COMPARED))
        cells = [difference_cell(found[k], adjusted[k], pairs[k][1].digits, of=found[own[0]].n) for k in own]
        finished = "" if _is_finished(results.runs_of(name)) else "unfinished"
        lines.append(f"| {name} | {found[own[0]].n} | " + " | ".join(cells) + f" | {finished} |")
    return lines


def _targets(results: Results, longest: Results, external: Results | None, doubt: Results | None) -> list[str]:
    lines = [
        "## What was to be reached",
        "",
        f"In the cross-validation by {OWN} as long as it was given, on patients of other sources by the weights that "
        "ship.",
        "",
        "| | | wanted | reached | |",
        "|---|---|---|---|---|",
    ]
    wanted = [(figure, figure.wanted) for figure in FIGURES if figure.wanted is not None]
    lines += [_target("cross-validation", figure, bound, figure.of(longest, OWN)) for figure, bound in wanted]
    lines += [_better_in_each(results, other) for other in ("pix2pix", "unet") if other in results.names]
    ai = of_set(external, AI) if external is not None else Results([], [])
    if SHIPPED in ai.names:
        of_ai = [(figure, (WANTED[figure.title], True)) for figure in FIGURES if figure.title in WANTED]
        lines += [_target(AI, figure, bound, figure.of(ai, SHIPPED)) for figure, bound in of_ai]
    if doubt is not None and doubt.rows:
        lines.append(_none_unflagged(doubt))
    return lines


def _better_in_each(results: Results, other: str) -> str:
    """The target to be better than another method in every figure, in the same time."""
    found = [difference(f.of(results, OWN), f.of(results, other), EVALUATION) for f in COMPARED]
    better = sum(
        one.mean < 0 if f.measure == "hd95_mm" else one.mean > 0 for f, one in zip(COMPARED, found, strict=True)
    )
    verdict = "yes" if better == len(COMPARED) else "**no**"
    if not _is_finished(results.runs_of(other)):
        verdict = f"**not shown**: {other} is unfinished"
    return f"| in equal time | better than {other} | in {len(COMPARED)} figures | in {better} | {verdict} |"


def _none_unflagged(doubt: Results) -> str:
    """The target that predict says so of every bad result."""
    low = [row for row in doubt.rows if float(row["dice"]) < LEAST_DICE]
    missed = sum(not row["doubtful"] for row in low)
    patients = sum(row["how"] == AS_IT_IS for row in low)
    return (
        f"| patients and worse copies | gland Dice < {LEAST_DICE}, not flagged | 0 | {missed} of {len(low)}, of whom "
        f"{patients} as they are | {'**no**' if missed else 'yes'} |"
    )


def _target(where: str, figure: Figure, wanted: tuple[float, bool], values: Mapping[str, float]) -> str:
    bound, more = wanted
    mean = mean_of(values)
    complete = not any(math.isnan(value) for value in values.values())
    met = complete and (mean >= bound if more else mean <= bound)
    reached = mean_cell(values, figure.digits, interval=False)
    return f"| {where} | {figure.title} | {'≥' if more else '≤'} {bound:g} | {reached} | {'yes' if met else '**no**'} |"


def _patients(results: Results) -> list[str]:
    said = {case["patient_id"]: case["said"] for run in results.runs_of(OWN) for case in run["cases"]}
    figures = [figure.of(results, OWN) for figure in FIGURES]
    lines = [
        f"## Each patient by {OWN}",
        "",
        "Each by the model of the fold that left the patient out. *Doubtful by shape*: what `predict` says of the",
        "result without samples or calibration.",
        "",
        "| patient | " + " | ".join(figure.title for figure in FIGURES) + " | doubtful by shape |",
        "|---|" + "---|" * (len(FIGURES) + 1),
    ]
    for patient in sorted(figures[0], key=lambda name: figures[0][name]):
        cells = [number(of[patient], figure.digits) for figure, of in zip(FIGURES, figures, strict=True)]
        lines.append(f"| {patient} | " + " | ".join(cells) + f" | {said[patient] or '–'} |")
    return lines


def _runs(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "## How each run went",
        "",
        "Minutes are those of the epochs, validation included; starting and writing checkpoints come on top.",
        "",
        "| run | minutes | epochs | best epoch | validation Dice there | first to last validation |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        curve = " ".join(f"{dice:.2f}" for _, dice in run["curve"])
        best = run["best_validation_dice"]
        lines.append(
            f"| {run['name']} fold {run['fold']} | {run['seconds'] / 60:.1f} | {run['epochs']} | {run['best_epoch']} | "
            f"{'–' if best is None else f'{best:.3f}'} | {curve} |"
        )
    return lines


def _verdict(runs: Sequence[Mapping[str, Any]]) -> str:
    n_climbing = sum(run["unfinished"] for run in runs)
    word = "finished" if _is_finished(runs) else "**unfinished**"
    return f"{word}, {n_climbing} of {len(runs)} climbing" if n_climbing else word


def _is_finished(runs: Sequence[Mapping[str, Any]]) -> bool:
    return bool(2 * sum(run["unfinished"] for run in runs) < len(runs))
