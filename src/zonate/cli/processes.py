"""How the processes of one training share a terminal: the first one shows how it goes, and what fails is told once."""

import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from zonate.cli import terminal
from zonate.cli.app import SOME_FAILED, exit_code
from zonate.errors import ProcessError, ZonateError
from zonate.progress import Progress, hearing_stages, silent
from zonate.training.own_place import LOST, own_place

_SECONDS_TO_TELL = 2.0


def must_launch(devices: int | None, nodes: int | None) -> bool:
    """Whether this process is alone and has to start the others, on this machine."""
    return own_place() is None and (devices or 1) > 1 and (nodes or 1) == 1


def is_one_of_several() -> bool:
    """Whether torchrun, or `train --devices`, started this process beside others."""
    return own_place() is not None


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
    with terminal.log_warnings(), hearing_stages(terminal.say), terminal.progress_bar(title) as progress:
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
        sys.exit(LOST)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Whatever goes wrong in one process of several, its interpreter is not taken down.

    Beside threads of gloo or NCCL that may crash, or wait for them for ever (pytorch/pytorch#179291, #190489), and
    whoever started the processes would be told of that instead of the error.
    """
    if not is_one_of_several():
        yield
        return
    try:
        yield
        return
    except SystemExit as ended:
        if not ended.code:
            raise
        code = ended.code if isinstance(ended.code, int) else SOME_FAILED
    except BaseException:  # noqa: BLE001  # Ctrl-C, too
        traceback.print_exc()
        code = SOME_FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _let_the_other_tell(code: int) -> NoReturn:
    """Whoever started the processes ends all of them as soon as one has ended."""
    time.sleep(_SECONDS_TO_TELL)
    sys.exit(code or SOME_FAILED)
