"""The commands, in the order that `zonate --help` shows them, and what becomes of their errors."""

import sys
from contextlib import nullcontext
from typing import NoReturn

from zonate.cli import data_sets, models, processes, start, studies, terminal
from zonate.cli.app import PANELS, SOME_FAILED, app, exit_code
from zonate.cohort.unwinding import unwound_by_signals
from zonate.errors import OutputError, ProcessError, ZonateError

__all__ = ["app", "data_sets", "main", "models", "start", "studies"]

app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))


def main() -> None:
    """Run the command line; every error that Zonate raises on purpose becomes one line and an exit code."""
    with processes.ending_at_once():
        _run()


def _run() -> None:
    terminal.quiet_libraries()
    # Of several processes torchrun ends the others by SIGTERM: unwinding would wait for those that are gone.
    unwound = nullcontext() if processes.is_one_of_several() else unwound_by_signals()
    try:
        with unwound:
            app()
    except ProcessError as error:
        processes.leave(error)
        _fail(error, SOME_FAILED)
    except OSError as error:  # such as a folder that may not be written to, or a full disk
        _fail(OutputError(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}"), SOME_FAILED)
    except (ZonateError, ValueError) as error:
        _fail(error, exit_code(error))


def _fail(error: Exception, code: int) -> NoReturn:
    terminal.console.print(f"error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
