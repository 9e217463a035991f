"""Several jobs at a time, each in a process of its own, so that one that dies takes nothing with it."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.job import LOG_NAME, RESULT_NAME

_POLL_S = 0.2


def run_jobs(folders: Sequence[Path], parallel: int) -> list[Path]:
    """Do the jobs of these folders, in order, so many at a time.

    Returns:
        Those that failed; the others were finished all the same.
    """
    return _run_each([(folder, ()) for folder in folders], parallel, RESULT_NAME)


def probe(folders: Sequence[Path], seconds: float) -> list[Path]:
    """Find the pace of all these jobs at one time, as they will run beside each other.

    Returns:
        The files that say it.

    Raises:
        RuntimeError: One failed.
    """
    failed = _run_each([(folder, ("--probe", f"{seconds:g}")) for folder in folders], len(folders), PACE_NAME)
    if failed:
        raise RuntimeError(f"no pace was found, see {failed[0] / LOG_NAME}")
    return [folder / PACE_NAME for folder in folders]


PACE_NAME = "pace.json"


def _run_each(tasks: Sequence[tuple[Path, tuple[str, ...]]], parallel: int, product: str) -> list[Path]:
    waiting, running, failed = list(tasks), dict[Path, subprocess.Popen[bytes]](), list[Path]()
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                folder, options = waiting.pop(0)
                running[folder] = _start(folder, options)
            for folder, process in list(running.items()):
                if process.poll() is not None:
                    del running[folder]
                    done = process.returncode == 0 and (folder / product).is_file()
                    print(f"{folder.name}: {'done' if done else f'failed, see {folder / LOG_NAME}'}", file=sys.stderr)
                    failed += [] if done else [folder]
            time.sleep(_POLL_S)
    finally:
        for process in running.values():
            process.terminate()
            process.wait()
    return failed


def _start(folder: Path, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.accuracy.work", str(folder), *options]
    with (folder / LOG_NAME).open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[2])  # noqa: S603
