"""How a verb tells its caller how far it is, without knowing whether anyone watches."""

from typing import Protocol


class Progress(Protocol):
    """Called with the steps done, the steps in all, and a short text (case ids and figures only)."""

    def __call__(self, done: int, total: int, text: str) -> None:
        """Take note of the progress."""


def silent(done: int, total: int, text: str) -> None:
    """Show nothing: what a library call does unless it is given something better."""
