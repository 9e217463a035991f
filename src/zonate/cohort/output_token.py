"""A file in the output of a cohort by which a worker knows that it sees this very folder, not one of the same path."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil

from zonate.io.files import write_text


@contextmanager
def token_in(output: Path | None) -> Iterator[Path | None]:
    """The token, for as long as the block lasts; None where there is no output. Abandoned ones are removed."""
    if output is None:
        yield None
        return
    output.mkdir(parents=True, exist_ok=True)
    for left in output.glob(".zonate-*.token"):
        if _is_abandoned(left):
            left.unlink(missing_ok=True)
    token = output.absolute() / f".zonate-{uuid4().hex[:8]}.token"
    write_text(token, f"{_here()} {os.getpid()}")
    try:
        yield token
    finally:
        token.unlink(missing_ok=True)


def _is_abandoned(token: Path) -> bool:
    """Whether it is of a process of this machine that is no more: another process may be writing into the output."""
    try:
        machine, _, process = token.read_text(encoding="utf-8").rpartition(" ")
        return machine == _here() and not psutil.pid_exists(int(process))
    except (OSError, ValueError):  # it is gone meanwhile, or not ours
        return False


def _here() -> str:
    """This machine and, in a container, which of its processes are seen."""
    seen = Path("/proc/self/ns/pid")
    return f"{platform.node()} {seen.readlink() if seen.is_symlink() else ''}"
