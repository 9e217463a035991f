"""A second Python process at this one's side: it imports while this one computes, then does its share of the work.

`with helping(MODULE)` starts it, `aside` gives it work. It makes nothing possible that would not be without it: what is
put aside where there is no such process, or where it does not answer as it should, is done here.
"""

import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Any, BinaryIO, Generic, ParamSpec, Self, TypeVar, cast

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_READY = b"zonate's helper is ready\n"
"""A line before the first answer: what stands above it was printed by whatever Python starts with."""
_LENGTH_BYTES = 8

_Answer = tuple[bool, Any] | None
"""Whether it was done, and the result or the exception; None: it has to be done here."""


class Aside(Generic[Result]):
    """A piece of work that is done beside what this process does.

    Leaving its block waits for it, unless whoever stops this process is in a hurry.
    """

    def __init__(self, here: Callable[[], Result], helper: "_Helper | None") -> None:
        self._here, self._helper = here, helper
        self._answer: Future[_Answer] | None = None if helper is None else helper.begin(here)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._helper is None or self._answer is None:
            return
        if error is not None and not isinstance(error, Exception):  # Ctrl-C, or the end of this process
            self._helper.end()
            return
        try:
            self._answer.exception()
        except BaseException:  # nobody waits any longer: what is half written is about to be removed
            self._helper.end()
            raise

    def result(self) -> Result:
        """What it gives, or raises."""
        answer = None if self._answer is None else self._answer.result()
        if answer is None:
            return self._here()
        done, value = answer
        if not done:
            raise cast("Exception", value)
        return cast("Result", value)


@contextmanager
def helping(*modules: str) -> Iterator[None]:
    """Have a process that does what is put aside while the block runs, in this thread.

    Args:
        modules: What it imports at once.
    """
    try:
        helper = _Helper(modules)
    except OSError:  # no memory or no process is to be had for it
        yield
        return
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
        arguments: Those that cannot be pickled are worked on here.
        named: The same.
    """
    return Aside(partial(work, *arguments, **named), _helps.get())


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
        self._is_ready = False

    def begin(self, work: Callable[[], Any]) -> "Future[_Answer]":
        return self._thread.submit(self._answer, work)

    def end(self) -> None:
        self._process.kill()
        self._thread.shutdown()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):  # of what it was still to be told
                cast("BinaryIO", pipe).close()
        self._process.wait()

    def _answer(self, work: Callable[[], Any]) -> _Answer:
        """What the process answers; None where it does not, or not so that it can be understood."""
        try:
            asked = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        except Exception:  # noqa: BLE001  (of what cannot be pickled)
            return None
        to, back = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        try:
            to.write(asked)
            to.flush()
            while not self._is_ready:
                line = back.readline()
                if not line:
                    return None
                self._is_ready = line == _READY
            length = int.from_bytes(back.read(_LENGTH_BYTES), "big")
            return cast("_Answer", pickle.loads(back.read(length)))  # noqa: S301  (from our own process)
        except Exception:  # noqa: BLE001  (of a pipe that is broken, or an answer that is none)
            self._process.kill()  # it would answer the next one with what is left of this
            return None


_helps: ContextVar[_Helper | None] = ContextVar("_helps", default=None)


def _help(modules: list[str]) -> None:
    """Do what is asked for, until nobody is left who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process ends this one
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    answers.write(b"\n" + _READY)
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
        answer = _answered(work)
        answers.write(len(answer).to_bytes(_LENGTH_BYTES, "big") + answer)
        answers.flush()


def _answered(work: Callable[[], Any]) -> bytes:
    answer: _Answer
    try:
        answer = (True, work())
    except Exception as error:  # noqa: BLE001  (raised where it was asked for)
        answer = (False, error)
    try:
        answered = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        if not answer[0]:
            pickle.loads(answered)  # noqa: S301  (not every exception can be made anew of its arguments)
    except Exception:  # noqa: BLE001  (of what cannot be pickled)
        return pickle.dumps(None)
    return answered


if __name__ == "__main__":
    _help(sys.argv[1:])
