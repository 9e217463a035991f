import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.verbs.standins import entry
from zonate import shipped
from zonate.config import Settings
from zonate.errors import ModelError
from zonate.io.weights import write_weights
from zonate.measures.calibration import Calibration, MonotoneMap
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.preprocessing.statistics import Statistics
from zonate.provenance import sources_of
from zonate.verbs.info import info, shipped_model
from zonate.zones import ALL_ZONE_CODES

SETTINGS = Settings(name="zonate").override(["network.base_channels=2"])


def ship(folder: Path, monkeypatch: pytest.MonkeyPatch, **provenance: Any) -> Path:
    """A model of one channel in the place of the weights of the package."""
    torch.manual_seed(0)
    statistics = Statistics((300.0, 0.0, 0.0), (150.0, 1.0, 1.0))
    generator = Generator(SETTINGS.network).eval()
    about = {"split": "test", "n_patients": 3, "n_results": 21, "samples": 10, "patients": ["patient-c"]}
    calibration = Calibration({"GLAND": MonotoneMap((0.9,), (0.8,))}, 0.7, {}, about)
    model = Model(generator, SETTINGS, statistics, ALL_ZONE_CODES, provenance, (True, False, True), calibration)
    model.save(folder / "zonate.safetensors")
    monkeypatch.setattr(shipped, "FILE", folder / "zonate.safetensors")
    return folder / "zonate.safetensors"


def test_what_ships_is_told_with_its_data_and_without_its_patients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt = [entry("a", "train", dataset="A", licence="CC BY 4.0", citation="Doe 2020"), entry("b", "train")]
    file = ship(
        tmp_path,
        monkeypatch,
        sources=sources_of(learnt),
        licences=["CC BY 4.0", "none"],
        training_patients=["patient-a", "patient-b"],
        validation_patients=[],
        not_validated=["AFS", "DPU"],
    )
    about = info()["shipped_model"]
    assert (about["name"], about["file"]) == ("zonate", "zonate.safetensors")
    assert about["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert about["size_bytes"] == file.stat().st_size
    assert (about["format"], about["format_version"]) == ("zonate-model", 1)
    assert about["parameters"] == sum(p.numel() for p in Generator(SETTINGS.network).parameters())
    assert about["channels"] == {"T2W": True, "DWI": False, "ADC": True}
    assert about["codes"] == ["BACKGROUND", "PZ", "TZ", "DPU", "AFS"]
    assert about["not_validated"] == ["DPU", "AFS"]
    assert (about["training_patients"], about["validation_patients"]) == (2, 0)
    assert about["licences"] == ["CC BY 4.0", "none"]
    assert about["citations"] == ["Doe 2020"]
    assert about["calibration"]["n_patients"] == 3
    assert [source["dataset"] for source in about["provenance"]["sources"]] == ["A", "boxes"]
    assert "DPU, AFS: too few patients showed how well they are found." in about["card"]
    assert "patient-" not in str(about)


def test_an_installation_without_weights_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FILE", tmp_path / "zonate.safetensors")
    assert list(shipped_model()) == ["problem"]
    assert shipped_model()["problem"].startswith("this installation carries no weights")
    (tmp_path / "zonate.safetensors").write_bytes(b"not weights")
    assert "damaged" in shipped_model()["problem"]


def test_weights_that_another_zonate_wrote_are_a_problem_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(tmp_path, monkeypatch, not_validated=["SEMINAL_VESICLES"])
    assert list(shipped_model()) == ["problem"]
    assert shipped_model()["problem"].startswith("the model calls SEMINAL_VESICLES not validated, which is none of PZ")


def test_a_model_file_and_a_run_folder_are_told_as_what_ships_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = ship(tmp_path, monkeypatch, sources=sources_of([entry("a", "train")]), training_patients=["patient-a"])
    shipped_one = info()["shipped_model"]
    assert info(file) == info(str(file)) == info("shipped") == shipped_one
    (tmp_path / "run").mkdir()
    file.rename(tmp_path / "run" / "best.safetensors")
    assert info(tmp_path / "run") == {**shipped_one, "file": "best.safetensors"}


def test_what_an_older_model_does_not_record_is_not_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = info(ship(tmp_path, monkeypatch))
    assert (about["training_patients"], about["validation_patients"], about["not_validated"]) == (None, None, None)
    assert (about["licences"], about["citations"]) == ([], [])
    assert about["terms_of_use"].startswith("what the model learnt from is not recorded")


def test_a_made_case_is_no_patient_beside_those_whom_it_was_made_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["patient-a", "patient-b", "synthetic-b-1"]
    assert info(ship(tmp_path, monkeypatch, training_patients=names))["training_patients"] == 2


def test_the_weights_that_ship_count_their_patients_as_their_sources_do() -> None:
    about = shipped_model()
    assert about["training_patients"] == sum(source["patients"] for source in about["provenance"]["sources"]) == 25


def test_what_is_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no zonate-model at .*nowhere: give the file, or the run folder"):
        info(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"there is no zonate-model at .*best\.safetensors: give the file"):
        info(tmp_path)
    (tmp_path / "notes.txt").write_text("not weights", encoding="utf-8")
    with pytest.raises(ModelError, match=r"notes\.txt cannot be read as a zonate-model: it is damaged or another file"):
        info(tmp_path / "notes.txt")
    write_weights(tmp_path / "last.safetensors", {"w": torch.zeros(1)}, {}, kind="zonate-checkpoint", version=1)
    with pytest.raises(ModelError, match=r"last\.safetensors is no zonate-model \(it says zonate-checkpoint\)"):
        info(tmp_path / "last.safetensors")
