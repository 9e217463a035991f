"""Ending in order when a queue, a service manager or a closed terminal ends this process."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def unwound_by_signals() -> Iterator[None]:
    """While the block runs, end by SystemExit what SIGTERM or SIGHUP would end at once.

    So workers are killed, and half-written folders and what was unpacked to the temporary folder removed. The exit code
    is the shell's, 128 and the signal's number. A signal that somebody handles already is left to them, and in other
    threads than the main one nothing changes, since Python lets only that one ask for it.
    """
    with ExitStack() as handled:
        if threading.current_thread() is threading.main_thread():
            for number in _ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    signal.signal(number, _end)
                    handled.callback(signal.signal, number, signal.SIG_DFL)
        yield


def _end(number: int, _frame: object) -> None:
    for one in _ENDING:  # a closed terminal sends it twice: what is being removed must not be left half removed
        if signal.getsignal(one) is _end:
            signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + number)
