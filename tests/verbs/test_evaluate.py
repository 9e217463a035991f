import csv
import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verbs.standins import GRID, StandInDataset, StandInModel, coarse, entry, gland
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError, LeakageError, ModelError, OutputError
from zonate.geometry import Volume
from zonate.model import Model
from zonate.preprocessing.slices import Slices
from zonate.settings.results import EvaluationSettings
from zonate.verbs import evaluate as verb
from zonate.verbs.evaluate import evaluate
from zonate.zones import LabelCode

SHIFTS = {"good": 0, "fair": 2, "bad": 8}
SETTINGS = EvaluationSettings(bootstrap_samples=200, worst_cases=2)


class Scene:
    """A dataset and a model that `evaluate` finds in place of files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dataset = StandInDataset({name: gland() for name in SHIFTS}, tuple(entry(name) for name in SHIFTS))
        self.model = StandInModel(lambda slices: gland(SHIFTS[slices.case_id]))
        monkeypatch.setattr(Dataset, "open", lambda _place, _cache=None: self.dataset)
        monkeypatch.setattr(Model, "load", lambda _path: self.model)


@pytest.fixture
def drawn_scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


@pytest.fixture
def scene(drawn_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Without the pictures, which take most of the time."""

    def touch(file: Path, *_arguments: object, **_named: object) -> None:
        file.touch()

    monkeypatch.setattr(verb, "draw_boxplots", touch)
    monkeypatch.setattr(verb, "draw_worst", touch)
    return drawn_scene


def run(output: Path, **arguments: Any) -> dict[str, Any]:
    model = output.parent / "model.safetensors"
    model.write_bytes(b"weights")
    try:
        evaluate(model, Path("dataset"), output, settings=SETTINGS, **arguments)
    finally:
        model.unlink()
    found: dict[str, Any] = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    return found


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("scene")
def test_the_table_of_measures(tmp_path: Path) -> None:
    run(tmp_path / "out")
    found = rows(tmp_path / "out")
    assert list(found[0]) == [
        "case_id",
        "patient_id",
        "structure",
        "dice",
        "hd95_mm",
        "nsd_2mm",
        "mean_surface_distance_mm",
        "volume_error_ml",
        "reference_volume_ml",
        "prediction_volume_ml",
        "status",
    ]
    assert len(found) == 3 * 6
    assert {row["patient_id"] for row in found} == {"patient-good", "patient-fair", "patient-bad"}
    by_key = {(row["case_id"], row["structure"]): row for row in found}
    assert float(by_key["good", "PZ"]["dice"]) == 1.0
    assert float(by_key["bad", "GLAND"]["dice"]) == pytest.approx(32 / 40)  # a box of 40 pixels moved by 8
    assert float(by_key["bad", "GLAND"]["hd95_mm"]) == 4.0
    assert float(by_key["fair", "GLAND"]["nsd_2mm"]) == 1.0  # moved by 1 mm
    assert float(by_key["good", "GLAND"]["reference_volume_ml"]) == pytest.approx(6 * 40 * 40 * 0.75 / 1000)
    assert float(by_key["bad", "DPU"]["dice"]) == 0.0  # a stripe of 4 pixels moved by 8


@pytest.mark.usefixtures("scene")
def test_the_summary(tmp_path: Path) -> None:
    summary = run(tmp_path / "out")
    dice = summary["structures"]["GLAND"]["dice"]
    assert dice["mean"] == pytest.approx((1 + 0.95 + 0.8) / 3)
    assert dice["std"] == pytest.approx(np.std([1, 0.95, 0.8], ddof=1))
    assert dice["n"] == 3
    low, high = dice["interval_95"]
    assert 0.8 <= low < dice["mean"] < high <= 1.0
    assert (summary["n_cases"], summary["n_patients"], summary["split"]) == (3, 3, "test")
    assert summary["dataset"]["fingerprint"] == "0" * 64
    assert summary["model"]["name"] == "stand-in"
    assert summary["model"]["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert summary["model"]["provenance"] == {}  # no word of other patients
    assert summary["n_patients_seen_in_training"] == 0
    assert summary["not_compared"] == {}


@pytest.mark.usefixtures("drawn_scene")
def test_the_pictures(tmp_path: Path) -> None:
    run(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["boxplots.png", "metrics.csv", "summary.json", "worst-1-bad.png", "worst-2-fair.png"]
    assert all(path.stat().st_size > 5000 for path in (tmp_path / "out").glob("*.png"))


@pytest.mark.usefixtures("scene")
def test_the_same_seed_gives_the_same_summary(tmp_path: Path) -> None:
    assert run(tmp_path / "one") == run(tmp_path / "two")


def test_a_coarse_reference_is_compared_at_its_own_level(scene: Scene, tmp_path: Path) -> None:
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    scene.dataset.references = {"good": coarse(gland())}
    scene.dataset.entries = (entry("good", codes=codes),)
    summary = run(tmp_path / "out")
    assert {name: found["dice"]["mean"] for name, found in summary["structures"].items()} == {
        "PZ": 1.0,
        "CENTRAL_GLAND": 1.0,
        "GLAND": 1.0,
    }
    unknown = {"reference_does_not_tell": 1, "model_does_not_tell": 0}
    assert summary["not_compared"] == {"TZ": unknown, "DPU": unknown, "AFS": unknown}


def test_an_empty_prediction_is_counted_and_paid_for(scene: Scene, tmp_path: Path) -> None:
    def empty_for_bad(slices: Slices) -> Volume:
        return gland() if slices.case_id != "bad" else gland().with_values(np.zeros(GRID.shape, dtype=np.uint8))

    scene.model.answer = empty_for_bad
    summary = run(tmp_path / "out")
    found = summary["structures"]["PZ"]
    assert (found["n_cases"], found["n_missed"], found["n_empty_prediction"], found["n_spurious"]) == (3, 1, 1, 0)
    assert found["dice"]["mean"] == pytest.approx(2 / 3)
    assert (found["dice"]["n"], found["hd95_mm"]["n"]) == (3, 2)
    row = next(row for row in rows(tmp_path / "out") if row["case_id"] == "bad" and row["structure"] == "PZ")
    assert (row["status"], row["dice"], row["hd95_mm"]) == ("missed", "0", "")
    assert "missed" in summary["empty_rule"]


def test_an_empty_reference_is_counted(scene: Scene, tmp_path: Path) -> None:
    without_urethra = gland().values.copy()
    without_urethra[without_urethra == LabelCode.DPU] = LabelCode.TZ
    scene.dataset.references = {**scene.dataset.references, "good": Volume(without_urethra, GRID)}
    found = run(tmp_path / "out")["structures"]["DPU"]
    assert (found["n_spurious"], found["n_empty_reference"], found["dice"]["n"]) == (1, 1, 3)


def test_studies_of_one_patient_are_one_patient(scene: Scene, tmp_path: Path) -> None:
    scene.dataset.entries = tuple(entry(name, patient_id="same") for name in SHIFTS)
    summary = run(tmp_path / "out")
    assert (summary["n_cases"], summary["n_patients"]) == (3, 1)
    assert summary["structures"]["PZ"]["dice"]["interval_95"] == [None, None]
    dice = summary["structures"]["GLAND"]["dice"]
    assert (dice["mean"], dice["std"], dice["n"]) == (pytest.approx((1 + 0.95 + 0.8) / 3), None, 1)


@pytest.mark.parametrize(
    "known",
    [
        {"training_patients": ["p"]},
        {"training_patients": [], "validation_patients": ["p"]},
        {"training_patients": ["q"], "images_sha256": ["the image of good"]},  # p and q are one
    ],
)
def test_a_model_is_not_tested_on_whom_it_was_trained_on(scene: Scene, tmp_path: Path, known: dict[str, Any]) -> None:
    scene.dataset.entries = (entry("good", patient_id="p"), entry("fair"))
    scene.model.provenance = known
    with pytest.raises(LeakageError, match=r"trained or chosen on .* of the cases good: .* Evaluate on"):
        run(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_is_not_tested_on_what_was_made_from_whom_it_was_trained_on(scene: Scene, tmp_path: Path) -> None:
    scene.dataset.entries = (entry("good", derived_from=("q", "p")), entry("fair"))
    scene.model.provenance = {"training_patients": ["p"]}
    with pytest.raises(LeakageError, match=r"trained or chosen on .* of the cases good: .* Evaluate on"):
        run(tmp_path / "out")


def test_a_made_case_that_stands_aside_in_a_fold_is_not_measured(scene: Scene, tmp_path: Path) -> None:
    aside = entry("good", "evaluation", derived_from=("patient-train",), given_side="train")
    scene.dataset.entries = (aside, entry("fair", "evaluation"))
    assert run(tmp_path / "out", split="evaluation")["n_cases"] == 1
    scene.dataset.entries = (aside,)
    with pytest.raises(DatasetError, match="no case in the split 'evaluation'"):
        run(tmp_path / "none", split="evaluation")


def test_the_training_patients_may_be_looked_at_as_such(scene: Scene, tmp_path: Path) -> None:
    scene.dataset.entries = (entry("good", "train", patient_id="p"),)
    scene.model.provenance = {"training_patients": ["p"]}
    assert run(tmp_path / "out", split="train")["n_patients_seen_in_training"] == 1


def test_a_model_that_does_not_say_whom_it_knows_is_reported(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene.model.provenance = {}
    with caplog.at_level(logging.WARNING):
        assert run(tmp_path / "out")["n_patients_seen_in_training"] is None
    assert "does not say whom it was trained on" in caplog.text


def test_a_failing_case_is_set_aside(scene: Scene, tmp_path: Path) -> None:
    def refuse_bad(slices: Slices) -> Volume:
        if slices.case_id == "bad":
            raise ModelError("case bad: no")
        return gland()

    scene.model.answer = refuse_bad
    summary = run(tmp_path / "out")
    assert summary["failed"] == {"bad": "case bad: no"}
    assert summary["n_cases"] == 2


def test_when_all_fail_nothing_is_written(scene: Scene, tmp_path: Path) -> None:
    def refuse(_slices: Slices) -> Volume:
        raise ModelError("no")

    scene.model.answer = refuse
    with pytest.raises(DatasetError, match="no case of the split 'test' could be measured"):
        run(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("scene")
def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    output = tmp_path / "out"
    run(output)
    (output / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="holds results already"):
        run(output)
    run(output, overwrite=True)
    assert not (output / "note.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("scene")
def test_an_empty_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no case in the split 'evaluation'"):
        run(tmp_path / "out", split="evaluation")


@pytest.mark.usefixtures("scene")
def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no split 'holdout': choose one of train, validation, test, evaluation"):
        run(tmp_path / "out", split="holdout")


@pytest.mark.usefixtures("scene")
def test_progress_names_each_case(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    run(tmp_path / "out", progress=lambda *step: told.append(step))
    assert told == [(0, 3, "good"), (1, 3, "fair"), (2, 3, "bad"), (3, 3, "done")]
