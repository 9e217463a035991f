"""What Dask tells of the cases of a cohort, in threads of its own: notices, for the caller's thread to act upon."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from distributed import Client

from zonate.cohort.on_worker import Conditions

_OVER_MEMORY = "worker-restart-memory"
"""Dask's topic, under which a nanny names a worker that it stops for holding too much."""


@dataclass(frozen=True)
class Begun:
    """A worker has begun a case.

    Attributes:
        key: Under which it was submitted.
        worker: The address.
        place: The worker's nanny, or itself where it has none.
    """

    key: str
    worker: str
    place: str


@dataclass(frozen=True)
class StageBegun:
    """A worker has begun a stage of a case."""

    key: str
    stage: str


@dataclass(frozen=True)
class Ended:
    """What was submitted is done, has failed or is lost."""

    key: str


@dataclass(frozen=True)
class OverMemory:
    """A worker is stopped for holding too much."""

    worker: str


Notice = Begun | StageBegun | Ended | OverMemory


def listen(client: Client, conditions: Conditions, leave: Callable[[Notice], None]) -> None:
    """Have a notice left of whatever workers and nannies tell from now on; `Ended` is a future's to tell."""

    def on(topic: str, notice_of: Callable[[Mapping[str, Any]], Notice]) -> None:
        client.subscribe_topic(topic, lambda event: leave(notice_of(event[1])))

    on(conditions.topic, lambda told: Begun(told["key"], told["worker"], told["place"]))
    on(conditions.stages_topic, lambda told: StageBegun(told["key"], told["stage"]))
    on(_OVER_MEMORY, lambda told: OverMemory(told["worker"]))
