"""One point of a curve, and the straight line through some of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.speed.whole import once


@dataclass
class Point:
    """What a command took at one size.

    Attributes:
        x: The size: slices, pixels along a side, studies or processes.
        seconds: Of each repeat.
        peak_mib: The most memory that all its processes held together in any of the repeats.
    """

    x: int
    seconds: list[float]
    peak_mib: float

    @property
    def median_s(self) -> float:
        """Of the repeats."""
        return median(self.seconds)


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x, by least squares."""

    intercept: float
    slope: float

    @classmethod
    def through(cls, x: Sequence[float], y: Sequence[float]) -> "Line":
        """Raises ValueError where fewer than two x differ: no line, or every line, goes through them."""
        if len(set(x)) < 2:
            raise ValueError(f"a line needs two sizes at least, found {sorted(set(x))}")
        slope, intercept = np.polyfit(x, y, 1)
        return cls(float(intercept), float(slope))

    def at(self, x: float) -> float:
        return self.intercept + self.slope * x


def in_turn(commands: Sequence[Callable[[], list[str]]], repeats: int) -> list[tuple[list[float], float]]:
    """Run commands in turn, so that what disturbs one disturbs all; of each the seconds, and the most memory.

    Args:
        commands: Each gives the command of one run, which may differ in where it writes.
        repeats: Rounds.
    """
    seconds: list[list[float]] = [[] for _ in commands]
    peaks = [0.0 for _ in commands]
    for _ in range(repeats):
        for number, command in enumerate(commands):
            took, peak = once(command())
            seconds[number].append(took)
            peaks[number] = max(peaks[number], peak)
    return list(zip(seconds, peaks, strict=True))
