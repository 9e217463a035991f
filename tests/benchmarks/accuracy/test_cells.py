import math

from benchmarks.accuracy.cells import conditions, difference_cell, interval_cell, mean_cell, mean_of, number
from benchmarks.accuracy.compare import Difference
from tests.benchmarks.accuracy.results_factory import a_run


def test_a_mean_says_how_many_had_no_figure() -> None:
    assert mean_cell({"a": 0.5, "b": 0.5}, 2) == "0.50 (0.50 to 0.50)"
    assert mean_cell({"a": 0.25, "b": math.nan, "c": 0.75}, 2, interval=False) == "0.50, 1 without"
    assert mean_cell({"a": math.nan}, 2) == "–"
    assert mean_cell({}, 2) == "–"


def test_a_mean_is_over_what_is_defined() -> None:
    assert mean_of({"a": 1.0, "b": math.nan, "c": 2.0}) == 1.5
    assert math.isnan(mean_of({"a": math.nan}))


def test_a_difference_stands_with_its_chance_and_with_whom_it_lacks() -> None:
    found = Difference(6, 0.1, (-0.05, 0.2), 0.03125)
    assert difference_cell(found, 0.0625, 2, of=6) == "+0.10 (-0.05 to +0.20) p 0.062 (0.031)"
    assert difference_cell(found, 0.0625, 2, of=7) == "+0.10 (-0.05 to +0.20) p 0.062 (0.031), 6 patients"
    assert difference_cell(Difference(17, 0.1, (0.1, 0.1), 1e-5), 4e-4, 1, of=17).endswith(" p < 0.001 (< 0.001)")


def test_a_difference_of_few_pairs_says_that_it_is_not_tested() -> None:
    assert difference_cell(Difference(3, 0.1, (0.0, 0.2), None), None, 2, of=3) == (
        "+0.10 (+0.00 to +0.20), too few pairs to test"
    )
    assert difference_cell(Difference(2, 0.1, (0.0, 0.2), None), None, 2, of=3).endswith(" to test, 2 patients")
    assert difference_cell(Difference(0, math.nan, None, None), None, 2, of=3) == "–"


def test_signs_digits_and_dashes() -> None:
    assert interval_cell(Difference(3, -1.25, (-2.0, 0.0), None), 1) == "-1.2 (-2.0 to +0.0)"
    assert interval_cell(Difference(0, math.nan, None, None), 1) == "–"
    assert number(0.8149, 3) == "0.815"
    assert number(math.nan, 3) == "–"


def test_conditions_name_each_value_once() -> None:
    runs = [a_run("zonate", 0), {**a_run("zonate", 1), "commit": "def"}, a_run("zonate", 2)]
    assert conditions(runs) == "2026-01-02; 2 cores, 2 at a time, threads of each: 1; commit abc, def"
