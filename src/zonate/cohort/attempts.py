"""The tasks of a cohort on a Dask cluster: limits, a second attempt, and what is said of a case that failed twice."""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar
from uuid import uuid4

from distributed import Client
from distributed.scheduler import KilledWorker

from zonate.cohort.cluster import cluster_of, restart
from zonate.cohort.notices import Begun, Ended, Notice, OverMemory, StageBegun, listen
from zonate.cohort.on_worker import Answer, Conditions, work
from zonate.cohort.output_token import token_in
from zonate.cohort.set_aside import SetAside, attempt, set_aside
from zonate.cohort.workers import Workers
from zonate.errors import ProcessError, why_set_aside
from zonate.progress import stage

Result = TypeVar("Result")
Outcome = tuple[str, Result | SetAside]

_TRIES = 2
_DEATHS_BEFORE_BEGINNING = 5
_CANCELLED_S, _POLL_S = 5.0, 0.02
_LOOK_S, _NONE_LEFT_S = 30.0, 300.0
"""How often to look whether a process of this machine is left, and how long one that died has to start again."""


def each_on_cluster(
    tasks: Mapping[str, Callable[[], Result]],
    workers: Workers,
    output: Path | None,
    inputs: Mapping[str, Items[Path]],
) -> Generator[Outcome[Result], None, None]:
    """As `zonate.cohort.parallel.each_case`, which this is for workers in processes of their own."""
    if workers.scheduler is None:  # once: what is free changes as soon as they work
        workers = replace(workers, memory_gib=workers.study_memory_gib)
    with token_in(output) as token, cluster_of(workers) as client:
        conditions = Conditions(
            topic=f"zonate-{uuid4().hex}",
            log_level=logging.getLogger("zonate").getEffectiveLevel(),
            zonate_version=version("zonate"),
            token=token,
        )
        yield from _Cohort[Result](client, workers, conditions).outcomes(tasks, inputs)


@dataclass(frozen=True)
class _Attempt:
    """A case on a worker.

    Attributes:
        worker: Its address.
        place: Its nanny, or itself where it has none: a second attempt goes elsewhere.
        until_s: When the time of the case is over there, by the monotonic clock.
    """

    worker: str
    place: str
    until_s: float


@dataclass
class _Case(Generic[Result]):
    """A case that has not ended.

    Attributes:
        case_id: Its name.
        task: What is to be done.
        inputs: What is read for it.
        begun: Every attempt.
        running: The present one; None while the case waits for a worker, a first or another one.
        future: Of what is submitted.
        early_deaths: How many workers died with it before it was begun.
    """

    case_id: str
    task: Callable[[], Result]
    inputs: tuple[Path, ...]
    begun: list[_Attempt] = field(default_factory=list)
    running: _Attempt | None = None
    future: Any = None
    early_deaths: int = 0


