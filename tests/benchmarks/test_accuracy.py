import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy.__main__ import PAGE, Conditions, compare
from benchmarks.accuracy.budget import Pace, Plan, plan, validation_interval
from benchmarks.accuracy.compare import difference, holm, signed_rank_p
from benchmarks.accuracy.curve import best, read_curve, unfinished
from benchmarks.accuracy.folds import check_same_folds, sides
from benchmarks.accuracy.job import Job, known_job, steps_per_epoch, write_job
from benchmarks.accuracy.methods import OWN, methods
from benchmarks.accuracy.results import COMPARISON, LONGER, Results, collect, read_longest, read_results, write_results
from benchmarks.accuracy.table import page
from tests.dataset_factory import a_case, a_dataset
from zonate.config import EvaluationSettings, Settings, SplitSettings
from zonate.dataset.splits import Split
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError, DatasetError
from zonate.io.nifti import write_volume

SETTINGS = EvaluationSettings()
SIX: list[Split] = ["train"] * 6


def test_the_signed_rank_test_of_the_textbook() -> None:
    """Darwin's maize (Fisher, The Design of Experiments, 1935): W = 24 of 15 pairs, two-sided p 0.0413."""
    eighths = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)
    assert signed_rank_p(eighths) == pytest.approx(0.041259765625)


def test_the_signed_rank_test_of_three_that_all_rise() -> None:
    """Each of the 2³ signs is as likely; two of them are as extreme."""
    assert signed_rank_p(np.array([0.1, 0.2, 0.3, 0.0])) == pytest.approx(2 / 8)
    assert signed_rank_p(np.zeros(3)) == 1.0


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
    one = {"a": 0.9, "b": 0.8, "c": 0.7, "alone": 0.1, "undefined": math.nan}
    other = {"a": 0.8, "b": 0.6, "c": 0.4, "undefined": 0.5}
    found = difference(one, other, SETTINGS)
    assert found.n == 3
    assert found.mean == pytest.approx(0.2)
    assert found.p == pytest.approx(0.25)
    assert found.interval_95 is not None
    low, high = found.interval_95
    assert 0.0999 < low < 0.2 < high < 0.3001
    assert difference(one, other, SETTINGS) == found
    assert difference(one, {}, SETTINGS).p is None


def test_minutes_become_epochs() -> None:
    """Ten minutes less 3 % are 582 s, less ten validations 532 s: 26.6 epochs of 20 steps of a second."""
    assert plan(Pace(1.0, 5.0), minutes=10, steps_per_epoch=20) == Plan(epochs=26, validate_every_epochs=3)
    assert plan(Pace(1.0, 5.0), minutes=10, steps_per_epoch=20, most_epochs=8) == Plan(8, 1)
    assert plan(Pace(60.0, 5.0), minutes=1, steps_per_epoch=20) == Plan(1, 1)


