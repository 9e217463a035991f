"""docs/pictures/costs.png: seconds above and memory below, over slices, matrix, studies and processes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.costs.points import Line, Point
from benchmarks.costs.table import Figures, curve

_PREDICT, _TRAIN, _LINE = "#0072b2", "#d55e00", "0.7"
_COLUMNS = {
    "slices": "slices",
    "matrix": "pixels along a side",
    "cohort": "studies in one call",
    "workers": "processes of one thread",
}


def draw(found: Figures, file: Path) -> None:
    """A point is a median; the grey lines are those of the page's least squares."""
    figure = Figure(figsize=(11.5, 4.8), layout="constrained")
    upper, lower = figure.subplots(2, len(_COLUMNS), sharex="col")
    for above, below, (name, label) in zip(upper, lower, _COLUMNS.items(), strict=True):
        points = curve(found, name)
        if name == "workers":
            _processes(above, below, {"predict": points, "train": curve(found, "training")})
        else:
            power = 2 if name == "matrix" else 1
            _fitted(above, points, [point.median_s for point in points], power)
            _fitted(below, points, [point.peak_mib for point in points], power)
        below.set_xlabel(label)
        below.xaxis.get_major_locator().set_params(integer=True)
        for axes in (above, below):
            axes.set_ylim(0, 1.08 * axes.dataLim.y1)
            axes.spines[["top", "right"]].set_visible(False)
    upper[0].set_ylabel("seconds")
    lower[0].set_ylabel("memory at most, MiB")
    upper[-1].set_ylabel("times as fast as one")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=90)


def _fitted(axes: Axes, points: Sequence[Point], values: Sequence[float], power: int) -> None:
    """The values, and the line through them over x to this power."""
    x = [point.x for point in points]
    line = Line.through([at**power for at in x], values)
    between = np.linspace(min(x), max(x), 50)
    axes.plot(between, [line.at(float(at) ** power) for at in between], color=_LINE)
    axes.plot(x, values, "o", color=_PREDICT)


def _processes(above: Axes, below: Axes, commands: Mapping[str, Sequence[Point]]) -> None:
    """How many times as fast as one process, and memory, of both commands."""
    for (name, points), colour in zip(commands.items(), (_PREDICT, _TRAIN), strict=True):
        x = [point.x for point in points]
        above.plot(x, [points[0].median_s / point.median_s for point in points], "o-", color=colour, label=name)
        below.plot(x, [point.peak_mib for point in points], "o-", color=colour)
    above.legend(frameon=False, loc="lower right")
