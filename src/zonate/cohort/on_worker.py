"""What happens in a worker's process around the task of a case: its logs, its temporary files, what it must see."""

import logging
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, Self, TypeVar

from distributed import get_worker
from distributed.utils import sync

from zonate.errors import OutputError, StudyError, ZonateError
from zonate.progress import hearing_stages

Result = TypeVar("Result")

_ONE_AT_A_TIME = threading.Lock()
"""A worker of a cluster may have several threads; ITK's, PyTorch's and Matplotlib's states are the process's."""


@dataclass(frozen=True)
class Conditions:
    """What a task needs of the worker that it meets.

    Attributes:
        topic: Under which the scheduler tells the client where a task begins.
        log_level: Of the client's `zonate` logger.
        zonate_version: The client's.
        token: A file that the client has written into the output; None where there is no output.
        inputs: What the client sees of the case.
    """

    topic: str
    log_level: int
    zonate_version: str
    token: Path | None = None
    inputs: tuple[Path, ...] = ()

    @property
    def stages_topic(self) -> str:
        """Under which the scheduler tells the client what is begun of a case."""
        return f"{self.topic}-stages"

    def for_inputs(self, inputs: tuple[Path, ...]) -> Self:
        """The same for a case of which that is seen."""
        return replace(self, inputs=inputs)

    def checked(self, case_id: str, task: Callable[[], Result]) -> Result:
        """Do a task where a worker is fit for it.

        Raises:
            ZonateError: The worker runs another version.
            OutputError: It does not see the output.
            StudyError: It does not see the study, or something else that is read for it.
        """
        if (here := version("zonate")) != self.zonate_version:
            raise ZonateError(
                f"case {case_id}: a worker runs Zonate {here}, and {self.zonate_version} is asked for: install the same"
            )
        if self.token is not None and not self.token.exists():
            raise OutputError(
                f"case {case_id}: a worker does not see the output ({self.token.parent.name}): the workers of a "
                "cluster need it at the same path as here, on a file system that they share"
            )
        for path in self.inputs:
            if not path.exists():
                raise StudyError(
                    f"case {case_id}: a worker does not see {path.name}, which is read for it: the workers of a "
                    "cluster need it at the same path as here, on a file system that they share"
                )
        return task()


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What comes back from a worker.

    Attributes:
        result: What the task returned.
        said: What Zonate logged meanwhile.
    """

    result: Result
    said: list[logging.LogRecord]


def work(key: str, task: Callable[[], Result], conditions: Conditions) -> Answer[Result]:
    """Do a task, once it is this one's turn, tell what is begun of it, and bring back what was logged.

    Args:
        key: Of the task at the scheduler.
        task: Sets a failing case aside itself.
        conditions: What is to be told to whom.
    """
    worker = get_worker()

    def tell_stage(name: str) -> None:
        worker.log_event(conditions.stages_topic, {"key": key, "stage": name})

    with _ONE_AT_A_TIME, _temporary_files_in(worker.local_directory), _kept_logs(conditions.log_level) as said:
        begun = {"key": key, "worker": worker.address, "place": worker.nanny or worker.address}
        # Waited for: nobody must have to guess whether this task had begun when its worker died.
        sync(worker.loop, worker.scheduler.log_event, topic=conditions.topic, msg=begun)
        with hearing_stages(tell_stage):
            result = task()
    return Answer(result, [said.get() for _ in range(said.qsize())])


@contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    """Where Dask removes them after a worker that was killed: unpacked studies, and what elastix reads."""
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _kept_logs(level: int) -> Iterator["SimpleQueue[logging.LogRecord]"]:
    """Keep what Zonate logs for the client, and let nobody else log: what pydicom says quotes header values."""
    said: SimpleQueue[logging.LogRecord] = SimpleQueue()
    keeper, ours, root = QueueHandler(said), logging.getLogger("zonate"), logging.getLogger()
    before, handlers = (ours.level, ours.propagate), root.handlers[:]
    ours.addHandler(keeper)
    ours.setLevel(level)
    ours.propagate = False
    root.handlers[:] = [logging.NullHandler()]
    try:
        yield said
    finally:
        root.handlers[:] = handlers
        ours.removeHandler(keeper)
        ours.level, ours.propagate = before


async def dask_setup(worker: Any) -> None:  # noqa: ARG001  (as Dask calls it)
    """Leave Ctrl-C, which reaches every process of a terminal, to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
