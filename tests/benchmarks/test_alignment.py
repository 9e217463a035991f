"""What the figures of docs/concepts/alignment.md rest on."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.alignment.calibrate import Outcome, fit, report
from benchmarks.alignment.compare import RESULT_FILE, SETTINGS, Row, table
from benchmarks.alignment.real import (
    MOVED_AWAY_MM,
    difference_mm,
    displaced,
    estimates_as_moved_away,
    gland_points,
    movements,
    transform_of,
)
from benchmarks.alignment.studies import TEST_SEED, cached
from benchmarks.alignment.truth import target_errors_mm
from zonate.alignment import align_to_t2w
from zonate.alignment.quality import Calibration, Evidence, calibration
from zonate.load import open_study, read_acquisition

HERE = sitk.Transform(3, sitk.sitkIdentity)


def test_target_errors_by_hand() -> None:
    points = np.array([[0.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    truth = np.array([[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    assert target_errors_mm(HERE, points, truth, every=1).tolist() == [3.0, 4.0]
    shift = sitk.TranslationTransform(3, (3.0, 0.0, 0.0))
    assert target_errors_mm(shift, points, truth, every=1).tolist() == [0.0, 5.0]


def test_a_drawn_study_is_displaced_as_it_says_and_kept_as_it_was_drawn(tmp_path: Path) -> None:
    drawn, kept = cached(tmp_path, TEST_SEED, 2), cached(tmp_path, TEST_SEED, 2)
    assert drawn.acquisition.t2w.values.tobytes() == kept.acquisition.t2w.values.tobytes()
    assert drawn.about == kept.about
    errors = target_errors_mm(HERE, drawn.inside_mm, drawn.true_inside_mm)
    assert 1.0 < errors.mean() < 14.0
    assert errors == pytest.approx(np.linalg.norm(drawn.true_inside_mm[::8], axis=1))


def test_the_fit_finds_a_known_relation_and_calls_nothing_bad_good() -> None:
    rng = np.random.default_rng(0)
    outcomes = [
        Outcome("s", "moved", float(mm), Evidence(float(mm), float(mm), 0.01, 0.5, 1.0))
        for mm in rng.uniform(0, 10, 200)
    ]
    found = fit(outcomes)
    told = report(outcomes, found)
    assert sum(found.weights.get(name, 0.0) for name in ("shift_mm", "part_shift_mm")) == pytest.approx(1.0, abs=0.02)
    assert told["pearson"] == pytest.approx(1.0, abs=1e-3)
    assert told["of_these_called_good"] == 0
    lenient = Calibration(found.intercept_mm, found.weights, 100.0)
    assert report(outcomes, lenient)["of_these_called_good"] == report(outcomes, lenient)["worse_than_3_mm"] > 0


def test_the_table_counts_what_is_not_usable_apart() -> None:
    rows = [
        Row("a", "header", "header", 4.0, 5.0, 4.5, 0.0, 0.0),
        Row("b", "header", "header", 2.0, 3.0, 2.5, 0.0, 0.0),
        Row("a", "zonate", "bspline", 0.5, 1.0, 0.75, 0.0, 5.0),
        Row("b", "zonate", "none", np.nan, np.nan, np.nan, 0.0, 7.0),
        Row("a", "other", "bspline", 1.0, 1.0, 1.0, 0.1, 5.0),
        Row("b", "other", "bspline", 3.0, 3.0, 3.0, 0.0, 5.0),
    ]
    lines = table(rows).splitlines()[2:]
    assert lines[0].startswith("| header | 2 | 3.00 ± 1.41 | 4.00 | 3.50 | 4.00 | +0.00 | 0 | 0 |")
    assert "| 0.50 ± 0.00 | 1.00 | 0.75 | 0.50 | -3.50 | 0 | 1 | 6.0 |" in lines[1]
    assert "| 2.00 ± 1.41 | 2.00 | 2.00 | 3.00 | +1.00 | 1 | 0 |" in lines[2]


def test_the_figures_asked_for_are_reached_by_what_was_measured() -> None:
    rows = [Row(**row) for row in json.loads(RESULT_FILE.read_text())["rows"]]
    ours = [row for row in rows if row.method == "zonate"]
    header = {row.study: row.mean_mm for row in rows if row.method == "header"}
    assert len(ours) >= 40
    assert np.mean(list(header.values())) >= 4.0
    assert np.mean([row.mean_mm for row in ours]) <= 1.1
    assert np.mean([row.p95_mm for row in ours]) <= 2.5
    assert max(row.p95_mm for row in ours) <= 2.5
    assert all(row.folded_fraction == 0 for row in ours)
    assert all(row.mean_mm <= header[row.study] + 0.2 for row in ours)
    assert np.mean([row.chosen in ("bspline", "rigid") for row in ours]) >= 0.8


@pytest.mark.slow
def test_the_first_studies_are_as_the_file_says(tmp_path: Path) -> None:
    rows = {row["study"]: row for row in json.loads(RESULT_FILE.read_text())["rows"] if row["method"] == "zonate"}
    for k in range(2):
        study = cached(tmp_path, TEST_SEED, k)
        found = align_to_t2w(study.acquisition, SETTINGS)
        transform = transform_of(found, study.acquisition.t2w.grid)
        mean_mm = target_errors_mm(transform, study.inside_mm, study.true_inside_mm, every=2).mean()
        assert mean_mm == pytest.approx(rows[study.name]["mean_mm"], abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["ProstateX-0000", "ProstateX-0001"])
def test_a_movement_of_a_real_diffusion_series_is_undone_or_seen(shared_data: Path, case: str) -> None:
    with open_study(shared_data / "prostatex-dicom" / case) as opened:
        acquisition = read_acquisition(opened)
    grid = acquisition.t2w.grid
    unmoved = align_to_t2w(acquisition, SETTINGS)
    before = transform_of(unmoved, grid)
    for name, movement in movements(grid.centre_mm):
        if name in ("5 mm along y", "5° about z"):
            again = align_to_t2w(displaced(acquisition, movement), SETTINGS)
            assert difference_mm(before, transform_of(again, grid), movement, gland_points(grid)) < 1.0
    for axis in range(3):
        estimates = estimates_as_moved_away(acquisition, before, axis)
        assert estimates == sorted(estimates)
        assert estimates[0] < calibration().good_below_mm < estimates[MOVED_AWAY_MM.index(5.0)]
