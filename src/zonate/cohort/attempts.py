"""The tasks of a cohort on a Dask cluster: limits, a second attempt, and what is said of a case that failed twice."""

import logging
import math
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar
from uuid import uuid4

import psutil
from distributed import Client
from distributed.scheduler import KilledWorker

from zonate.cohort.cluster import cluster_of, restart
from zonate.cohort.on_worker import Answer, Conditions, work
from zonate.cohort.set_aside import SetAside, attempt, set_aside
from zonate.cohort.workers import Workers
from zonate.errors import ProcessError, why_set_aside
from zonate.io.files import write_text
from zonate.progress import stage

Result = TypeVar("Result")

_TRIES = 2
_DEATHS_BEFORE_BEGINNING = 5
_OVER_MEMORY = "worker-restart-memory"
"""Dask's topic, under which a nanny names a worker that it stops for holding too much."""
_CANCELLED_S, _POLL_S = 5.0, 0.02
_LOOK_S, _NONE_LEFT_S = 30.0, 300.0
"""How often to look whether a process of this machine is left, and how long one that died has to start again."""


def each_on_cluster(
    tasks: Mapping[str, Callable[[], Result]],
    workers: Workers,
    output: Path | None,
    inputs: Mapping[str, Items[Path]],
) -> Generator[tuple[str, Result | SetAside], None, None]:
    """As `zonate.cohort.parallel.each_case`, which this is for workers in processes of their own."""
    if workers.scheduler is None:  # once: what is free changes as soon as they work
        workers = replace(workers, memory_gib=workers.study_memory_gib)
    with _token_in(output) as token, cluster_of(workers) as client:
        conditions = Conditions(
            topic=f"zonate-{uuid4().hex}",
            log_level=logging.getLogger("zonate").getEffectiveLevel(),
            zonate_version=version("zonate"),
            token=token,
        )
        yield from _Cohort[Result](client, workers, conditions).outcomes(tasks, inputs)


@contextmanager
def _token_in(output: Path | None) -> Iterator[Path | None]:
    """A file by which a worker knows that it sees this very folder, not one that has the same path."""
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


@dataclass
class _Case(Generic[Result]):
    """A case that has not ended.

    Attributes:
        case_id: Its name.
        task: What is to be done.
        inputs: What is read for it.
        places: Where it was begun: nannies, or workers without one.
        worker: That it runs on; None while it waits.
        until_s: When its time is over, by the monotonic clock.
        future: Of the present attempt.
        early_deaths: How many workers died with it before it was begun.
    """

    case_id: str
    task: Callable[[], Result]
    inputs: tuple[Path, ...]
    places: list[str] = field(default_factory=list)
    worker: str | None = None
    until_s: float = math.inf
    future: Any = None
    early_deaths: int = 0


