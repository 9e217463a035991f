"""A command from its start to its end, in a process of its own: seconds and memory."""

import subprocess
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
    """Run a command some times; the first time, which fills the caches, does not count.

    Raises:
        RuntimeError: It failed; with what it wrote.
    """
    runs = [_run(command) for _ in range(repeats + 1)]
    return Whole(Timing.of([seconds for seconds, _ in runs[1:]]), max(peak for _, peak in runs))


def _run(command: list[str]) -> tuple[float, float]:
    began, peak = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        while process.poll() is None:
            peak = max(peak, _held_mib(process.pid))
            time.sleep(_EVERY_S)
        seconds = time.perf_counter() - began
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said}")
    return seconds, peak


def _held_mib(pid: int) -> float:
    """Proportional memory of a process and all below it; 0 of one that has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return 0.0
    own = next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return own / 1024 + sum(_held_mib(int(child)) for child in below)
