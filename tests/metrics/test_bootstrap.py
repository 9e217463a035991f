import numpy as np
import pytest

from zonate.metrics import mean_interval


def test_a_constant_has_an_interval_without_width() -> None:
    assert mean_interval([0.8, 0.8, 0.8], ["a", "b", "c"], samples=50, seed=0) == pytest.approx((0.8, 0.8))


def test_two_patients_give_the_three_means_that_there_are() -> None:
    """Of two patients a draw is (0, 0), (0, 1) or (1, 1): the tails hold a quarter each, so the ends are 0 and 1."""
    assert mean_interval([0.0, 1.0], ["a", "b"], samples=2000, seed=0) == (0.0, 1.0)


def test_the_interval_is_that_of_the_normal_for_many_patients() -> None:
    values = np.random.default_rng(1).normal(10.0, 2.0, 400)
    found = mean_interval(values, [str(i) for i in range(400)], samples=4000, seed=0)
    assert found is not None
    half = 1.96 * values.std() / 20
    assert found == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_the_same_seed_gives_the_same_interval() -> None:
    values, patients = [0.1, 0.5, 0.9], ["a", "b", "c"]
    first = mean_interval(values, patients, samples=100, seed=3)
    assert first == mean_interval(values, patients, samples=100, seed=3)


def test_the_studies_of_one_patient_stay_together() -> None:
    """Four cases of two patients are two draws, not four: only the means 0, 1/2 and 1 exist."""
    values, patients = [0.0, 0.0, 1.0, 1.0], ["a", "a", "b", "b"]
    assert mean_interval(values, patients, samples=2000, seed=0) == (0.0, 1.0)
    as_if_apart = mean_interval(values, ["a", "b", "c", "d"], samples=2000, seed=0)
    assert as_if_apart is not None
    assert as_if_apart[1] - as_if_apart[0] <= 1.0


def test_a_patient_of_many_cases_weighs_as_one_of_a_single_case() -> None:
    values, patients = [0.1, 0.3, 0.2, 0.9, 0.5], ["a", "a", "a", "b", "c"]
    by_patient = mean_interval([0.2, 0.9, 0.5], ["a", "b", "c"], samples=500, seed=0)
    assert mean_interval(values, patients, samples=500, seed=0) == pytest.approx(by_patient)


def test_undefined_values_are_left_out() -> None:
    with_nan = mean_interval([0.2, np.nan, 0.6], ["a", "b", "c"], samples=500, seed=0)
    assert with_nan == mean_interval([0.2, 0.6], ["a", "c"], samples=500, seed=0)


def test_one_patient_says_nothing_of_the_others() -> None:
    assert mean_interval([0.2, 0.4], ["a", "a"], samples=50, seed=0) is None
    assert mean_interval([np.nan, np.nan], ["a", "b"], samples=50, seed=0) is None


def test_values_without_a_patient_are_refused() -> None:
    with pytest.raises(ValueError, match="2 patients for values of shape"):
        mean_interval([0.2, 0.4, 0.5], ["a", "b"], samples=50, seed=0)
