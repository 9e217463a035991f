import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.verbs.standins import entry
from zonate import shipped
from zonate.config import Settings
from zonate.dataset.statistics import Statistics
from zonate.measures.calibration import Calibration, MonotoneMap
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.verbs.card import sources_of
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
    assert "DPU, AFS: too few patients showed how well it is found." in about["card"]
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
