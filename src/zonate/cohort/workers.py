"""Who works on a cohort, and how much of a machine one study may take."""

import math
from dataclasses import dataclass, replace
from typing import Self

from zonate.cohort.machine import usable_cores, usable_memory_gib

CASE_MEMORY_GIB = 4.0
"""What a large study takes at most: 120 slices of 384 × 384 pixels take 3 (`benchmarks/costs.md`)."""
TIMEOUT_S = 3600.0
"""Far longer than any study takes: a study that hangs must not keep a cohort from its end."""


@dataclass(frozen=True)
class Workers:
    """Who works on the studies of a cohort, and what one study may take.

    Limits are kept where a study has a process of its own: where one worker is asked for and no limit given, everything
    happens in the caller's process, without any.

    Attributes:
        number: Processes on this machine, each with its share of the cores; 0: as many as cores and memory allow.
        scheduler: Address of a Dask scheduler, such as `tcp://10.0.0.1:8786`, whose workers are used in their place.
        memory_gib: What the process of a study may hold; None: its share of the free memory. A cluster's workers have
            limits of their own.
        timeout_s: How long a study may take, from when it begins on a worker; None: an hour.
    """

    number: int = 1
    scheduler: str | None = None
    memory_gib: float | None = None
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"workers is {self.number}: give how many studies to work on at a time, or 0: what fits")
        for name, limit in (("memory_gib", self.memory_gib), ("timeout_s", self.timeout_s)):
            if limit is not None and not (limit > 0 and math.isfinite(limit)):
                raise ValueError(f"{name} is {limit}: give what a study may take, more than 0, or leave it out")
        if self.scheduler is not None and self.number > 1:
            raise ValueError(f"workers is {self.number}, and a scheduler has workers of its own: give one of the two")
        if self.scheduler is not None and self.memory_gib is not None:
            raise ValueError(
                "memory_gib is for processes on this machine: the workers of a cluster have the limits that they were "
                "started with (dask worker --memory-limit)"
            )

    @classmethod
    def of(cls, workers: "int | Workers") -> "Workers":
        """What a verb is given: `Workers`, or how many on this machine."""
        return workers if isinstance(workers, Workers) else cls(workers)

    def fitted(self, cases: int) -> Self:
        """With a number of at least 1 that suits the machine and is not more than there are cases.

        Where the machine lets one of several cases through at a time, which nobody asked for, that one has a process of
        its own, and so its limits, as two would.
        """
        if self.scheduler is not None:
            return replace(self, number=1)
        number = self.number
        if number == 0:
            memory_gib = usable_memory_gib()
            a_case_gib = self.memory_gib or CASE_MEMORY_GIB
            number = usable_cores() if memory_gib is None else min(usable_cores(), int(memory_gib / a_case_gib))
        crew = replace(self, number=max(1, min(number, cases)))
        if self.number == 0 and cases > 1 and crew.here:
            return replace(crew, timeout_s=TIMEOUT_S)
        return crew

    @property
    def here(self) -> bool:
        """Whether everything happens in the caller's process: one worker, and nobody asked for a limit."""
        return self.number == 1 and (self.scheduler, self.memory_gib, self.timeout_s) == (None, None, None)

    @property
    def study_memory_gib(self) -> float | None:
        """What a process of this machine may hold; None where the system does not tell how much is free."""
        if self.memory_gib is not None:
            return self.memory_gib
        free_gib = usable_memory_gib()
        return None if free_gib is None else free_gib / max(1, self.number)

    @property
    def study_timeout_s(self) -> float:
        """How long a study may take on a worker."""
        return TIMEOUT_S if self.timeout_s is None else self.timeout_s
