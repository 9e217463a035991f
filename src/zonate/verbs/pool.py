"""A pool of worker processes that share the cores, log through their parent, and never outlive it."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from zonate.verbs.machine import usable_cores

_THREAD_LIMITS = (
    "OMP_NUM_THREADS",  # PyTorch, and most of what is compiled
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "ZARR_THREADING__MAX_WORKERS",
)
"""Read by libraries as they are loaded."""
_SECONDS_TO_LEAVE = 5.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What comes back from a worker.

    Attributes:
        result: What the task returned.
        said: What Zonate logged meanwhile.
    """

    result: Result
    said: list[logging.LogRecord]


class Submit(Protocol):
    """Gives a task to the next worker that is free."""

    def __call__(self, task: Callable[[], Result]) -> "Future[Answer[Result]]":
        """The future fails with `BrokenProcessPool` where a worker has died."""


def result_of(future: "Future[Answer[Result]]") -> Result:
    """What the task returned, once it has; what was logged in its process is logged in this one.

    Raises:
        BrokenProcessPool: A worker died: not always this task's.
    """
    answer = future.result()
    for record in answer.said:
        logging.getLogger(record.name).handle(record)
    return answer.result


@contextmanager
def pool(workers: int) -> Iterator[Submit]:
    """Worker processes for as long as the block lasts; where it raises they leave at once, removing half-written files.

    Args:
        workers: How many; each uses its share of the cores.

    Raises:
        RuntimeError: No process can be started.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy the locks of ITK's and PyTorch's threads
    theirs, ours = context.Pipe(duplex=False)
    log_level = logging.getLogger("zonate").getEffectiveLevel()
    executor = ProcessPoolExecutor(workers, context, _start_worker, (theirs, log_level))
    threads = max(1, usable_cores() // workers)

    def submit(task: Callable[[], Result]) -> Future[Answer[Result]]:
        try:
            with _threads_of_new_processes(threads):
                return executor.submit(_work, task)
        except BrokenProcessPool as error:
            failed: Future[Answer[Result]] = Future()
            failed.set_exception(error)
            return failed

    try:
        _check_that_they_start(submit)
        yield submit
    except BaseException:
        ours.close()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
        ours.close()
        theirs.close()


def _check_that_they_start(submit: Submit) -> None:
    try:
        result_of(submit(os.getpid))
    except BrokenProcessPool:
        raise RuntimeError(
            "no process can be started to work on several cases at a time: a script that asks for that needs "
            '`if __name__ == "__main__":` around its own calls; or ask for one job'
        ) from None


@contextmanager
def _threads_of_new_processes(threads: int) -> Iterator[None]:
    """Limit the threads of the processes that are started in the block, before they load any library."""
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# What follows runs in the workers.


def _start_worker(line: Connection, log_level: int) -> None:
    """Prepare for work, once a process.

    Args:
        line: Ends when the parent asks its workers to leave, or dies.
        log_level: Of the parent's `zonate` logger.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process, and the parent answers it
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_leave_with, args=(line,), daemon=True).start()
    logging.getLogger().addHandler(logging.NullHandler())  # what pydicom logs quotes header values
    ours = logging.getLogger("zonate")
    ours.setLevel(log_level)
    ours.propagate = False


def _leave(*_: object) -> None:
    """By an exception, so that half-written files are removed; and a second signal does not break into that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def _leave_with(line: Connection) -> None:
    with suppress(EOFError, OSError):
        line.recv_bytes()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_LEAVE)  # a native library may not look up before it is done
    os._exit(1)


def _work(task: Callable[[], Result]) -> Answer[Result]:
    """Do a task, and bring back what was logged."""
    said: SimpleQueue[logging.LogRecord] = SimpleQueue()
    keeper = QueueHandler(said)
    logging.getLogger("zonate").addHandler(keeper)
    try:
        result = task()
    except (SystemExit, KeyboardInterrupt):  # the executor would go on with the next task
        os._exit(1)
    finally:
        logging.getLogger("zonate").removeHandler(keeper)
    return Answer(result, [said.get() for _ in range(said.qsize())])
