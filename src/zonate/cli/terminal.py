"""The terminal: what goes on while a command runs, and what the package warns of meanwhile."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from zonate.progress import Progress

_LISTED_AT_THE_END = "zonate.cohort.set_aside"

console = Console(stderr=True, soft_wrap=False)
if not console.is_terminal:
    console.width = 120  # of a log, which is as wide as it needs to be


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """Show a bar on stderr while the block runs; where stderr is no terminal, a line a step of a twentieth."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    if not console.is_terminal:
        yield _line_a_step(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, text="")
        yield lambda done, total, text: bar.update(task, completed=done, total=total, text=escape(text))


def _line_a_step(title: str) -> Progress:
    """For logs: a line whenever a twentieth more is done."""
    last = -1

    def show(done: int, total: int, text: str) -> None:
        nonlocal last
        twentieth = 20 * done // max(total, 1)
        if twentieth != last:
            last = twentieth
            console.print(f"{title} {done}/{total}  {text}", markup=False, highlight=False)

    return show


@contextmanager
def log_warnings() -> Iterator[None]:
    """Show what the package warns of while the block runs, but for cases set aside: those are listed at the end."""

    class Shown(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            console.print(f"[yellow]warning:[/] {escape(record.getMessage())}", highlight=False, soft_wrap=True)

    handler = Shown(level=logging.WARNING)
    handler.addFilter(lambda record: record.name != _LISTED_AT_THE_END)
    logger = logging.getLogger("zonate")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def say(text: str) -> None:
    """Print a text as it is, without colours, and leave the terminal to wrap it."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def quiet_libraries() -> None:
    """Keep pydicom's log, which quotes header values, off the terminal."""
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
