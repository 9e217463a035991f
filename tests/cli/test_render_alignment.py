"""The one line about an alignment that a technologist reads."""

import pytest

from zonate.case import NO_ALIGNMENT, AlignmentRecord, Chosen
from zonate.cli import render


@pytest.mark.parametrize(
    ("chosen", "verdict"),
    [
        ("bspline", "good"),
        ("rigid", "good"),
        ("header", "not registered"),
        ("given", "as given"),
        ("none", "not usable"),
    ],
)
def test_the_verdict_comes_first(chosen: Chosen, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    render.show_alignment(AlignmentRecord(chosen, "this is why", None, {}, {}, 4.26))
    assert "".join(capsys.readouterr()) == f"alignment {verdict}: this is why (4.3 s)\n"


def test_t2w_alone_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    render.show_alignment(NO_ALIGNMENT)
    assert "".join(capsys.readouterr()).startswith("alignment not needed: there is no DWI and no ADC")