class _Cohort(Generic[Result]):
    """The cases that have not ended, by the key of their present attempt.

    What Dask tells, it tells in threads of its own: they leave a notice, and the caller's thread acts upon it.
    """

    def __init__(self, client: Client, workers: Workers, conditions: Conditions) -> None:
        self._client = client
        self._workers = workers
        self._conditions = conditions
        self._cases: dict[str, _Case[Result]] = {}
        self._over_memory: set[str] = set()
        self._none_since_s: float | None = None
        self._notices: SimpleQueue[Callable[[], tuple[str, Result | SetAside] | None]] = SimpleQueue()

    def outcomes(
        self, tasks: Mapping[str, Callable[[], Result]], inputs: Mapping[str, Items[Path]]
    ) -> Generator[tuple[str, Result | SetAside], None, None]:
        """Do everything, and give each outcome as it comes."""
        self._listen(self._conditions.topic, self._begun)
        self._listen(self._conditions.stages_topic, self._stage_begun)
        self._listen(_OVER_MEMORY, self._holds_too_much)
        waiting = deque(
            _Case(case_id, task, tuple(path for path in inputs.get(case_id, ()) if path.exists()))
            for case_id, task in tasks.items()
        )
        try:
            while waiting or self._cases:
                while waiting and self._has_room():
                    self._submit(waiting.popleft())
                try:
                    outcome = self._notices.get(timeout=self._seconds_left())()
                except Empty:
                    yield from self._stop_what_is_over_time()
                    self._check_that_one_is_left()
                    continue
                if outcome is not None:
                    yield outcome
        except BaseException:
            if self._workers.scheduler is not None:  # other workers are killed by `cluster_of`
                with suppress(Exception):  # of a scheduler that is gone; what is raised says more
                    self._stop(self._cases.values())
            raise

    def _has_room(self) -> bool:
        """Whether to submit another: a process here is idle; a cluster must see what waits, in order to grow."""
        return self._workers.scheduler is not None or len(self._cases) < self._workers.number

    def _listen(self, topic: str, act: Callable[[Mapping[str, Any]], tuple[str, Result | SetAside] | None]) -> None:
        self._client.subscribe_topic(topic, lambda event: self._notices.put(partial(act, event[1])))

    def _submit(self, case: _Case[Result]) -> None:
        """Begin an attempt: not where there was one already, if there are other places."""
        key = f"zonate-{uuid4().hex}"
        known = self._client.scheduler_info(n_workers=-1)["workers"] if case.places else {}
        elsewhere = [address for address, about in known.items() if (about["nanny"] or address) not in case.places]
        conditions = self._conditions.for_inputs(case.inputs)
        case.worker, case.until_s = None, math.inf
        self._cases[key] = case
        case.future = self._client.submit(
            work,
            key,
            partial(attempt, case.case_id, partial(conditions.checked, case.case_id, case.task)),
            conditions,
            key=key,
            workers=elsewhere or None,
            allow_other_workers=bool(elsewhere),
        )
        self._await(key, case)

    def _await(self, key: str, case: _Case[Result]) -> None:
        case.future.add_done_callback(lambda _: self._notices.put(partial(self._ended, key)))

    def _begun(self, told: Mapping[str, Any]) -> tuple[str, SetAside] | None:
        case = self._cases.get(told["key"])
        if case is None:
            return None
        self._none_since_s = None
        case.worker = told["worker"]
        case.places.append(told["place"])
        case.until_s = time.monotonic() + self._workers.study_timeout_s
        if len(case.places) <= _TRIES:
            return None
        self._stop([case])  # a cluster tries by itself as often as its `allowed-failures` says
        del self._cases[told["key"]]
        return case.case_id, set_aside(case.case_id, _died(case.case_id))

    def _stage_begun(self, told: Mapping[str, Any]) -> None:
        if case := self._cases.get(told["key"]):
            stage(f"{case.case_id}: {told['stage']}")

    def _holds_too_much(self, told: Mapping[str, Any]) -> None:
        self._over_memory.add(told["worker"])

    def _ended(self, key: str) -> tuple[str, Result | SetAside] | None:
        case = self._cases.pop(key, None)
        if case is None:  # it was stopped
            return None
        if case.future.status == "finished":
            answer: Answer[Result] = case.future.result()
            for record in answer.said:
                logging.getLogger(record.name).handle(record)
            return case.case_id, answer.result
        if case.future.status in ("lost", "pending"):  # its worker died before the answer was fetched: done again
            case.places.clear()
            case.worker, case.until_s = None, math.inf
            self._cases[key] = case
            self._await(key, case)
            return None
        if case.future.status != "error":
            raise ProcessError("the Dask scheduler is gone: what is done is kept, start again for the rest (--resume)")
        error = case.future.exception()
        if isinstance(error, KilledWorker):
            return self._tried_in_vain(case, self._why_it_died(case))
        if isinstance(error, ImportError | RuntimeError):
            raise ProcessError(
                f"the cluster cannot run Zonate ({type(error).__name__}): its scheduler and its workers need the same "
                "versions of Zonate, Dask and Python as this process"
            )
        return case.case_id, set_aside(case.case_id, why_set_aside(case.case_id, error))

    def _tried_in_vain(self, case: _Case[Result], reason: str) -> tuple[str, SetAside] | None:
        """Try a case once more, or give it up."""
        case.early_deaths += case.worker is None
        if len(case.places) < _TRIES and case.early_deaths < _DEATHS_BEFORE_BEGINNING:
            self._submit(case)
            return None
        return case.case_id, set_aside(case.case_id, reason)

    def _why_it_died(self, case: _Case[Result]) -> str:
        if case.worker not in self._over_memory:
            return _died(case.case_id)
        memory_gib = self._workers.study_memory_gib
        limit = "its worker" if memory_gib is None or self._workers.scheduler else f"{memory_gib:.3g} GiB"
        how = "dask worker --memory-limit" if self._workers.scheduler else "--memory-gib, or fewer --workers"
        return f"case {case.case_id}: it needs more memory than {limit} may hold, and was stopped twice ({how})"

    def _seconds_left(self) -> float | None:
        until_s = min((case.until_s for case in self._cases.values()), default=math.inf)
        if self._workers.scheduler is None:
            until_s = min(until_s, time.monotonic() + _LOOK_S)
        return None if until_s == math.inf else max(0.0, until_s - time.monotonic())

    def _check_that_one_is_left(self) -> None:
        """Nobody tells that no process could be started in place of one that died; a cluster may yet get workers."""
        if self._workers.scheduler is not None:
            return
        if self._client.scheduler_info(n_workers=-1)["workers"]:
            self._none_since_s = None
            return
        now_s = time.monotonic()
        self._none_since_s = now_s if self._none_since_s is None else self._none_since_s
        if now_s - self._none_since_s >= _NONE_LEFT_S:
            raise ProcessError(
                "no worker process is left, and none could be started again: what is done is kept, start again for the "
                "rest with fewer --workers, or when this machine has more memory to spare (--resume)"
            )

    def _stop_what_is_over_time(self) -> Iterator[tuple[str, SetAside]]:
        now_s = time.monotonic()
        over = {key: case for key, case in self._cases.items() if case.until_s <= now_s and not case.future.done()}
        self._cases = {key: case for key, case in self._cases.items() if key not in over}
        self._stop(over.values())
        for case in over.values():
            reason = (
                f"case {case.case_id}: it took longer than {self._workers.study_timeout_s:g} s and was stopped, "
                "twice (--timeout-s)"
            )
            if outcome := self._tried_in_vain(case, reason):
                yield outcome

    def _stop(self, cases: Iterable[_Case[Result]]) -> None:
        """Take back what waits, and kill the workers of what runs."""
        ours = {case.future.key: case for case in cases}
        if not ours:
            return
        self._client.cancel([case.future for case in ours.values()], force=True)
        if working := self._workers_of(ours):
            self._await_cancelled(set(ours))
            restart(self._client, working)

    def _workers_of(self, cases: Mapping[str, _Case[Result]]) -> set[str]:
        """Where they have begun, which the scheduler knows before its notice has been read here."""
        begun = {key: case.worker for key, case in cases.items() if case.worker is not None}
        for _, told in self._client.get_events(self._conditions.topic):
            if told["key"] in cases:
                begun[told["key"]] = told["worker"]
        return set(begun.values())

    def _await_cancelled(self, keys: set[str]) -> None:
        """Cancelling only sends a message: a worker killed before it arrives has its task begun on another one."""
        until_s = time.monotonic() + _CANCELLED_S
        while time.monotonic() < until_s:
            if keys.isdisjoint(key for of_worker in self._client.processing().values() for key in of_worker):
                return
            time.sleep(_POLL_S)


def _died(case_id: str) -> str:
    return (
        f"case {case_id}: the process that worked on it died, twice: it needs more memory than there is, or its files "
        "crash a library"
    )
