"""The part of benchmarks/accuracy.md on patients of other sources."""

from benchmarks.accuracy.cells import conditions, mean_cell, number, values_of
from benchmarks.accuracy.figures import AI, FIGURES, GLANDS, SAME_SOURCE, Figure
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results
from zonate.shipped import SHIPPED

WANTED = {"gland Dice": 0.90, "PZ Dice": 0.75, "central gland Dice": 0.85}
"""The means to reach against the AI references."""


def external_section(results: Results) -> list[str]:
    """Its lines."""
    lines = [
        "## Patients of other sources",
        "",
        f"`python -m benchmarks.accuracy.external` ({conditions(results.runs)}). For evaluation only: no fold and no "
        "shipped model learnt from them, and whom a model was",
        "trained or chosen on is left out. Each patient by the mean over the models of the folds and over the readers.",
    ]
    for name, about, figures in (
        (AI, "PROSTATEx patients (another scanner of the same maker) against the zones of two AI models", FIGURES),
        (GLANDS, "patients of PROMISE12 against an expert's gland", _of_gland()),
        (SAME_SOURCE, "a patient of the collection that was learnt from, against an expert's gland", _of_gland()),
    ):
        part = of_set(results, name)
        if part.rows:
            lines += ["", f"### {name}: {about}", "", *_means(part, name, figures), "", *_patients(part, figures)]
    return lines


def of_set(results: Results, name: str) -> Results:
    """The rows of one set, and the runs with its cases alone."""
    runs = [{**run, "cases": [case for case in run["cases"] if case["set"] == name]} for run in results.runs]
    return Results(runs, [row for row in results.rows if row["set"] == name])


def _means(results: Results, of: str, figures: tuple[Figure, ...]) -> list[str]:
    titles = " | ".join(_wanted(figure) if of == AI else figure.title for figure in figures)
    lines = [f"| model | models | patients | {titles} |", "|---|---|---|" + "---|" * len(figures)]
    for name in results.names:
        values = [figure.of(results, name) for figure in figures]
        cells = [mean_cell(by_patient, figure.digits) for by_patient, figure in zip(values, figures, strict=True)]
        lines.append(f"| {name} | {len(results.runs_of(name))} | {len(values[0])} | " + " | ".join(cells) + " |")
    return lines


def shown_model(results: Results) -> str:
    """The model that ships, or else the method that would."""
    return next((name for name in (SHIPPED, OWN) if name in results.names), results.names[0])


def _patients(results: Results, figures: tuple[Figure, ...]) -> list[str]:
    """Each patient by the model that is shown."""
    shown = shown_model(results)
    runs = results.runs_of(shown)
    doubtful: dict[str, list[str]] = {}
    for case in (case for run in runs for case in run["cases"]):
        doubtful.setdefault(case["patient_id"], []).append(case["said"])
    lines = [
        f"By *{shown}*, {values_of(runs, 'samples')} samples drawn; doubtful: in how many of the models' results.",
        "",
        "| patient | " + " | ".join(figure.title for figure in figures) + " | doubtful |",
        "|---|" + "---|" * (len(figures) + 1),
    ]
    values = [figure.of(results, shown) for figure in figures]
    for patient in sorted(values[0], key=lambda name: values[0][name]):
        cells = [number(of[patient], figure.digits) for figure, of in zip(figures, values, strict=True)]
        said = doubtful[patient]
        lines.append(f"| {patient} | " + " | ".join(cells) + f" | {sum(map(bool, said))} of {len(said)} |")
    return lines


def _wanted(figure: Figure) -> str:
    bound = WANTED.get(figure.title)
    return figure.title if bound is None else f"{figure.title} (wanted {bound:.2f})"


def _of_gland() -> tuple[Figure, ...]:
    return tuple(figure for figure in FIGURES if figure.structure == "GLAND")
