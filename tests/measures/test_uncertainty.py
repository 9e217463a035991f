import math

import numpy as np
import pytest

from zonate.geometry import Grid, Volume
from zonate.measures.uncertainty import SampleFigures, agreement, entropy, intervals_ml, sample_figures
from zonate.zones import ALL_ZONE_CODES, LabelCode

GRID = Grid((1, 2, 5), np.diag([10.0, 10.0, 10.0, 1.0]))  # voxels of 1 ml
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


def labels(*rows: list[int]) -> Volume:
    return Volume(np.array([rows], dtype=np.uint8), GRID)


RESULT = labels([1, 1, 1, 5, 5], [0, 0, 0, 0, 0])


def test_a_sample_is_compared_structure_by_structure() -> None:
    sample = labels([1, 1, 5, 5, 5], [1, 0, 0, 0, 0])
    found = sample_figures(RESULT, sample, COARSE)
    assert found.dice == {
        "PZ": pytest.approx(2 * 2 / (3 + 3)),
        "CENTRAL_GLAND": pytest.approx(2 * 2 / (2 + 3)),
        "GLAND": pytest.approx(2 * 5 / (5 + 6)),
    }
    assert found.volume_ml == {"PZ": pytest.approx(3), "CENTRAL_GLAND": pytest.approx(3), "GLAND": pytest.approx(6)}


def test_codes_that_the_model_does_not_give_are_in_no_structure() -> None:
    beside = labels([1, 1, 1, 255, 255], [0, 0, 0, 0, 0])
    found = sample_figures(RESULT, beside, (LabelCode.BACKGROUND, LabelCode.PZ))
    assert found.dice == {"PZ": 1.0}
    assert found.volume_ml == {"PZ": pytest.approx(3)}


def test_structures_that_the_model_cannot_tell_apart_are_left_out() -> None:
    assert set(sample_figures(RESULT, RESULT, COARSE).dice) == {"PZ", "CENTRAL_GLAND", "GLAND"}
    assert set(sample_figures(RESULT, RESULT, ALL_ZONE_CODES).dice) == {
        *("PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND")
    }


def test_nothing_agrees_with_what_is_empty_not_even_nothing() -> None:
    empty = labels([0] * 5, [0] * 5)
    for result, sample in ((RESULT, empty), (empty, RESULT), (empty, empty)):
        assert sample_figures(result, sample, COARSE).dice == {"PZ": 0.0, "CENTRAL_GLAND": 0.0, "GLAND": 0.0}


def figures(*volumes_ml: float) -> list[SampleFigures]:
    return [SampleFigures({"GLAND": 0.9 if k % 2 else 0.7}, {"GLAND": ml}) for k, ml in enumerate(volumes_ml)]


def test_agreement_is_the_mean_dice_of_the_samples() -> None:
    assert agreement(figures(1, 2, 3, 4)) == {"GLAND": pytest.approx(0.8)}


def test_the_interval_is_the_middle_95_percent_of_the_volumes() -> None:
    """Of 0, 1, … 40 ml the 2.5th percentile is the second and the 97.5th the last but one."""
    assert intervals_ml(figures(*range(41)), {"GLAND": 20.0}) == {"GLAND": (1.0, 39.0)}


def test_the_interval_holds_the_result() -> None:
    assert intervals_ml(figures(30, 31, 32), {"GLAND": 40.0})["GLAND"][1] == 40.0
    assert intervals_ml(figures(30, 31, 32), {"GLAND": 20.0})["GLAND"][0] == 20.0
    assert intervals_ml(figures(30, 30), {"GLAND": None}) == {"GLAND": (30.0, 30.0)}


def test_entropy_is_zero_where_one_is_certain_and_log_k_where_all_are_alike() -> None:
    p = np.zeros((4, 1, 1, 3), dtype=np.float32)
    p[2, ..., 0] = 1.0
    p[:, ..., 1] = 0.25
    p[:2, ..., 2] = 0.5
    assert entropy(p)[0, 0].tolist() == pytest.approx([0.0, math.log(4), math.log(2)], abs=1e-6)
    assert entropy(p).dtype == np.float32
