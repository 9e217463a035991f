"""The commands, in the order that `zonate --help` shows them, and what becomes of their errors."""

import sys

from zonate.cli import data_sets, models, render, start, studies
from zonate.cli.app import PANELS, SOME_FAILED, WRONG_CALL, app
from zonate.errors import ConfigError, OutputError, ZonateError

__all__ = ["app", "data_sets", "main", "models", "start", "studies"]

app.registered_commands.sort(key=lambda command: PANELS.index(str(command.rich_help_panel)))


def main() -> None:
    """Run the command line; every error that Zonate raises on purpose becomes one line and an exit code."""
    render.quiet_libraries()
    try:
        app()
    except (ConfigError, OutputError) as error:
        _fail(error, WRONG_CALL)
    except ZonateError as error:
        _fail(error, SOME_FAILED)
    except OSError as error:  # such as a folder that may not be written to, or a full disk
        _fail(OutputError(f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}"), SOME_FAILED)
    except ValueError as error:  # a bad argument of a verb
        _fail(error, WRONG_CALL)


def _fail(error: Exception, code: int) -> None:
    render.console.print(f"error: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
