import json

import numpy as np
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import grid_of, rigid
from zonate.alignment.landmarks import measure_landmarks
from zonate.errors import GeometryError
from zonate.geometry import Grid
from zonate.io.landmarks import LandmarkPairs

HEADER = sitk.Transform(3, sitk.sitkIdentity)
CUBE = Grid((11, 11, 11), np.eye(4)[[2, 1, 0, 3]])  # 1 mm; S, H, W along z, y, x; faces at -0.5 and 10.5 mm


def pairs_of(t2w_mm: list[list[float]], apart_mm: list[list[float]]) -> LandmarkPairs:
    """Landmarks `a`, `b`, ... on T2W, and how far from each the diffusion series shows it."""
    t2w = np.array(t2w_mm, dtype=np.float64)
    return LandmarkPairs(tuple("abcdefgh"[: len(t2w)]), t2w, t2w + np.array(apart_mm))


FIVE = pairs_of([[5, 5, 5]] * 5, [[3, 4, 0], [0, 0, 1], [2, 0, 0], [0, -3, 0], [0, 0, -4]])


def test_in_the_scanners_geometry_the_error_is_the_distance_of_the_pair() -> None:
    found = measure_landmarks(FIVE, HEADER, CUBE)
    assert found.error_mm == found.header_error_mm == {"a": 5.0, "b": 1.0, "c": 2.0, "d": 3.0, "e": 4.0}
    assert (found.n, found.mean_mm, found.median_mm, found.max_mm) == (5, 3.0, 3.0, 5.0)
    assert found.p95_mm == pytest.approx(4.8)  # 0.8 of the way from the fourth of five to the fifth


def test_the_transform_takes_t2w_points_to_diffusion_points() -> None:
    pairs = pairs_of([[1, 2, 3], [4, 5, 6]], [[3, 4, 0], [3, 4, 2]])
    found = measure_landmarks(pairs, sitk.TranslationTransform(3, (3.0, 4.0, 0.0)), CUBE)
    assert found.error_mm == {"a": 0.0, "b": 2.0}
    assert (found.mean_mm, found.max_mm) == (1.0, 2.0)
    assert found.header_error_mm == pytest.approx({"a": 5.0, "b": np.sqrt(29)})
    back = measure_landmarks(pairs, sitk.TranslationTransform(3, (-3.0, -4.0, 0.0)), CUBE)
    assert back.error_mm["a"] == pytest.approx(10.0)


def test_the_transform_that_moved_the_patient_leaves_nothing() -> None:
    grid = grid_of((16, 40, 40), (3.0, 2.0, 2.0))
    truth = rigid(6.0, (2.0, -1.0, 3.0))
    t2w = grid.to_mm([[2, 5, 7], [8, 20, 20], [13, 30, 9]])
    moved = np.array([truth.TransformPoint(point.tolist()) for point in t2w])
    found = measure_landmarks(LandmarkPairs(("a", "b", "c"), t2w, moved), truth, grid)
    assert found.max_mm < 1e-9
    assert found.header_mean_mm > 3.0


def test_of_a_single_pair_all_figures_are_the_same() -> None:
    found = measure_landmarks(pairs_of([[0, 0, 0]], [[0, 6, 8]]), HEADER, CUBE)
    assert {found.mean_mm, found.median_mm, found.p95_mm, found.max_mm, found.header_p95_mm} == {10.0}


def test_a_landmark_up_to_5_mm_outside_the_voxels_is_kept_and_one_beyond_is_refused() -> None:
    within = pairs_of([[-5.4, 5, 5], [5, 5, 15.4], [13.4, 14.4, 5]], [[0, 0, 0]] * 3)  # 4.9, 4.9, and 2.9 with 3.9 mm
    assert measure_landmarks(within, HEADER, CUBE).n == 3
    beyond = pairs_of([[5, 5, 5], [5, 5, 17.6], [-20.5, 5, 5]], [[0, 0, 0]] * 3)
    with pytest.raises(
        GeometryError, match="2 of 3 landmarks lie outside the T2W, by 20 mm at most: they likely belong"
    ):
        measure_landmarks(beyond, HEADER, CUBE)


def test_the_json_holds_every_figure_under_its_name() -> None:
    held = measure_landmarks(FIVE, sitk.TranslationTransform(3, (0.0, 0.0, 1.0)), CUBE).to_json()
    assert json.loads(json.dumps(held, allow_nan=False)) == held
    assert (held["n"], held["header_mean_mm"], held["header_max_mm"]) == (5, 3.0, 5.0)
    assert held["error_mm"]["b"] == 0.0
    assert sorted(held) == [
        "error_mm",
        "header_error_mm",
        "header_max_mm",
        "header_mean_mm",
        "header_median_mm",
        "header_p95_mm",
        "max_mm",
        "mean_mm",
        "median_mm",
        "n",
        "p95_mm",
    ]
