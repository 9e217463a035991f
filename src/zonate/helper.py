"""A second Python process at this one's side: it imports while this one computes, then does its share of the work.

`with helping(MODULE)` starts it, `aside` gives it work. It makes nothing possible that would not be without it: what is
put aside where there is no such process, or where it dies, is done here.
"""

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Any, BinaryIO, Generic, ParamSpec, Self, TypeVar, cast

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Aside(Generic[Result]):
    """A piece of work that is done beside what this process does; leaving its block waits for it."""

    def __init__(self, here: Callable[[], Result], elsewhere: "Future[_Answer | None] | None" = None) -> None:
        self._here, self._elsewhere = here, elsewhere

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._elsewhere is not None:
            self._elsewhere.exception()

    def result(self) -> Result:
        """What it gives, or raises."""
        answer = None if self._elsewhere is None else self._elsewhere.result()
        if answer is None:  # nobody helps, or no longer
            return self._here()
        done, value = answer
        if not done:
            raise cast("Exception", value)
        return cast("Result", value)


_Answer = tuple[bool, Any]
"""Whether it was done, and the result or the exception."""


@contextmanager
def helping(*modules: str) -> Iterator[None]:
    """Have a process that does what is put aside while the block runs, in this thread.

    Args:
        modules: What it imports at once.
    """
    helper = _Helper(modules)
    before = _helps.set(helper)
    try:
        yield
    finally:
        _helps.reset(before)
        helper.end()


def aside(work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs) -> Aside[Result]:
    """Begin a piece of work in the process that helps; where none does, it is done when its result is asked for.

    Args:
        work: A function of a module; should it write a file, it may have to write it twice.
        arguments: Which can be pickled.
        named: The same.
    """
    here = partial(work, *arguments, **named)
    helper = _helps.get()
    return Aside(here) if helper is None else Aside(here, helper.begin(here))


class _Helper:
    """The process, and the thread that hands it one piece of work after another and waits for the answers."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        # -P: what lies in the working directory, such as a study, is no place to import from.
        self._process = subprocess.Popen(  # noqa: S603  (this file)
            [sys.executable, "-P", "-m", __name__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what libraries say of headers goes nowhere
            env=os.environ | _ONE_THREAD,
        )
        self._thread = ThreadPoolExecutor(1)

    def begin(self, work: Callable[[], Any]) -> "Future[_Answer | None]":
        return self._thread.submit(self._answer, work)

    def _answer(self, work: Callable[[], Any]) -> _Answer | None:
        """What the process answers; None where it does not."""
        asked = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        to, back = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        try:
            to.write(asked)
            to.flush()
            return cast("_Answer", pickle.load(back))  # noqa: S301  (from our own process)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def end(self) -> None:
        self._process.kill()
        self._thread.shutdown()
        self._process.communicate()


_helps: ContextVar[_Helper | None] = ContextVar("_helps", default=None)


def _help(modules: list[str]) -> None:
    """Do what is asked for, until nobody is left who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process ends this one
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    gc.disable()
    for name in modules:
        import_module(name)
    gc.freeze()  # what imports leave stays
    gc.enable()
    while True:
        try:
            work = pickle.load(sys.stdin.buffer)  # noqa: S301  (from our own process)
        except EOFError:
            return
        answers.write(_answered(work))
        answers.flush()


def _answered(work: Callable[[], Any]) -> bytes:
    answer: _Answer
    try:
        answer = (True, work())
    except Exception as error:  # noqa: BLE001  (raised where it was asked for)
        answer = (False, error)
    return pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)


if __name__ == "__main__":
    _help(sys.argv[1:])
