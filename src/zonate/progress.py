"""How a verb tells its caller how far it is, without knowing whether anyone watches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """Called with the steps done, the steps in all, and a short text (case ids and figures only)."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """Take note of the progress."""


def silent(done: int, total: int, text: str) -> None:
    """Show nothing: what a library call does unless it is given something better."""


_hears: ContextVar[Callable[[str], None] | None] = ContextVar("_hears", default=None)


def stage(name: str) -> None:
    """Say what is begun, such as `aligning` of the case in hand, to whoever hears it in this thread."""
    if (hears := _hears.get()) is not None:
        hears(name)


@contextmanager
def naming_stages(case_id: str) -> Iterator[None]:
    """Have what `stage` says in this thread while the block runs begin with the case that it is of."""
    hears = _hears.get()
    if hears is None:
        yield
        return
    with hearing_stages(lambda name: hears(f"{case_id}: {name}")):
        yield


@contextmanager
def hearing_stages(hears: Callable[[str], None]) -> Iterator[None]:
    """Hear what `stage` says in this thread while the block runs; other threads and processes are not heard."""
    before = _hears.set(hears)
    try:
        yield
    finally:
        _hears.reset(before)
