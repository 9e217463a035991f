"""`zonate predict` as a whole command, over slices, pixels, studies and workers."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from benchmarks.cohort import cores
from benchmarks.costs.plan import Plan
from benchmarks.costs.points import Point, in_turn
from benchmarks.costs.studies import Scan, write_study
from benchmarks.speed.whole import once
from zonate.cohort.machine import usable_cores

_LIMIT_S = 3600  # given, so that one worker, too, is a process of its own


class Predicting:
    """The studies of a plan in a folder, and what is measured on them."""

    def __init__(self, plan: Plan, work: Path, scan: Scan) -> None:
        self._plan, self._work, self._scan = plan, work, scan
        self._outputs: Iterator[Path] = (work / f"out-{number}" for number in count())
        slices, matrix_px = plan.small
        self._cohort = [
            write_study(work / f"cohort-{number:03d}", scan, slices, matrix_px, number)
            for number in range(max(*plan.cohort, plan.shared))
        ]

    def warm_up(self) -> None:
        """Once, so that libraries and weights lie in the file cache."""
        once(self._command(self._cohort[:1]))

    def by_shape(self) -> tuple[list[Point], list[Point]]:
        """Over slices, and over the matrix; what both have is measured once."""
        plan = self._plan
        over_slices = [(slices, plan.usual_matrix_px) for slices in plan.slices]
        over_matrix = [(plan.usual_slices, matrix_px) for matrix_px in plan.matrix_px]
        shapes = list(dict.fromkeys([*over_slices, *over_matrix]))
        found = dict(zip(shapes, in_turn([self._of_shape(*shape) for shape in shapes], plan.repeats), strict=True))
        return (
            [Point(shape[0], *found[shape]) for shape in over_slices],
            [Point(shape[1], *found[shape]) for shape in over_matrix],
        )

    def by_cohort(self) -> list[Point]:
        """Over studies, one after another in one process with all cores."""
        return [self._point(studies, self._of_cohort(studies)) for studies in self._plan.cohort]

    def by_workers(self) -> list[Point]:
        """Over workers, of one core each."""
        points = []
        for workers in fitting(self._plan.processes, self._plan.shared):
            options = ["--workers", str(workers), "--timeout-s", str(_LIMIT_S)]
            with cores(workers):
                points.append(self._point(workers, self._of_cohort(self._plan.shared, options)))
        return points

    def _point(self, x: int, command: list[str]) -> Point:
        seconds, peak_mib = once(command)
        return Point(x, [seconds], peak_mib)

    def _of_shape(self, slices: int, matrix_px: int) -> Callable[[], list[str]]:
        study = write_study(self._work / f"{slices}-of-{matrix_px}", self._scan, slices, matrix_px)
        return partial(self._command, [study])

    def _of_cohort(self, studies: int, options: Sequence[str] = ("--workers", "1")) -> list[str]:
        return self._command(self._cohort[:studies], "--samples", str(self._plan.samples), *options)

    def _command(self, studies: Sequence[Path], *options: str) -> list[str]:
        output = next(self._outputs)
        return [sys.executable, "-m", "zonate", "predict", *map(str, studies), "-o", str(output), *options]


def fitting(processes: Sequence[int], most: int) -> list[int]:
    """Those numbers that the machine has cores for, and of which each has something to do."""
    return [number for number in processes if number <= min(most, usable_cores())]
