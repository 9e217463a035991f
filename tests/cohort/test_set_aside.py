import logging

import pytest

from zonate.cohort.set_aside import SetAside, attempt
from zonate.errors import CorruptSeriesError


def fail() -> None:
    raise CorruptSeriesError("case 3: series 4 lacks a slice")


def test_what_fails_is_set_aside_and_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "zonate")
    assert attempt("3", fail) == SetAside("case 3: series 4 lacks a slice")
    assert caplog.messages == ["case 3 is set aside: case 3: series 4 lacks a slice"]
    assert attempt("4", lambda: 16) == 16


def test_an_interrupt_is_no_failure_of_a_case() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt("a", interrupted)
