"""Both verbs on files, with a real dataset and a real (untrained, tiny) network: nothing stands in."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.verbs.standins import SHAPE, gland, t2w
from zonate.case import Case
from zonate.config import Settings
from zonate.dataset.cases import Origin, write_case
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.errors import LeakageError
from zonate.io.nifti import read_volume, write_volume
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.preprocessing.slices import slice_labelled
from zonate.preprocessing.statistics import Statistics
from zonate.settings.learning import NetworkSettings
from zonate.settings.results import EvaluationSettings
from zonate.verbs.evaluate import evaluate
from zonate.verbs.predict_studies import predict_studies
from zonate.zones import ALL_ZONE_CODES, LabelCode

SETTINGS = Settings(name="tiny", network=NetworkSettings(base_channels=4))
STATISTICS = Statistics((150.0, 0.0, 0.0), (40.0, 1.0, 1.0))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    provenance = {"training_patients": ["patient-c"], "licences": ["none"]}
    file = tmp_path / "run" / "best.safetensors"
    file.parent.mkdir()
    Model(Generator(SETTINGS.network), SETTINGS, STATISTICS, ALL_ZONE_CODES, provenance).save(file)
    return file


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    records = []
    for case_id in "ab":
        slices = slice_labelled(Case(case_id, t2w()), gland(), SETTINGS.slicing)
        origin = Origin(f"patient-{case_id}", "boxes", "none", "any", ALL_ZONE_CODES, "", {"warnings": []})
        records.append(write_case(folder, slices, gland(), origin))
    write_index(folder, [PlacedRecord(record, "test") for record in records], SETTINGS)
    return folder


def test_evaluate_on_files(model: Path, dataset: Path, tmp_path: Path) -> None:
    settings = EvaluationSettings(bootstrap_samples=50, worst_cases=1)
    summary = evaluate(model.parent, dataset, tmp_path / "out", settings=settings)
    assert (summary.n_cases, summary.n_patients, dict(summary.failed)) == (2, 2, {})
    with (tmp_path / "out" / "metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 6
    gland_rows = [row for row in rows if row["structure"] == "GLAND"]
    assert all(float(row["reference_volume_ml"]) == pytest.approx(7.2) for row in gland_rows)
    written = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert (written["model"]["file"], written["model"]["licences"]) == ("best.safetensors", ["none"])
    assert written["n_patients_seen_in_training"] == 0


def test_evaluate_sees_a_leak_through_files(model: Path, dataset: Path, tmp_path: Path) -> None:
    provenance = {"training_patients": ["patient-a"]}
    Model(Generator(SETTINGS.network), SETTINGS, STATISTICS, ALL_ZONE_CODES, provenance).save(model)
    with pytest.raises(LeakageError, match="cases a"):
        evaluate(model, dataset, tmp_path / "out")


def test_predict_on_files(model: Path, tmp_path: Path) -> None:
    study = tmp_path / "study-1"
    study.mkdir()
    write_volume(study / "t2w.nii.gz", t2w())
    result = predict_studies([study], tmp_path / "out", model.parent)
    assert (result.done, dict(result.failed)) == ((tmp_path / "out" / "study-1",), {})
    zones = read_volume(tmp_path / "out" / "study-1" / "zones.nii.gz")
    original = read_volume(study / "t2w.nii.gz")
    assert zones.grid.shape == SHAPE
    assert np.abs(zones.grid.affine - original.grid.affine).max() < 1e-5
    assert set(np.unique(zones.values)) <= {int(code) for code in LabelCode}
    report = json.loads((tmp_path / "out" / "study-1" / "zones.json").read_text(encoding="utf-8"))
    counted = int((zones.values > 0).sum()) * 0.75 / 1000
    assert report["gland_volume_ml"] == pytest.approx(counted, abs=1e-3)
    assert report["model"]["file"] == "best.safetensors"
    assert report["model"]["licences"] == ["none"]
