from dataclasses import replace

import pytest

from tests.report.cases import REGISTERED
from zonate.case import NO_ALIGNMENT, Chosen
from zonate.report.alignment_facts import alignment_facts, alignment_figure, alignment_verdict
from zonate.report.content import KeyFigure


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
def test_the_verdict_is_that_of_the_command_line(chosen: Chosen, verdict: str) -> None:
    assert alignment_verdict(replace(REGISTERED, chosen=chosen)) == verdict


def test_where_there_is_nothing_to_align_none_is_needed() -> None:
    assert alignment_figure(NO_ALIGNMENT) == KeyFigure("Alignment of DWI and ADC", "not needed", "no DWI and no ADC")
    assert alignment_facts(NO_ALIGNMENT) == (("Verdict", "Not needed: there is no DWI and no ADC to align."),)


def test_a_registration_is_told_with_its_figures() -> None:
    assert alignment_figure(REGISTERED) == KeyFigure("Alignment of DWI and ADC", "good", "estimated error 0.7 mm")
    assert alignment_facts(REGISTERED) == (
        ("Verdict", "Good: bspline registration puts DWI and ADC within about 0.7 mm of the T2W tissue."),
        (
            "Estimated error in the gland",
            "by the scanner's geometry 2.9 mm, rigid 0.9 mm, B-spline 0.7 mm; good up to 1.93 mm.",
        ),
        ("Moved", "3.1 mm on average, 6.2 mm at most; registered on DWI b 50."),
    )


def test_volumes_on_the_grid_already_have_one_error() -> None:
    given = replace(
        REGISTERED,
        chosen="given",
        registered_on=None,
        figures={"estimated_error_mm": 2.5, "error_limit_mm": 1.93},
    )
    assert alignment_facts(given)[1:] == (("Estimated error in the gland", "2.5 mm; good up to 1.93 mm."),)


def test_an_error_that_was_not_measured_is_said() -> None:
    assert alignment_figure(replace(REGISTERED, figures={})).note == "no error was estimated"