class _Cohort(Generic[Result]):
    """The cases that have not ended, by the key under which they are submitted.

    What Dask tells, it tells in threads of its own: they leave a notice, and the caller's thread acts upon it.
    """

    def __init__(self, client: Client, workers: Workers, conditions: Conditions) -> None:
        self._client = client
        self._workers = workers
        self._conditions = conditions
        self._cases: dict[str, _Case[Result]] = {}
        self._over_memory: set[str] = set()
        self._none_since_s: float | None = None
        self._notices: SimpleQueue[Notice] = SimpleQueue()

    def outcomes(
        self, tasks: Mapping[str, Callable[[], Result]], inputs: Mapping[str, Items[Path]]
    ) -> Generator[Outcome[Result], None, None]:
        """Do everything, and give each outcome as it comes."""
        listen(self._client, self._conditions, self._notices.put)
        waiting = deque(
            _Case(case_id, task, tuple(path for path in inputs.get(case_id, ()) if path.exists()))
            for case_id, task in tasks.items()
        )
        try:
            while waiting or self._cases:
                while waiting and self._has_room():
                    self._submit(waiting.popleft())
                try:
                    notice = self._notices.get(timeout=self._seconds_left())
                except Empty:
                    yield from self._stop_what_is_over_time()
                    self._check_that_one_is_left()
                else:
                    yield from self._act_on(notice)
        except BaseException:
            if self._workers.scheduler is not None:  # other workers are killed by `cluster_of`
                with suppress(Exception):  # of a scheduler that is gone; what is raised says more
                    self._stop(self._cases.values())
            raise

    def _has_room(self) -> bool:
        """Whether to submit another: a process here is idle; a cluster must see what waits, in order to grow."""
        return self._workers.scheduler is not None or len(self._cases) < self._workers.number

    def _submit(self, case: _Case[Result]) -> None:
        """Have a case begun: not where it was already, if there are other places."""
        key = f"zonate-{uuid4().hex}"
        known = self._client.scheduler_info(n_workers=-1)["workers"] if case.begun else {}
        places = {begun.place for begun in case.begun}
        elsewhere = [address for address, about in known.items() if (about["nanny"] or address) not in places]
        conditions = self._conditions.for_inputs(case.inputs)
        case.running = None
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
        self._await(case)

    def _await(self, case: _Case[Result]) -> None:
        case.future.add_done_callback(lambda future: self._notices.put(Ended(future.key)))

    def _act_on(self, notice: Notice) -> Iterator[Outcome[Result]]:
        """Take note, and give what has ended by it."""
        if isinstance(notice, OverMemory):
            self._over_memory.add(notice.worker)
            return
        case = self._cases.get(notice.key)
        if case is None:  # it was stopped
            return
        match notice:
            case Begun():
                yield from self._begun(case, notice)
            case StageBegun():
                stage(f"{case.case_id}: {notice.stage}")
            case Ended():
                yield from self._ended(case)

    def _begun(self, case: _Case[Result], notice: Begun) -> Iterator[Outcome[Result]]:
        self._none_since_s = None
        if len(case.begun) == _TRIES:  # a cluster tries by itself as often as its `allowed-failures` says
            self._stop([case])
            del self._cases[notice.key]
            yield case.case_id, set_aside(case.case_id, self._why_it_died(case))
            return
        case.running = _Attempt(notice.worker, notice.place, time.monotonic() + self._workers.study_timeout_s)
        case.begun.append(case.running)

    def _ended(self, case: _Case[Result]) -> Iterator[Outcome[Result]]:
        status = case.future.status
        if status in ("lost", "pending"):  # its worker died before the answer was fetched: done again
            case.begun.clear()
            case.running = None
            self._await(case)
            return
        del self._cases[case.future.key]
        if status == "finished":
            answer: Answer[Result] = case.future.result()
            for record in answer.said:
                logging.getLogger(record.name).handle(record)
            yield case.case_id, answer.result
            return
        if status != "error":
            raise ProcessError("the Dask scheduler is gone: what is done is kept, start again for the rest (--resume)")
        error = case.future.exception()
        if isinstance(error, KilledWorker):
            yield from self._tried_in_vain(case, self._why_it_died(case))
        elif isinstance(error, ImportError | RuntimeError):
            raise ProcessError(
                f"the cluster cannot run Zonate ({type(error).__name__}): its scheduler and its workers need the same "
                "versions of Zonate, Dask and Python as this process"
            )
        else:
            yield case.case_id, set_aside(case.case_id, why_set_aside(case.case_id, error))

    def _tried_in_vain(self, case: _Case[Result], reason: str) -> Iterator[Outcome[Result]]:
        """Try a case once more, or give it up."""
        case.early_deaths += case.running is None
        if len(case.begun) < _TRIES and case.early_deaths < _DEATHS_BEFORE_BEGINNING:
            self._submit(case)
        else:
            yield case.case_id, set_aside(case.case_id, reason)

    def _why_it_died(self, case: _Case[Result]) -> str:
        if case.running is None or case.running.worker not in self._over_memory:
            return (
                f"case {case.case_id}: the process that worked on it died, twice: it needs more memory than there is, "
                "or its files crash a library"
            )
        memory_gib = self._workers.study_memory_gib
        limit = "its worker" if memory_gib is None or self._workers.scheduler else f"{memory_gib:.3g} GiB"
        how = "dask worker --memory-limit" if self._workers.scheduler else "--memory-gib, or fewer --workers"
        return f"case {case.case_id}: it needs more memory than {limit} may hold, and was stopped twice ({how})"

    def _seconds_left(self) -> float | None:
        running = (case.running for case in self._cases.values() if case.running is not None)
        until_s = min((one.until_s for one in running), default=math.inf)
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

    def _stop_what_is_over_time(self) -> Iterator[Outcome[Result]]:
        over = self._over_time()
        for case in over:
            del self._cases[case.future.key]
        self._stop(over)
        for case in over:
            reason = (
                f"case {case.case_id}: it took longer than {self._workers.study_timeout_s:g} s and was stopped, "
                "twice (--timeout-s)"
            )
            yield from self._tried_in_vain(case, reason)

    def _over_time(self) -> list[_Case[Result]]:
        """The cases that a worker is at for too long; where it has gone, they wait for another without limit."""
        now_s = time.monotonic()
        overdue = {
            case.future.key: (case, case.running.worker)
            for case in self._cases.values()
            if case.running is not None and case.running.until_s <= now_s
        }
        at_work = self._client.processing() if overdue else {}
        over = []
        for key, (case, worker) in overdue.items():
            if key in at_work.get(worker, ()):
                over.append(case)
            else:  # or it has just ended, of which the notice comes
                case.running = None
        return over

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
        begun = {key: case.running.worker for key, case in cases.items() if case.running is not None}
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
