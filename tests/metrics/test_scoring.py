import math

import numpy as np
import pytest

from zonate.errors import GeometryError
from zonate.geometry import Grid, Volume
from zonate.metrics import Score, score_case, summarise
from zonate.metrics.structure import StructureMetrics
from zonate.settings.results import EvaluationSettings
from zonate.zones import ALL_ZONE_CODES, LabelCode

L = LabelCode


def labels(*rows: list[int], spacing: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> Volume:
    """One slice of labels with a frame of background about it."""
    values = np.pad(np.array([rows], dtype=np.uint8), ((1, 1), (2, 2), (2, 2)))
    shape = (values.shape[0], values.shape[1], values.shape[2])
    return Volume(values, Grid(shape, np.diag([*spacing, 1.0])))


def by_structure(scores: list[Score]) -> dict[str, StructureMetrics]:
    return {score.structure: score.metrics for score in scores}


def test_a_full_reference_is_compared_everywhere() -> None:
    reference = labels([L.TZ, L.TZ, L.AFS], [L.PZ, L.DPU, L.PZ])
    found = score_case("c", "p", reference, ALL_ZONE_CODES, reference, ALL_ZONE_CODES, tolerance_mm=2)
    assert [score.structure for score in found] == ["PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND"]
    assert all(score.metrics.dice == 1.0 for score in found)


def test_a_central_gland_reference_is_compared_at_its_own_level() -> None:
    codes = (L.BACKGROUND, L.PZ, L.CENTRAL_GLAND)
    reference = labels([5, 5, 5], [L.PZ, 5, L.PZ])
    prediction = labels([L.TZ, L.TZ, L.AFS], [L.PZ, L.DPU, L.PZ])
    found = by_structure(score_case("c", "p", reference, codes, prediction, ALL_ZONE_CODES, tolerance_mm=2))
    assert {name: metrics.dice for name, metrics in found.items()} == {"PZ": 1.0, "CENTRAL_GLAND": 1.0, "GLAND": 1.0}


def test_a_gland_reference_is_compared_as_a_gland_only() -> None:
    reference = labels([6, 6, 6, 0], [6, 6, 6, 0])
    prediction = labels([L.TZ, L.TZ, L.AFS, 0], [L.PZ, L.DPU, 0, 0])
    codes = (L.BACKGROUND, L.WHOLE_GLAND)
    found = by_structure(score_case("c", "p", reference, codes, prediction, ALL_ZONE_CODES, tolerance_mm=2))
    assert list(found) == ["GLAND"]
    assert found["GLAND"].dice == pytest.approx(2 * 5 / (6 + 5))


def test_a_coarse_model_is_compared_at_its_own_level() -> None:
    reference = labels([L.TZ, L.TZ, L.AFS], [L.PZ, L.DPU, L.PZ])
    prediction = labels([5, 5, 5], [L.PZ, 5, L.PZ])
    codes = (L.BACKGROUND, L.PZ, L.CENTRAL_GLAND)
    found = by_structure(score_case("c", "p", reference, ALL_ZONE_CODES, prediction, codes, tolerance_mm=2))
    assert list(found) == ["PZ", "CENTRAL_GLAND", "GLAND"]


def test_voxels_not_annotated_count_on_neither_side() -> None:
    reference = labels([L.PZ, L.PZ, 255, 255])
    prediction = labels([L.PZ, L.PZ, L.PZ, L.PZ])
    codes = (L.BACKGROUND, L.PZ, L.CENTRAL_GLAND)
    found = by_structure(score_case("c", "p", reference, codes, prediction, codes, tolerance_mm=2))
    assert found["PZ"].dice == 1.0
    assert found["PZ"].prediction_volume_ml == pytest.approx(0.006)


def test_a_voxel_of_a_coarser_code_is_not_held_against_a_finer_structure() -> None:
    """A reading that calls part of the gland `central gland` says nothing of TZ there, but does of the gland."""
    codes = (*ALL_ZONE_CODES, L.CENTRAL_GLAND)
    reference = labels([L.TZ, L.TZ, 5, L.PZ])
    prediction = labels([L.TZ, L.TZ, L.TZ, L.PZ])
    found = by_structure(score_case("c", "p", reference, codes, prediction, ALL_ZONE_CODES, tolerance_mm=2))
    assert found["TZ"].dice == found["CENTRAL_GLAND"].dice == found["GLAND"].dice == 1.0


def test_grids_that_differ_are_refused() -> None:
    one, other = labels([L.PZ]), labels([L.PZ], spacing=(3.0, 1.1, 1.1))
    with pytest.raises(GeometryError, match=r"case c: .* do not lie on one grid"):
        score_case("c", "p", one, ALL_ZONE_CODES, other, ALL_ZONE_CODES, tolerance_mm=2)


def score(patient: str, dice: float, status: str = "compared", error_ml: float = 0.0) -> Score:
    distance = 1.0 if status == "compared" else math.nan
    metrics = StructureMetrics(status, dice, distance, dice, distance, error_ml, 1.0, 1.0 + error_ml)  # type: ignore[arg-type]
    return Score(f"case-{patient}", patient, "PZ", metrics)


def test_the_summary_by_hand() -> None:
    found = summarise([score("a", 0.6, error_ml=-2), score("b", 0.8, error_ml=4)], EvaluationSettings())["PZ"]
    dice = found.measures["dice"]
    assert dice.mean == pytest.approx(0.7)
    assert dice.std == pytest.approx(math.sqrt(0.02))  # over n - 1
    assert (dice.n, dice.interval_95) == (2, (0.6, 0.8))
    assert found.measures["volume_error_ml"].mean == 1.0
    assert found.measures["absolute_volume_error_ml"].mean == 3.0


def test_a_patient_who_was_read_twice_counts_once() -> None:
    scores = [
        score("a", 0.2, error_ml=-2),
        score("a", 0.4, error_ml=2),
        score("b", 0.9),
        score("c", math.nan, "absent"),
    ]
    found = summarise(scores, EvaluationSettings())["PZ"]
    dice = found.measures["dice"]
    assert dice.mean == pytest.approx((0.3 + 0.9) / 2)
    assert dice.std == pytest.approx(0.3 * math.sqrt(2))
    assert dice.n == 2
    assert dice.interval_95 == pytest.approx((0.3, 0.9))
    assert found.n_cases == 4
    assert found.measures["absolute_volume_error_ml"].mean == pytest.approx(2 / 3)  # 2, 0 and 0, of three patients
    assert found.measures["volume_error_ml"].mean == 0.0


def test_empty_ones_are_counted() -> None:
    scores = [
        score("a", 0.6),
        score("b", 0.0, "missed"),
        score("c", 0.0, "spurious"),
        score("d", math.nan, "absent"),
    ]
    found = summarise(scores, EvaluationSettings())["PZ"]
    assert (found.n_cases, found.n_missed, found.n_spurious, found.n_absent) == (4, 1, 1, 1)
    assert (found.n_empty_reference, found.n_empty_prediction) == (2, 2)
    assert found.measures["dice"].mean == pytest.approx(0.2)  # a miss is paid for
    assert (found.measures["dice"].n, found.measures["hd95_mm"].n) == (3, 1)


def test_one_case_has_neither_spread_nor_interval() -> None:
    dice = summarise([score("a", 0.6)], EvaluationSettings())["PZ"].measures["dice"]
    assert (dice.mean, dice.std, dice.n, dice.interval_95) == (0.6, None, 1, None)


def test_nothing_defined_has_no_mean() -> None:
    found = summarise([score("a", 0.0, "missed")], EvaluationSettings())["PZ"].measures["hd95_mm"]
    assert (found.mean, found.n) == (None, 0)


def test_the_name_of_the_surface_dice_carries_its_tolerance() -> None:
    assert "nsd_2mm" in score("a", 0.6).measures(2.0)
    assert "nsd_1.5mm" in score("a", 0.6).measures(1.5)
