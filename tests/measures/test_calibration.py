import json
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.measures.calibration import (
    Calibration,
    MonotoneMap,
    Observed,
    calibrate_scores,
    monotone_map,
    needed_widening,
)


def seen(*pairs: tuple[float, float], patient: str | None = None) -> list[Observed]:
    return [Observed(patient or f"p{k}", score, dice) for k, (score, dice) in enumerate(pairs)]


def test_a_rising_series_is_kept_as_it_is() -> None:
    found = monotone_map(seen((0.9, 0.6), (0.8, 0.3), (1.0, 0.9)))
    assert found == MonotoneMap((0.8, 0.9, 1.0), (0.3, 0.6, 0.9))
    assert found(0.85) == pytest.approx(0.45)
    assert found(1.0) == 0.9


def test_below_all_that_was_seen_the_map_falls_to_nothing() -> None:
    found = monotone_map(seen((0.8, 0.4), (1.0, 0.9)))
    assert found(0.4) == pytest.approx(0.2)
    assert found(0.0) == 0.0


def test_neighbours_out_of_order_are_pooled() -> None:
    """0.6 before 0.4 becomes 0.5 at both; then 0.9."""
    found = monotone_map(seen((0.7, 0.6), (0.9, 0.4), (1.0, 0.9)))
    assert found.scores == pytest.approx((0.7, 0.8, 1.0))
    assert found.dice == pytest.approx((0.5, 0.5, 0.9))


def test_equal_scores_are_one_knot() -> None:
    assert monotone_map(seen((0.9, 0.2), (0.9, 0.6))).dice == pytest.approx((0.4,))


def test_copies_of_one_patient_weigh_as_much_as_another_patient() -> None:
    found = monotone_map([*seen((0.9, 0.0), (0.9, 0.0), (0.9, 0.0), patient="a"), *seen((0.9, 1.0), patient="b")])
    assert found.dice == pytest.approx((0.5,))


unit = st.floats(0, 1)


@given(st.lists(st.tuples(unit, unit), min_size=1, max_size=30))
def test_the_map_never_falls_and_stays_a_dice(pairs: list[tuple[float, float]]) -> None:
    found = monotone_map(seen(*pairs))
    values = [found(k / 50) for k in range(51)]
    assert all(a <= b + 1e-12 for a, b in pairwise(values))
    assert all(-1e-12 <= value <= 1 + 1e-12 for value in values)


def test_a_map_that_falls_is_refused() -> None:
    for scores, dice in (((0.5, 0.6), (0.9, 0.1)), ((0.6, 0.5), (0.1, 0.9)), ((), ()), ((0.5,), (0.1, 0.2))):
        with pytest.raises(ValueError, match="monotone"):
            MonotoneMap(scores, dice)


def threshold(*groups: tuple[float, float, int]) -> float:
    """Of groups of patients, each of a score, a Dice and a number."""
    patients = [(score, dice) for score, dice, n in groups for _ in range(n)]
    return calibrate_scores({"GLAND": seen(*patients)}, {}).doubtful_below


def test_the_threshold_lies_halfway_between_what_finds_the_bad_and_what_spares_the_good() -> None:
    assert threshold((0.9, 0.3, 5), (1.0, 0.95, 20)) == pytest.approx((0.7 + 0.85) / 2)
    # at 0.9 eight bad and two good are expected at (8 · 0.69 + 2 · 0.9) / 10 = 0.732
    assert threshold((0.9, 0.69, 8), (0.9, 0.9, 2), (1.0, 0.95, 38)) == pytest.approx((0.732 + 0.85) / 2)


def test_one_in_twenty_of_the_good_may_be_called_doubtful_and_no_more() -> None:
    """At the score 0.6 as many good as bad are expected at 0.5."""
    assert threshold((0.6, 0.9, 1), (0.6, 0.1, 1), (0.9, 0.9, 19)) == pytest.approx((0.7 + 0.85) / 2)
    assert threshold((0.6, 0.9, 2), (0.6, 0.1, 2), (0.9, 0.9, 18)) == pytest.approx(0.5)


def test_one_in_twenty_of_the_bad_may_be_missed() -> None:
    """One of 20 bad ones hides among 99 good, expected at 0.9 · 0.99 + 0.6 · 0.01 = 0.897."""
    assert threshold((0.5, 0.1, 19), (0.9, 0.6, 1), (0.9, 0.9, 99)) == pytest.approx((0.7 + 0.85) / 2)


def test_without_bad_or_good_cases_the_threshold_is_still_between_the_two() -> None:
    assert threshold((0.9, 0.6, 1)) == pytest.approx((0.7 + 0.85) / 2)
    assert threshold((0.9, 0.9, 1)) == pytest.approx((0.7 + 0.85) / 2)
    assert threshold((0.9, 0.8, 1)) == pytest.approx((0.7 + 0.85) / 2)


def test_the_gland_has_to_be_seen() -> None:
    with pytest.raises(ValueError, match="gland"):
        calibrate_scores({"PZ": seen((0.9, 0.6)), "GLAND": []}, {})


def test_structures_without_readers_are_left_out() -> None:
    found = calibrate_scores({"GLAND": seen((0.9, 0.6), (1.0, 0.8)), "PZ": []}, {})
    assert found.expected_dice({"GLAND": 0.95, "PZ": 0.9}) == {"GLAND": pytest.approx(0.7)}


@pytest.mark.parametrize(
    ("reader_ml", "factors"),
    [
        (30.0, (1.0, 1.0)),
        (40.0, (1.0, 1.0)),
        (60.0, (1.0, 1.5)),
        (20.0, (1.5, 1.0)),
        (0.0, (math.inf, 1.0)),
    ],
)
def test_how_far_an_interval_of_30_to_40_ml_has_to_be_widened(reader_ml: float, factors: tuple[float, float]) -> None:
    assert needed_widening((30.0, 40.0), reader_ml) == pytest.approx(factors)


