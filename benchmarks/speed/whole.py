"""A command from its start to its end, in a process of its own: seconds and memory."""

import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.rates import Timing

_EVERY_S = 0.02


@dataclass(frozen=True)
class Whole:
    """What a command took.

    Attributes:
        timing: Seconds of the repeats.
        peak_mib: The most memory that it and the processes which it started held together; shared pages count once.
    """

    timing: Timing
    peak_mib: float


def whole(command: list[str], repeats: int) -> Whole:
    """Run a command some times; the first time, which fills the caches, is watched for its memory and not timed.

    Raises:
        RuntimeError: It failed; with what it wrote.
    """
    _, peak_mib = once(command)
    return Whole(Timing.of([once(command, watched=False)[0] for _ in range(repeats)]), peak_mib)


def once(command: list[str], *, watched: bool = True) -> tuple[float, float]:
    """Run a command; its seconds, and its `Whole.peak_mib`.

    To be watched costs it time, a third more on two slow cores: the kernel walks through what it holds again and again.

    Args:
        command: To run.
        watched: Whether its memory is looked at; else it is given as 0.

    Raises:
        RuntimeError: It failed; with what it wrote.
    """
    began, peak = time.perf_counter(), 0.0
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,  # a pipe that nobody reads fills up
        subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT) as process,  # noqa: S603
    ):
        while watched and process.poll() is None:
            peak = max(peak, _held_mib(process.pid))
            time.sleep(_EVERY_S)
        process.wait()
        seconds = time.perf_counter() - began
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said.read()}")
    return seconds, peak


def _held_mib(pid: int) -> float:
    """Proportional memory of a process and all below it; 0 of one that has ended."""
    own = next((int(line.split()[1]) for line in _lines(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")), 0)
    return own / 1024 + sum(_held_mib(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    """What each thread of a process has started."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    return [int(child) for thread in threads for line in _lines(thread / "children") for child in line.split()]


def _lines(file: Path | str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
