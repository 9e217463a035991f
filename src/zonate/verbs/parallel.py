"""Independent cases side by side, in as many processes as asked for, with the cores divided among them.

What a case gives follows from its task alone: neither `jobs` nor the order of the cases changes a bit of it.
"""

import logging
from collections import deque
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from zonate.errors import why_set_aside
from zonate.verbs.machine import usable_cores, usable_memory_gib
from zonate.verbs.pool import Answer, Submit, pool, result_of

CASE_MEMORY_GIB = 1.5
"""What reading and aligning a large study takes."""

_log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class SetAside:
    """A case that failed: the others go on without it.

    Attributes:
        reason: Without patient data, see `why_set_aside`.
    """

    reason: str


def cases_at_a_time(jobs: int, cases: int) -> int:
    """How many cases to work on at a time, at least 1.

    Args:
        jobs: How many the caller asks for; 0: one a core, as far as memory goes.
        cases: How many there are; more processes would be idle.

    Raises:
        ValueError: A negative number.
    """
    if jobs < 0:
        raise ValueError(f"jobs is {jobs}: give how many cases to work on at a time, or 0 for as many as fit")
    if jobs == 0:
        memory_gib = usable_memory_gib()
        jobs = usable_cores() if memory_gib is None else min(usable_cores(), int(memory_gib / CASE_MEMORY_GIB))
    jobs = max(1, min(jobs, cases))
    _log.info("%d cases, %d at a time", cases, jobs)
    return jobs


def each_case(
    tasks: Mapping[str, Callable[[], Result]], *, jobs: int
) -> Generator[tuple[str, Result | SetAside], None, None]:
    """Do the tasks, each of one case, and give each outcome as soon as it is there.

    With one job, or one task, everything happens in this process and in the order given. With more, tasks and
    outcomes are pickled, and at most `jobs` + 1 cases are under way or waiting to be taken. A process that dies (for
    want of memory, or as a library crashes) ends its own case alone: the cases that were under way with it are done
    again, one at a time. What Zonate logs in a process is logged in this one.

    Close the generator when it is left early (`contextlib.closing`): the processes stop then, at once, and remove
    what they have half written; so they do when this process dies.

    Args:
        tasks: From case id to what is to be done. With several jobs, a function of a module, or a
            `functools.partial` of one; scripts need `if __name__ == "__main__":` around their own calls then.
        jobs: How many at a time; each gets its share of the cores.

    Yields:
        A case id, and what its task returned, or why it failed.

    Raises:
        RuntimeError: No process can be started.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from ((case_id, attempt(case_id, task)) for case_id, task in tasks.items())
        return
    waiting = deque(_Case(case_id, partial(attempt, case_id, task)) for case_id, task in tasks.items())
    while waiting:
        with pool(jobs) as submit:
            lost = yield from _until_one_dies(submit, waiting, jobs)
        for case in lost:
            yield case.case_id, _alone(case)


def attempt(case_id: str, task: Callable[[], Result]) -> Result | SetAside:
    """What the task of a case returns, or why it failed; the reason is logged."""
    try:
        return task()
    except Exception as error:  # noqa: BLE001  (whatever a native library raises ends this case alone)
        return _set_aside(case_id, why_set_aside(case_id, error))


def _set_aside(case_id: str, reason: str) -> SetAside:
    _log.warning("case %s is set aside: %s", case_id, reason)
    return SetAside(reason)


@dataclass(frozen=True)
class _Case(Generic[Result]):
    case_id: str
    task: Callable[[], Result]


def _until_one_dies(
    submit: Submit, waiting: deque[_Case[Result]], jobs: int
) -> Generator[tuple[str, Result], None, list[_Case[Result]]]:
    """Work off what is waiting, and return the cases that were under way when a process died; else none."""
    under_way: dict[Future[Answer[Result]], _Case[Result]] = {}
    lost: list[_Case[Result]] = []
    while under_way or (waiting and not lost):
        while waiting and not lost and len(under_way) <= jobs:
            case = waiting.popleft()
            under_way[submit(case.task)] = case
        wait(under_way, return_when=FIRST_COMPLETED)
        ended = next(future for future in under_way if future.done())
        case = under_way.pop(ended)
        try:
            outcome = result_of(ended)
        except BrokenProcessPool:
            lost.append(case)
            continue
        del ended  # it holds the outcome, which may be large
        yield case.case_id, outcome
    return lost


def _alone(case: _Case[Result]) -> Result | SetAside:
    """Do the task of a case that may have killed its process, with nothing beside it."""
    with pool(1) as submit:
        try:
            return result_of(submit(case.task))
        except BrokenProcessPool:
            return _set_aside(
                case.case_id,
                f"case {case.case_id}: the process that worked on it died, and again with nothing beside it: it needs "
                "more memory than there is, or its files crash a library",
            )
