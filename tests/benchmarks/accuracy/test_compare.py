import math

import numpy as np
import pytest

from benchmarks.accuracy.compare import LEAST_PAIRS, difference, holm, signed_rank_p
from zonate.settings.results import EvaluationSettings

SETTINGS = EvaluationSettings()


def test_the_signed_rank_test_of_the_textbook() -> None:
    """Darwin's maize (Fisher, The Design of Experiments, 1935): W = 24 of 15 pairs, two-sided p 0.0413."""
    eighths = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)
    assert signed_rank_p(eighths) == pytest.approx(0.041259765625)


def test_the_signed_rank_test_of_three_that_all_rise() -> None:
    """Each of the 2³ signs is as likely; two of them are as extreme."""
    assert signed_rank_p(np.array([0.1, 0.2, 0.3, 0.0])) == pytest.approx(2 / 8)
    assert signed_rank_p(np.zeros(3)) == 1.0


def test_the_fewest_pairs_whose_p_can_be_small_enough() -> None:
    rising = np.arange(1.0, LEAST_PAIRS + 1)
    assert signed_rank_p(rising) == pytest.approx(0.03125)
    assert signed_rank_p(rising[1:]) == pytest.approx(0.0625)


def test_holm_by_hand() -> None:
    """In order 0.01 · 4, 0.02 · 3, 0.03 · 2 (raised to the one before), 0.5 · 1."""
    assert holm([0.03, None, 0.01, 0.5, 0.02]) == [
        pytest.approx(0.06),
        None,
        pytest.approx(0.04),
        pytest.approx(0.5),
        pytest.approx(0.06),
    ]
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_a_difference_is_paired_by_patient() -> None:
    one = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.9, "e": 0.9, "f": 0.9, "alone": 0.1, "undefined": math.nan}
    other = {"a": 0.8, "b": 0.6, "c": 0.4, "d": 0.5, "e": 0.4, "f": 0.3, "undefined": 0.5}
    found = difference(one, other, SETTINGS)
    assert found.n == 6
    assert found.mean == pytest.approx(0.35)
    assert found.p == pytest.approx(0.03125)
    assert found.interval_95 is not None
    low, high = found.interval_95
    assert 0.0999 < low < 0.35 < high < 0.6001
    assert difference(one, other, SETTINGS) == found


def test_few_pairs_are_compared_and_not_tested() -> None:
    """Five that all rise have p 0.0625, the least there is."""
    one, other = {name: 1.0 + n for n, name in enumerate("abcde")}, dict.fromkeys("abcdefg", 0.5)
    found = difference(one, other, SETTINGS)
    assert (found.n, found.mean, found.p) == (5, 2.5, None)
    assert found.interval_95 is not None


def test_nobody_to_compare() -> None:
    found = difference({"a": 0.9}, {"b": 0.9}, SETTINGS)
    assert (found.n, found.interval_95, found.p) == (0, None, None)
    assert math.isnan(found.mean)
