"""How the processes of one training share a terminal: the first one shows how it goes, and what fails is told once."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from zonate.cli import render
from zonate.cli.app import SOME_FAILED, exit_code
from zonate.errors import ProcessError, ZonateError
from zonate.progress import Progress, hearing_stages, silent
from zonate.verbs.own_place import LOST, own_place

_SECONDS_TO_TELL = 2.0


def must_launch(devices: int | None, nodes: int | None) -> bool:
    """Whether this process is alone and has to start the others, on this machine."""
    return own_place() is None and (devices or 1) > 1 and (nodes or 1) == 1


def is_first() -> bool:
    """Whether this is the process that shows how it goes."""
    place = own_place()
    return place is None or place.rank == 0


@contextmanager
def shown_by_the_first(title: str) -> Iterator[Progress]:
    """What the first process begins, its bar and its warnings; nothing of the others."""
    if not is_first():
        yield silent
        return
    with render.log_warnings(), hearing_stages(render.show_begun), render.progress_bar(title) as progress:
        yield progress


@contextmanager
def told_once_a_machine() -> Iterator[None]:
    """For what all processes do alike before they know of each other."""
    try:
        yield
    except ZonateError as error:
        place = own_place()
        if place is None or place.local_rank == 0:
            raise
        _let_the_other_tell(exit_code(error))


def leave(error: ProcessError) -> None:
    """End a process because of another one, in silence where somebody else tells why."""
    place = own_place()
    if error.told is not None:
        _let_the_other_tell(exit_code(error.told))
    if place is not None and place.ours:
        end(LOST)


def end(code: int) -> NoReturn:
    """End after an error: one process of several at once, since its group cannot be left in order any more.

    An interpreter that is taken down while threads of gloo or NCCL are at work may crash or wait for them for ever
    (pytorch/pytorch#179291, #190489), and whoever started the processes would be told of that instead of the error.
    """
    if own_place() is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _let_the_other_tell(code: int) -> NoReturn:
    """Whoever started the processes ends all of them as soon as one has ended."""
    time.sleep(_SECONDS_TO_TELL)
    end(code or SOME_FAILED)
