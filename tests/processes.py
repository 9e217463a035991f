"""Several processes: a function run by a group of them, as torchrun starts it, and a command that starts others."""

import logging
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from torch.distributed.launcher.api import elastic_launch

from zonate.training.torchrun import on_this_machine

_TAKEN = signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT
"""Signals that torchrun handles from its first launch on."""


def run_in_processes(number: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What the function of a module returns in each process, by rank."""
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    with TemporaryDirectory() as logs:
        handlers = {taken: signal.getsignal(taken) for taken in _TAKEN}
        try:
            results = elastic_launch(on_this_machine(number, "test", logs), function)(*arguments)
        finally:
            for taken, handler in handlers.items():
                signal.signal(taken, handler)
    return [results[rank] for rank in range(number)]


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A command whose stderr can be read; if it still runs when the block ends, it and what it started are killed."""
    environment = {**environment, "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                _signal(process.pid, signal.SIGKILL)


def stderr_at_the_end(process: "subprocess.Popen[str]", limit_s: float = 300.0) -> str:
    """What it has told; where it hangs, it and what it has started tell where."""
    try:
        return process.communicate(timeout=limit_s)[1]
    except subprocess.TimeoutExpired:
        _signal(process.pid, signal.SIGABRT)
        told = process.communicate()[1]
        raise AssertionError(f"it was not done after {limit_s:g} s:\n{told}") from None


def _signal(pid: int, number: signal.Signals) -> None:
    """To a process and all that it has started, those first."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (*process.children(recursive=True), process):
            with suppress(psutil.NoSuchProcess):
                one.send_signal(number)
