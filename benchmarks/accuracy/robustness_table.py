"""benchmarks/robustness.md from what was kept of the imitations."""

from benchmarks.accuracy.cells import conditions, interval_cell, number
from benchmarks.accuracy.compare import difference
from benchmarks.accuracy.figures import EVALUATION, FIGURES, LEAST_DICE
from benchmarks.accuracy.results import Results
from zonate.dataset.degradation import AS_IT_IS

TITLE = "# What scanners, protocols and bladders do to a model"
SHOWN = FIGURES[:3]


def robustness_page(results: Results) -> str:
    """The whole page."""
    if not results.runs:
        return f"{TITLE}\n\nNothing has been measured yet: `python -m benchmarks.accuracy.robustness`.\n"
    lines = [
        TITLE,
        "",
        f"`python -m benchmarks.accuracy.robustness` ({conditions(results.runs)}).",
        "",
        "The patients of [accuracy.md](accuracy.md), each by the model of the fold that left the patient out, as they "
        "are and changed as another scanner, protocol or bladder would",
        "have shown them (`benchmarks/accuracy/imitations.py`; the last five: `zonate.dataset.degradation`). Mean Dice "
        "over the patients, and the mean of the paired differences to the",
        "patients as they are with its 95 % bootstrap interval; the worst patient; and how many of those below "
        f"{LEAST_DICE} their shape alone makes doubtful, which is without samples.",
    ]
    for name in results.names:
        lines += ["", f"## {name}", "", *_table(results, name)]
    return "\n".join(lines) + "\n"


def _table(results: Results, name: str) -> list[str]:
    titles = " | ".join(figure.title for figure in SHOWN)
    lines = [
        f"| shown | patients | {titles} | worst gland | gland < {LEAST_DICE} | of these doubtful |",
        "|---|---|" + "---|" * (len(SHOWN) + 3),
    ]
    plain = _shown_as(results, name, AS_IT_IS)
    for how in dict.fromkeys(row["how"] for row in results.rows if row["name"] == name):
        part = _shown_as(results, name, how)
        glands = SHOWN[0].of(part, name)
        cells = [how, str(len(glands))]
        for figure in SHOWN:
            values = figure.of(part, name)
            found = difference(values, figure.of(plain, name), EVALUATION)
            cell = number(sum(values.values()) / len(values), figure.digits)
            cells.append(cell if how == AS_IT_IS else f"{cell}<br>{interval_cell(found, figure.digits)}")
        low = {patient for patient, dice in glands.items() if dice < LEAST_DICE}
        doubtful = {row["patient_id"] for row in part.rows if row["said"] and row["patient_id"] in low}
        cells += [number(min(glands.values()), 2), str(len(low)), str(len(doubtful)) if low else "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _shown_as(results: Results, name: str, how: str) -> Results:
    return Results(results.runs, [row for row in results.rows if row["name"] == name and row["how"] == how])
