"""The processes that train one model together: which of them this is, what they sum, and how they end as one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor

from zonate.errors import ProcessError, ZonateError

T = TypeVar("T")

_GONE = (
    # gloo, and NCCL's own last error
    "connection closed by",
    "connection reset by peer",
    "connection timed out",
    "broken pipe",
    "timed out waiting",
    "pair closure",
    # NCCL
    "ncclremoteerror",
    "nccl communicator was aborted",
    "watchdog caught collective operation timeout",
)
"""One of these stands in what PyTorch says when another process does not answer any more."""


class Processes:
    """One process or several that go through the same steps, each with its share of every batch.

    What they do together, all of them have to do, and in the same order. A single process does it alone and at once.

    Attributes:
        world_size: How many there are.
        rank: Which one this is, from 0.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.world_size = fabric.world_size
        self.rank = fabric.global_rank

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and tells."""
        return self.rank == 0

    def all_reduce_sum(self, values: Tensor) -> Tensor:
        """The sum over the processes, which a gradient flows through.

        What is computed of it must be the same in all of them. The gradient that each one gets is as many times as
        large as there are processes, since DistributedDataParallel takes the mean over them: together they then learn
        what one process learns from the whole batch.
        """
        return values if self.world_size == 1 else _AllReduceSum.apply(values, self.world_size)  # type: ignore[no-untyped-call]

    def mean(self, of_share: Tensor, share: float) -> Tensor:
        """The mean over the slices of the whole batch.

        Args:
            of_share: The mean over those that this process has; a scalar.
            share: The part of the batch that they are.
        """
        return of_share if self.world_size == 1 else self.all_reduce_sum(of_share * share)

    def broadcast(self, tensor: Tensor) -> None:
        """Replace the values by those that the first process has."""
        if self.world_size > 1:
            torch.distributed.broadcast(tensor, 0)

    def all_gather(self, value: T) -> list[T]:
        """What each process gave, by rank."""
        if self.world_size == 1:
            return [value]
        values: list[Any] = [None] * self.world_size
        torch.distributed.all_gather_object(values, value)
        return values

    def agree(self, action: Callable[[], T]) -> T:
        """Do something that may fail in any of them, and end all of them where it does.

        Args:
            action: In which nothing is done together.

        Raises:
            ProcessError: It failed in another process, which raises its own error; of several, that of the lowest rank.
        """
        if self.world_size == 1:
            return action()
        own: Exception | None = None
        try:
            value = action()
        except Exception as error:  # noqa: BLE001  # the others would wait for this process in vain
            own = error
        failed = [(rank, found) for rank, found in enumerate(self.all_gather(_sendable(own))) if found is not None]
        if not failed:
            return value
        rank, found = failed[0]
        if own is not None and rank == self.rank:
            raise own
        raise ProcessError(f"process {rank} of {self.world_size} has ended the run: {found}", told=found)

    @contextmanager
    def telling_of_loss(self, what_now: Callable[[], str]) -> Iterator[None]:
        """Say what it means when another process is gone.

        Args:
            what_now: What to do about it, a sentence.

        Raises:
            ProcessError: Another process is gone.
        """
        try:
            yield
        except RuntimeError as error:
            if self.world_size == 1 or not _says_that_one_is_gone(error):
                raise
            raise ProcessError(
                f"another of the {self.world_size} processes that train together is gone, so that process {self.rank} "
                f"ends, too: {what_now()}"
            ) from error


def share_of(n: int, rank: int, number: int) -> slice:
    """Which of n things in a row are those of a process: about as many as any other one's, the first ones' one more.

    Args:
        n: How many things; where there are fewer than processes, the last processes have none.
        rank: Of the process, from 0.
        number: Of processes.
    """
    each, more = divmod(n, number)
    begin = rank * each + min(rank, more)
    return slice(begin, begin + each + (rank < more))


class _AllReduceSum(torch.autograd.Function):
    """The sum over the processes; its gradient needs no exchange, since all of them have the same one."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, number: int) -> Tensor:
        ctx.number = number
        total = values.detach().clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.number, None


def _says_that_one_is_gone(error: RuntimeError) -> bool:
    if isinstance(error, torch.distributed.DistNetworkError | torch.distributed.DistStoreError):
        return True
    return any(words in str(error).lower() for words in _GONE)


def _sendable(error: Exception | None) -> Exception | None:
    """An error as other processes are told of it: the text of one that is not Zonate's may hold a header's value."""
    if error is None or isinstance(error, ZonateError):
        return error
    return ValueError("a bad argument") if isinstance(error, ValueError) else RuntimeError(type(error).__name__)