@pytest.mark.parametrize(("epochs", "every", "validations"), [(1, 1, 1), (10, 1, 10), (25, 3, 9), (300, 30, 10)])
def test_a_run_is_validated_about_ten_times(epochs: int, every: int, validations: int) -> None:
    assert validation_interval(epochs) == every
    assert -(-epochs // every) == validations


def test_no_length_is_validated_often_or_rarely() -> None:
    counts = {epochs: -(-epochs // validation_interval(epochs)) for epochs in range(10, 1000)}
    assert min(counts.values()) >= 7
    assert max(counts.values()) <= 13


def test_a_run_that_still_climbs_is_unfinished() -> None:
    climbing = [(k, 0.5 + 0.01 * k) for k in range(1, 21)]
    assert unfinished(climbing, 20)
    flat = [(k, 0.7 + 0.0001 * k) for k in range(1, 21)]  # the last is the best, by little
    assert not unfinished(flat, 20)
    passed = [*climbing[:15], (16, 0.9), (17, 0.8), (18, 0.8), (19, 0.8), (20, 0.8)]
    assert not unfinished(passed, 20)
    assert best(passed) == (16, 0.9)


def test_a_run_that_was_validated_too_rarely_is_unfinished() -> None:
    assert unfinished([], 5)
    assert unfinished([(1, 0.9)], 1)
    assert unfinished([(1, 0.9), (2, 0.8)], 2)


def test_the_curve_of_a_run_folder(tmp_path: Path) -> None:
    lines = [
        {"epoch": 1, "validation_mean_dice": None, "seconds": 2.5},
        {"epoch": 2, "validation_mean_dice": 0.75, "seconds": 4},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert read_curve(tmp_path) == ([(2, 0.75)], 6.5)


def test_datasets_of_two_slicings_have_the_same_folds(tmp_path: Path) -> None:
    one = Dataset.open(a_dataset(tmp_path / "one", SIX))
    coarse = Settings().override(["slicing.spacing_mm=0.75"])
    other = Dataset.open(a_dataset(tmp_path / "other", SIX, settings=coarse))
    assert one.slicing != other.slicing
    check_same_folds([one, other])
    assert sorted(sides(one, 0).values()).count("test") == 2


def test_another_division_is_refused_by_name(tmp_path: Path) -> None:
    one = Dataset.open(a_dataset(tmp_path / "one", SIX))
    seed = Settings(split=SplitSettings(seed=7))
    other = Dataset.open(a_dataset(tmp_path / "other", SIX, settings=seed))
    with pytest.raises(DatasetError, match=r"fold 0: patient patient\d stands on \w+ in one and on \w+ in other"):
        check_same_folds([one, other])


def test_a_job_goes_through_its_file_and_keeps_its_length(tmp_path: Path) -> None:
    wanted = Job("unet", 1, tmp_path / "dataset", Settings(), minutes=3.0)
    assert known_job(tmp_path / "job", wanted) is None
    planned = replace(wanted, settings=wanted.settings.override(["training.epochs=7"]))
    write_job(tmp_path / "job", planned)
    assert known_job(tmp_path / "job", wanted) == planned
    with pytest.raises(ConfigError, match="begun with other settings"):
        known_job(tmp_path / "job", replace(wanted, minutes=4.0))


def test_an_epoch_is_of_slices_or_of_stacks(tmp_path: Path) -> None:
    dataset = Dataset.open(a_dataset(tmp_path / "data", ("train", "train", "train"), slices=3))
    settings = Settings().override(["training.batch_size=2"])
    assert steps_per_epoch(dataset, settings) == 5
    assert steps_per_epoch(dataset, settings, volumetric=True) == 2


def a_run(name: str, fold: int, *, climbing: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "fold": fold,
        "seed": 0,
        "minutes": 3.0,
        "clean_up": "none",
        "date": "2026-01-02",
        "machine": "2 cores",
        "threads": 1,
        "beside": 2,
        "commit": "abc",
        "settings": {},
        "parameters": 2_600_000,
        "epochs": 30,
        "steps": 300,
        "batch_size": 8,
        "seconds": 174.0,
        "best_epoch": 28,
        "best_validation_dice": 0.81,
        "unfinished": climbing,
        "curve": [[15, 0.7], [30, 0.8]],
        "cases": [{"case_id": f"c{fold}", "patient_id": f"p{fold}", "said": "", "seconds": 2.0}],
    }


def some_results() -> Results:
    """Five patients, one a fold; the gland by zonate is 0.92 to 0.88, by unet 0.1 less."""
    runs, rows = [], []
    for fold in range(5):
        for name, less in (("unet", 0.1), ("zonate", 0.0)):
            runs.append(a_run(name, fold, climbing=name == "unet" and fold < 3))
            for structure in ("GLAND", "CENTRAL_GLAND", "PZ"):
                row = {"name": name, "fold": str(fold), "patient_id": f"p{fold}", "case_id": f"c{fold}"}
                measures = {"dice": f"{0.92 - 0.01 * fold - less:.6g}", "hd95_mm": "" if fold == 4 else "4"}
                rows.append({**row, "structure": structure, **measures, "volume_error_ml": "-2"})
    return Results(sorted(runs, key=lambda run: run["name"]), rows)


def test_results_are_kept_and_read_again(tmp_path: Path) -> None:
    write_results("accuracy", some_results(), tmp_path)
    assert page(read_results("accuracy", tmp_path)) == page(some_results())
    assert read_results("nothing", tmp_path) == Results([], [])


def test_the_page_is_what_the_kept_results_give() -> None:
    kept = [read_results(name) for name in (COMPARISON, "external", "doubt", LONGER)]
    assert PAGE.read_text(encoding="utf-8") == page(*kept)


def test_more_time_stands_beside_the_comparison_and_is_what_was_reached(tmp_path: Path) -> None:
    short = some_results()
    long = Results(
        [{**run, "seconds": 1200.0, "unfinished": False} for run in short.runs_of("zonate")],
        [{**row, "dice": f"{float(row['dice']) + 0.015:.6g}"} for row in short.rows if row["name"] == "zonate"],
    )
    lines = page(short, longer=long).splitlines()
    assert "| | 3 minutes a run | 20 minutes a run | difference |" in lines
    (gland,) = [line for line in lines if line.startswith("| gland Dice | 0.900")]
    assert gland.endswith("| +0.015 (+0.015 to +0.015) |")
    assert "| gland Dice | ≥ 0.91 | 0.915 | yes |" in lines
    assert "| p0 | 0.935 | 0.935 | 0.935 | 4.0 | 2.0 | – |" in lines
    assert read_longest(tmp_path) == Results([], [])
    write_results("accuracy", short, tmp_path)
    assert read_longest(tmp_path).names == short.names
    write_results("longer", long, tmp_path)
    assert read_longest(tmp_path).names == ["zonate"]


def test_the_page_states_what_was_found() -> None:
    text = page(some_results())
    (own,) = [line for line in text.splitlines() if line.startswith("| zonate | 5 |")]
    assert "0.900 (0.88" in own  # the mean of 0.92, 0.91, 0.90, 0.89, 0.88
    assert "4.0 (4.0 to 4.0), 1 without" in own
    assert "| 2.0 (2.0 to 2.0) | 0 | 2.6 | 30 | 300 × 8 | 2.9 | 2.0 | finished |" in own
    (unet,) = [line for line in text.splitlines() if line.startswith("| unet | 5 | 0.800")]
    assert "**unfinished**, 3 of 5 climbing" in unet
    (against,) = [line for line in text.splitlines() if line.startswith("| unet | 5 | +0.100")]
    assert "+0.100 (+0.100 to +0.100) p 0.250 (0.062)" in against  # 2/2⁵ of each Dice, times the four comparisons
    assert against.endswith("| unfinished |")
    assert "| gland Dice | ≥ 0.91 | 0.900 | **no** |" in text
    assert "| PZ Dice | ≥ 0.72 | 0.900 | yes |" in text
    assert "| gland HD95 mm | ≤ 6 | 4.0, 1 without | **no** |" in text  # nothing was found in one


def test_a_page_of_nothing_says_so() -> None:
    assert "Nothing has been measured yet" in page(Results([], []))


def test_only_what_is_done_is_collected(tmp_path: Path) -> None:
    done, begun = tmp_path / "a", tmp_path / "b"
    for folder in (done, begun):
        folder.mkdir()
        scores = "case_id,structure,dice\nc0,GLAND,0.5\n"
        (folder / "scores.csv").write_text(scores, encoding="utf-8")
    (done / "result.json").write_text(json.dumps(a_run("unet", 0)), encoding="utf-8")
    found = collect([done, begun])
    assert found.by_patient("unet", "GLAND", "dice") == {"p0": 0.5}
    assert found.names == ["unet"]


TOY = """
name = "zonate"
normalisation = "region"
slicing.size_px = 128
slicing.spacing_mm = 1.0
network.architecture = "residual"
network.base_channels = 4
network.neighbours = 1
training.batch_size = 4
training.patch_px = 96
training.averaging = 0.9
loss.adversarial = 0
loss.l1 = 0
loss.dice = 1
loss.cross_entropy = 1
prediction.clean_up = "largest_component"
"""


def toy_data(data: Path) -> Path:
    """Six patients to divide into folds, and one who always trains."""
    head = "case_id,patient_id,t2w,dwi,adc,labels,label_codes,dataset,licence,use"
    codes = "0=BACKGROUND;1=PZ;5=CENTRAL_GLAND"
    for folder, numbers in (("nci-isbi-2013", range(6)), ("prostatex-seg-zones", range(6, 7))):
        lines = [head]
        for number in numbers:
            case = a_case(f"case{number}", seed=number, slices=4, size=160)
            assert case.labels is not None
            write_volume(data / folder / f"{case.case_id}.nii.gz", case.t2w)
            write_volume(data / folder / f"{case.case_id}-zones.nii.gz", case.labels)
            files = f"{case.case_id}.nii.gz,,,{case.case_id}-zones.nii.gz"
            lines.append(f"{case.case_id},patient{number},{files},{codes},toy,CC0-1.0,any")
        lines.append(f"left-out-{folder},nobody,absent.nii.gz,,,absent.nii.gz,{codes},toy,CC0-1.0,evaluation")
        (data / folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data


@pytest.mark.slow
def test_the_whole_comparison_of_a_toy(tmp_path: Path) -> None:
    """Two slicings, two and three dimensions, two folds; called again, nothing is done again."""
    recipe = tmp_path / "toy.toml"
    recipe.write_text(TOY, encoding="utf-8")
    known = methods(recipe)
    small = known["unet"].settings.override(["network.base_channels=2", "training.batch_size=4"])
    volumetric = known["monai-3d"].settings.override(["network.base_channels=2"])
    chosen = [
        replace(known["unet"], settings=small),
        replace(known["monai-3d"], settings=volumetric),
        known[OWN],
    ]
    how = Conditions(toy_data(tmp_path / "data"), tmp_path / "work", minutes=0.02, parallel=2, folds=(0, 1))
    *_, results = compare(chosen, known[OWN], how)
    assert sorted((run["name"], run["fold"]) for run in results.runs) == [
        ("monai-3d", 0),
        ("monai-3d", 1),
        ("unet", 0),
        ("unet", 1),
        ("zonate", 0),
        ("zonate", 1),
    ]
    tested = {name: set(results.by_patient(name, "GLAND", "dice")) for name in results.names}
    assert tested["unet"] == tested["zonate"] == tested["monai-3d"]
    assert "patient6" not in tested["unet"]
    assert "| zonate fold 1 |" in page(results)
    job = Job.read(tmp_path / "work" / "runs" / "zonate-fold0")
    assert "patient6" in {entry.patient_id for entry in job.opened().split("train")}

    finished = (tmp_path / "work" / "runs" / "zonate-fold0" / "result.json").stat().st_mtime_ns
    *_, again = compare(chosen, known[OWN], how)
    assert again == results
    assert (tmp_path / "work" / "runs" / "zonate-fold0" / "result.json").stat().st_mtime_ns == finished
