"""The page of costs, from the figures that were kept."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.costs.points import Line, Point

Figures = Mapping[str, Any]

_PIXELS = 100_000
_HEAD = "s | least to most | memory at most, MiB |"


def page(found: Figures) -> str:
    """The whole page."""
    parts = (_head, _slices, _matrix, _cohort, _workers, _training)
    return "\n".join(line for part in parts for line in part(found)) + "\n"


def curve(found: Figures, name: str) -> list[Point]:
    """The points of one curve."""
    return [Point(**point) for point in found["curves"][name]]


def pixels(points: Sequence[Point]) -> list[float]:
    """Pixels of a slice, in 100,000, of points over the pixels along a side."""
    return [point.x**2 / _PIXELS for point in points]


def _head(found: Figures) -> Iterator[str]:
    plan = found["plan"]
    yield "# What does more cost?"
    yield ""
    yield (
        f"`python -m benchmarks.costs` ({found['date']}, {found['machine']}, {found['threads']} threads where nothing "
        f"else is said, PyTorch {found['torch']}, commit {found['commit']}). Whole commands, from their start to their "
        "end; memory is that of all their processes together, shared pages once. Studies are DICOM of T2W alone, one "
        "simulated scan in other voxels, and everything is written. Over slices and matrix: median of "
        f"{plan['repeats']} repeats that took turns; all else once. Memory was watched fifty times a second, which "
        "costs `predict` up to a third more: take differences from here, and seconds of a study from "
        "[versions](versions.md)."
    )
    yield from ("", "![Seconds and memory](../docs/pictures/costs.png)")


def _slices(found: Figures) -> Iterator[str]:
    points, side = curve(found, "slices"), found["plan"]["usual_matrix_px"]
    yield from ("", "## Slices", "", f"`zonate predict` on one study of {side} × {side} pixels.", "")
    yield from (f"| slices | {_HEAD}", "|---|---|---|---|", *(f"| {point.x} | {_row(point)} |" for point in points))
    yield from ("", _lines(points, [float(point.x) for point in points], "a slice"))


def _matrix(found: Figures) -> Iterator[str]:
    points = curve(found, "matrix")
    yield from ("", "## Matrix", "", f"`zonate predict` on one study of {found['plan']['usual_slices']} slices.", "")
    yield from (f"| matrix | {_HEAD}", "|---|---|---|---|")
    yield from (f"| {point.x} × {point.x} | {_row(point)} |" for point in points)
    yield from ("", _lines(points, pixels(points), f"for each {_PIXELS:,} pixels of a slice"))


def _cohort(found: Figures) -> Iterator[str]:
    points = curve(found, "cohort")
    last = points[-1]
    against = {point.x: last.peak_mib - point.peak_mib for point in (points[0], points[-2])}
    differences = " and ".join(f"{mib:+.0f} MiB against {_studies(number)}" for number, mib in against.items())
    yield from ("", "## Cohort", "", f"`zonate predict --workers 1` on {_small(found)}, one after another.", "")
    yield from ("| studies | s | s a study | memory at most, MiB |", "|---|---|---|---|")
    for point in points:
        seconds = point.median_s
        yield f"| {point.x} | {seconds:.3g} | {seconds / point.x:.3g} | {point.peak_mib:.0f} |"
    seconds_line = Line.through([point.x for point in points], [point.median_s for point in points])
    grown = Line.through([point.x for point in points], [point.peak_mib for point in points])
    yield ""
    yield (
        f"By least squares a further study takes {seconds_line.slope:.3g} s and {grown.slope:.1f} MiB. "
        f"The most memory with {last.x} studies is {differences}."
    )


def _workers(found: Figures) -> Iterator[str]:
    points, studies = curve(found, "workers"), found["plan"]["shared"]
    one = points[0]
    yield from ("", "## Workers", "")
    yield f"`zonate predict --workers N` on {studies} {_small(found)}, a core and a thread a worker."
    yield from ("", "| workers | s | studies a minute | times as many | memory at most, MiB |", "|---|---|---|---|---|")
    for point in points:
        seconds = point.median_s
        times = one.median_s / seconds
        yield f"| {point.x} | {seconds:.3g} | {60 * studies / seconds:.1f} | {times:.2f} | {point.peak_mib:.0f} |"
    yield from ("", _gained(points, "workers", "as many studies in a time"))


def _training(found: Figures) -> Iterator[str]:
    points, about = curve(found, "training"), found["training"]
    one = points[0]
    yield from ("", "## Training processes", "")
    yield (
        f"`zonate train --recipe {about['recipe']} --devices N` on processors, a core and a thread a process; the "
        f"batch of {about['batch_size']} slices of {about['patch_px']} × {about['patch_px']} pixels is shared. Median "
        f"of {about['epochs'] - 1} epochs of {about['steps']} steps, after one that does not count."
    )
    yield from ("", f"| processes | {_HEAD.replace('s |', 's a step |', 1)} times as fast |", "|---|---|---|---|---|")
    for point in points:
        yield f"| {point.x} | {_row(point)} | {one.median_s / point.median_s:.2f} |"
    yield from ("", _gained(points, "processes", "as many steps in a time"))


def _lines(points: Sequence[Point], x: Sequence[float], what: str) -> str:
    seconds = [point.median_s for point in points]
    memory = [point.peak_mib for point in points]
    of_seconds, of_memory = Line.through(x, seconds), Line.through(x, memory)
    return (
        f"By least squares: {of_seconds.slope:.3g} s and {of_memory.slope:.3g} MiB {what}, on top of "
        f"{of_seconds.intercept:.3g} s and {of_memory.intercept:.0f} MiB. The lines are off by "
        f"{_furthest(of_seconds, x, seconds):.0%} and {_furthest(of_memory, x, memory):.0%} at most."
    )


def _furthest(line: Line, x: Sequence[float], y: Sequence[float]) -> float:
    return max(abs(line.at(at) / value - 1) for at, value in zip(x, y, strict=True))


def _gained(points: Sequence[Point], who: str, what: str) -> str:
    one, most = points[0], points[-1]
    if len(points) < 2:
        return f"There is no core for more {who}."
    times, memory = one.median_s / most.median_s, most.peak_mib / one.peak_mib
    return f"{most.x} {who} do {times:.2f} times {what}, in {memory:.2f} times the memory."


def _small(found: Figures) -> str:
    slices, side = found["plan"]["small"]
    samples = found["plan"]["samples"]
    return f"studies of {slices} × {side} × {side} voxels with {samples or 'no'} samples"


def _studies(number: int) -> str:
    return "one study" if number == 1 else f"{number} studies"


def _row(point: Point) -> str:
    return f"{point.median_s:.3g} | {min(point.seconds):.3g} to {max(point.seconds):.3g} | {point.peak_mib:.0f}"
