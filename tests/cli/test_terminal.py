"""What is shown while a command runs."""

import io
import logging

import pytest
from rich.console import Console

from zonate.cli import terminal
from zonate.cohort.set_aside import set_aside


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(terminal.console, "print", lambda what, **_named: lines.append(str(what)))
    return lines


def test_a_terminal_shows_a_bar_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody knows how many steps there are."""
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=screen, force_terminal=True, width=80, color_system=None))
    with terminal.progress_bar("predict") as progress:
        progress(0, 2, "[one]: aligning")
    first, *_, last = [line for line in screen.getvalue().splitlines() if "predict" in line]
    assert "0/?" in first
    assert "0/2" in last
    assert last.rstrip().endswith("[one]: aligning")


def test_warnings_of_the_package_are_shown_while_asked_for(shown: list[str]) -> None:
    logger = logging.getLogger("zonate.verbs.train")
    with terminal.log_warnings():
        logger.warning("the model learns from %s", "[bold]B")
    logger.warning("not shown any more")
    assert shown == [r"[yellow]warning:[/] the model learns from \[bold]B"]


def test_a_case_that_is_set_aside_is_listed_at_the_end_alone(shown: list[str]) -> None:
    with terminal.log_warnings():
        set_aside("one", "T2W is missing")
    assert shown == []


def test_a_warning_stands_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=screen, force_terminal=True, width=80, color_system=None))
    with terminal.log_warnings(), terminal.progress_bar("predict") as progress:
        progress(0, 2, "")
        logging.getLogger("zonate.cohort.cluster").warning("no worker yet")
        progress(1, 2, "one")
    lines = [line.rstrip() for line in screen.getvalue().splitlines()]
    warned = next(number for number, line in enumerate(lines) if line.endswith("warning: no worker yet"))
    assert max(number for number, line in enumerate(lines) if "1/2" in line) > warned
    assert warned < len(lines) - 1
    assert sum("no worker yet" in line for line in lines) == 1


def test_a_log_has_a_line_a_twentieth(shown: list[str]) -> None:
    with terminal.progress_bar("predict") as progress:
        for done in range(101):
            progress(done, 100, "")
    assert len(shown) == 21
    assert shown[1] == "predict 5/100  "