def test_from_what_was_not_found_nothing_is_learnt() -> None:
    assert needed_widening((0.0, 0.0), 5.0) is None
    assert needed_widening((0.0, 0.0), 0.0) is None
    assert needed_widening((0.0, 1.0), 2.0) == (1.0, 2.0)


def test_intervals_are_widened_until_they_hold_the_reader_in_95_percent_of_what_is_not_doubtful() -> None:
    """Of 40 patients one may lie above and one below."""
    trusted = [Observed(f"p{k}", 0.9, 0.9, (1.0, 1 + k / 100), 0.9) for k in range(40)]  # 1.00 to 1.39
    failed = [
        Observed("worse", 0.2, 0.1, (50.0, 50.0), 0.2),
        Observed("torn", 0.9, 0.9, (50.0, 50.0), 0.9, impossible=True),
        Observed("unknown", 0.9, 0.9, None, 0.9),
    ]
    found = calibrate_scores({"GLAND": [*trusted, *failed]}, {})
    assert found.widening["GLAND"] == pytest.approx((1.0, 1.38))
    widened = found.widened({"GLAND": (20.0, 50.0), "PZ": (5.0, 6.0)})
    assert widened["GLAND"] == pytest.approx((20.0, 69.0))
    assert set(widened) == {"GLAND"}  # nothing is known of the PZ


def test_an_interval_that_says_nothing_is_not_given() -> None:
    """One patient whose reader drew nothing, or much more: no interval of a later patient may say 0.4 to 600 ml."""
    found = calibrate_scores({"GLAND": [Observed("p", 0.9, 0.9, (math.inf, 1.0), 0.9)]}, {})
    assert found.widening == {"GLAND": (3.0, 1.0)}
    assert found.widened({"GLAND": (20.0, 50.0)}) == {}
    little = calibrate_scores({"GLAND": [Observed("p", 0.9, 0.9, (2.5, 1.0), 0.9)]}, {})
    assert little.widened({"GLAND": (20.0, 50.0)}) == {"GLAND": (8.0, 50.0)}


def test_one_patient_whose_small_zone_was_missed_leaves_the_others_their_interval() -> None:
    missed = Observed("missed", 0.9, 0.0, needed_widening((0.0, 0.0), 1.5), 0.9)
    found = [Observed(f"p{k}", 0.9, 0.9, (1.2, 1.1), 0.9) for k in range(9)]
    learnt = calibrate_scores({"GLAND": seen((0.9, 0.9)), "AFS": [*found, missed]}, {})
    assert learnt.widening == {"AFS": (1.2, 1.1)}
    assert learnt.widened({"AFS": (1.2, 2.0)})["AFS"] == pytest.approx((1.0, 2.2))
    assert learnt.widened({"AFS": (0.0, 0.0)}) == {}  # it would say that there is none, of what everybody has
    assert learnt.widened({"AFS": (0.0, 2.0)})["AFS"] == pytest.approx((0.0, 2.2))


def test_no_part_reaches_beyond_what_it_is_a_part_of() -> None:
    factors = {"GLAND": (1.0, 1.1), "CENTRAL_GLAND": (1.0, 1.2), "TZ": (2.0, 2.5), "PZ": (1.0, 1.5)}
    calibration = Calibration({"GLAND": MonotoneMap((0.8,), (0.9,))}, 0.7, factors)
    ranges = {"TZ": (10.0, 20.0), "CENTRAL_GLAND": (20.0, 30.0), "GLAND": (30.0, 40.0), "PZ": (10.0, 12.0)}
    widened = calibration.widened(ranges)
    assert widened["TZ"] == pytest.approx((5.0, 36.0))  # to 50, were it not in a central gland of 36
    assert widened["CENTRAL_GLAND"] == pytest.approx((20.0, 36.0))
    assert widened["GLAND"] == pytest.approx((30.0, 44.0))
    assert widened["PZ"] == pytest.approx((10.0, 18.0))
    assert calibration.widened({"TZ": (10.0, 20.0)}) == {"TZ": (5.0, 50.0)}  # nothing is known of the whole


def test_a_calibration_that_does_not_judge_the_gland_is_refused() -> None:
    broken = Calibration({"PZ": MonotoneMap((0.8,), (0.3,))}, 0.75).to_json()
    with pytest.raises(ValueError, match="GLAND"):
        Calibration.from_json(broken)


def test_a_case_is_doubtful_by_its_expected_dice_and_where_nothing_like_it_was_seen() -> None:
    calibration = Calibration({"GLAND": MonotoneMap((0.8, 1.0), (0.4, 0.9))}, 0.7)
    assert calibration.doubt({"GLAND": 0.92}) == ""  # 0.4 + 0.5 · 0.6 = 0.7
    assert calibration.doubt({"GLAND": 0.9}) == "the gland is expected to agree with a reader by a Dice of 0.65 only"
    rough = Calibration({"GLAND": MonotoneMap((0.97,), (0.9,))}, 0.7)
    assert rough.doubt({"GLAND": 0.97}) == ""
    assert rough.doubt({"GLAND": 0.93}) == (
        "the model's samples agree with the result in the gland by a Dice of 0.93, less than in any case that it was "
        "calibrated on"
    )


def test_json_there_and_back() -> None:
    calibration = Calibration(
        {"GLAND": MonotoneMap((0.8, 0.9), (0.3, 0.7))},
        0.75,
        {"GLAND": (1.2, 1.0)},
        {"n_patients": 3, "split": "validation"},
    )
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration
