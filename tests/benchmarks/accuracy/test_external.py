from pathlib import Path

import pytest

from benchmarks.accuracy.external import Candidate, evaluate_external, trained_models
from benchmarks.accuracy.figures import AI
from tests.benchmarks.accuracy.toy import a_model, a_set, trained_folds
from tests.dataset_factory import a_case
from zonate.errors import ModelError
from zonate.model import Model
from zonate.preprocessing.image_digest import image_digest


def patients_measured(model: Path, data: Path) -> list[str]:
    (run,) = evaluate_external([Candidate("toy", 0, model)], data, samples=0).runs
    return [case["patient_id"] for case in run["cases"]]


def test_whom_a_model_has_learnt_from_is_left_out(tmp_path: Path) -> None:
    a_set(tmp_path / "picai-ai-reference", [("p1", "x"), ("p1", "y"), ("p2", "x")], "evaluation")
    model = a_model(tmp_path / "model.safetensors", patients=["p2"])
    found = evaluate_external([Candidate("toy", 0, model)], tmp_path, samples=0)
    (run,) = found.runs
    assert [case["patient_id"] for case in run["cases"]] == ["p1"]
    assert [row["case_id"] for row in found.rows if row["structure"] == "GLAND"] == ["row0", "row1"]
    assert {row["set"] for row in found.rows} == {AI}


def test_whom_a_model_was_chosen_on_is_left_out_under_whatever_name(tmp_path: Path) -> None:
    a_set(tmp_path / "picai-ai-reference", [("p1", "x"), ("p2", "x"), ("p3", "x")], "evaluation")
    digest = image_digest(a_case("p2", seed=2, slices=4, size=160).t2w)
    model = a_model(tmp_path / "a.safetensors", validation_patients=["p1"], images_sha256=[digest])
    assert patients_measured(model, tmp_path) == ["p3"]


def test_a_model_that_does_not_say_whom_it_knows_is_refused(tmp_path: Path) -> None:
    silent = Model.load(a_model(tmp_path / "model.safetensors"))
    Model(silent.generator, silent.settings, silent.statistics, silent.codes, {}).save(tmp_path / "silent.safetensors")
    with pytest.raises(ModelError, match="does not say whom it was trained on"):
        evaluate_external([Candidate("silent", None, tmp_path / "silent.safetensors")], tmp_path, samples=0)


def test_the_models_of_a_work_folder_are_those_that_are_done(tmp_path: Path) -> None:
    done, begun = trained_folds(tmp_path, [0, 1])
    (begun / "result.json").unlink()
    assert trained_models(tmp_path, None) == [Candidate("zonate", 0, done / "run")]
    assert trained_models(tmp_path, ["zonate"]) == [Candidate("zonate", 0, done / "run")]
    assert trained_models(tmp_path, ["unet"]) == []
