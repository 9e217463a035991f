"""The part of benchmarks/accuracy.md on which way volumes are off: what the mean of their sizes hides."""

import math
from collections.abc import Iterator

from benchmarks.accuracy.cells import mean_cell
from benchmarks.accuracy.external_table import of_set, shown_model
from benchmarks.accuracy.figures import AI, BIASES, GLANDS, SAME_SOURCE
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results


def bias_section(results: Results, external: Results | None) -> list[str]:
    """Its lines.

    Args:
        results: Of the cross-validation.
        external: Of patients of other sources; None: not measured.
    """
    return [
        "## Which way are the volumes off?",
        "",
        "The result's volume less the reference's, in ml: the mean over patients with its 95 % bootstrap interval, and "
        "in brackets behind it how many were too small.",
        "",
        "| patients | " + " | ".join(figure.title for figure in BIASES) + " |",
        "|---|" + "---|" * len(BIASES),
        *_lines(results, external),
    ]


def _lines(results: Results, external: Results | None) -> Iterator[str]:
    yield _line("cross-validation", results, OWN)
    others = [] if external is None else [(name, of_set(external, name)) for name in (AI, GLANDS, SAME_SOURCE)]
    for name, part in others:
        if part.rows:
            yield _line(name, part, shown_model(part))


def _line(title: str, results: Results, name: str) -> str:
    cells = []
    for figure in BIASES:
        values = figure.of(results, name)
        known = [value for value in values.values() if not math.isnan(value)]
        small = f" [{sum(value < 0 for value in known)} of {len(known)}]" if known else ""
        cells.append(mean_cell(values, figure.digits, sign="+") + small)
    return f"| {title} | " + " | ".join(cells) + " |"
