"""What a second worker is worth: the same simulated studies on one and on two workers of one thread each.

    python -m benchmarks.cohort [--studies 40] [--samples 0] [--rounds 3] [--table FILE]

Two of the studies are broken: of one a copy was interrupted in all its files, the other is an empty folder. All others
have to be done and these two to be listed, else nothing is measured.

Each round does both, in turn, so that a busy machine slows both down; the ratio is taken within a round. The time is of
the whole call: starting the workers, which load the libraries and the model, reading, aligning, segmenting and writing
everything.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.machine import commit, machine
from zonate.cli.app import SOME_FAILED
from zonate.verbs.simulate import simulate

TABLE = Path(__file__).with_name("cohort.md")
WORKERS = (1, 2)
BROKEN = 2
"""Of the studies: the first ones, so that those behind them are done after a failure."""


@dataclass(frozen=True)
class Round:
    """Seconds of the call by number of workers."""

    seconds: dict[int, float]

    @property
    def ratio(self) -> float:
        """How many times as many studies two workers do in the same time."""
        return self.seconds[1] / self.seconds[2]


def main() -> None:
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="zonate-cohort-") as name:
        work = Path(name)
        studies = simulate(given.studies, work / "studies", seed=1)
        break_off(studies[0])
        empty(studies[1])
        rounds = []
        for number in range(given.rounds):
            order = WORKERS if number % 2 == 0 else WORKERS[::-1]
            rounds.append(Round({workers: seconds(studies, work, workers, given.samples) for workers in order}))
            print(f"round {number + 1}: {rounds[-1].seconds}, ratio {rounds[-1].ratio:.2f}")
    given.table.write_text(table(rounds, given.studies, given.samples), encoding="utf-8")
    print(given.table)


def break_off(study: Path) -> None:
    """Leave half of each file, as an interrupted copy may."""
    for file in study.rglob("*"):
        if file.is_file():
            os.truncate(file, file.stat().st_size // 2)


def empty(study: Path) -> None:
    """Leave the folder alone."""
    shutil.rmtree(study)
    study.mkdir()


def seconds(studies: Sequence[Path], work: Path, workers: int, samples: int) -> float:
    """Of `zonate predict` on all studies, in a process of its own: with one worker, too, there is a limit.

    Raises:
        SystemExit: Not all but the BROKEN first ones were done, or those are not listed.
    """
    with tempfile.TemporaryDirectory(dir=work) as output:
        command = [sys.executable, "-m", "zonate", "predict", *map(str, studies), "-o", output]
        command += ["--workers", str(workers), "--timeout-s", "3600", "--samples", str(samples)]
        with cores(workers):
            begun = perf_counter()
            ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
            taken = perf_counter() - begun
        done = [file.parent.name for file in Path(output).glob("*/zones.json")]
    refuse_unfinished(studies, done, ended.returncode, ended.stdout + ended.stderr)
    return taken


def refuse_unfinished(studies: Sequence[Path], done: Collection[str], code: int, said: str) -> None:
    """See that all but the BROKEN first studies were done, and that those were listed as failed."""
    broken, good = studies[:BROKEN], studies[BROKEN:]
    missing = {study.name for study in good}.difference(done)
    listed = said.partition(f"{BROKEN} failed")[2]
    unlisted = [study.name for study in broken if f"{study.name}: " not in listed]
    if missing or unlisted or code != SOME_FAILED:
        raise SystemExit(
            f"nothing is measured: exit code {code}, {len(missing)} studies were not done, of the broken ones "
            f"{unlisted} were not listed:\n{said[-2000:]}"
        )


@contextmanager
def cores(number: int) -> Iterator[None]:
    """Only so many, for what is started in the block: Zonate gives each worker its share of them, one thread."""
    before = os.sched_getaffinity(0)
    if len(before) < number:
        raise SystemExit(f"this needs {number} cores, and there are {len(before)}")
    os.sched_setaffinity(0, sorted(before)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def table(rounds: Sequence[Round], studies: int, samples: int) -> str:
    """The page: seconds of each round, their medians, and the ratio with its spread."""
    medians = {workers: statistics.median(one.seconds[workers] for one in rounds) for workers in WORKERS}
    ratios, good = sorted(one.ratio for one in rounds), studies - BROKEN
    lines = [
        "# What a second worker is worth",
        "",
        f"    python -m benchmarks.cohort --studies {studies} --samples {samples} --rounds {len(rounds)}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, commit {commit()}. `zonate predict` on {studies} simulated "
        f"DICOM studies (T2W, DWI, ADC), {samples or 'no'} samples, all files written; the whole call, with the start "
        f"of its workers. {BROKEN} of the studies are broken: in every call all {good} others were done and these "
        "listed.",
        "",
        "| | one worker, one thread (s) | two workers, one thread each (s) | times as many studies |",
        "|---|---|---|---|",
        *(
            f"| round {number} | {one.seconds[1]:.1f} | {one.seconds[2]:.1f} | {one.ratio:.2f} |"
            for number, one in enumerate(rounds, start=1)
        ),
        f"| median | {medians[1]:.1f} | {medians[2]:.1f} | {statistics.median(ratios):.2f} |",
        "",
        f"A study: {medians[1] / good:.1f} s on one worker, {medians[2] / good:.1f} s on two.",
        "",
    ]
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--table", type=Path, default=TABLE)
    given = parser.parse_args()
    if given.studies <= BROKEN:
        parser.error(f"--studies {given.studies}: {BROKEN} are broken, and at least one besides has to be done")
    return given


if __name__ == "__main__":
    main()
