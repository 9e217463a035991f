"""`zonate.predict`: the same zones as in the files, without a file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zonate
from tests.io.t2w_source import t2w_source, zones_in
from tests.verbs.standins import SHAPE, StandInModel, gland, t2w
from zonate import shipped
from zonate.case import Case
from zonate.config import Settings
from zonate.errors import ModelError, StudyError
from zonate.geometry import Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.model import Model
from zonate.segmenter import Segmenter
from zonate.settings.data import SlicingSettings
from zonate.settings.results import PredictionSettings


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in whose place a model stands that knows the zones."""
    settings = Settings(slicing=SlicingSettings(size_px=64), prediction=PredictionSettings(samples=0))
    known = StandInModel(lambda _slices: gland(), settings=settings)
    monkeypatch.setattr(Model, "load", lambda _path: known)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model.safetensors"


def study_of_volumes(folder: Path, volume: Volume) -> Path:
    folder.mkdir()
    write_volume(folder / "t2w.nii.gz", volume)
    return folder


def test_the_zones_of_a_study_without_a_file(model: Path, tmp_path: Path) -> None:
    study = study_of_volumes(tmp_path / "study", t2w())
    before = sorted(tmp_path.rglob("*"))
    zones = zonate.predict(study, model=model, psa_ng_ml=3.6)
    assert sorted(tmp_path.rglob("*")) == before
    assert zones.case_id == "study"
    assert np.array_equal(zones.labels.values, gland().values)
    assert zones.volumes_ml()["GLAND"] == pytest.approx(7.2)
    assert zones.measurements is not None
    assert zones.measurements.psa is not None
    assert zones.measurements.psa.density_ng_ml2 == pytest.approx(0.5)
    assert zones.sectors is not None
    assert np.array_equal(zones.sectors.values > 0, np.isin(gland().values, (1, 2, 4)))
    assert zones.uncertainty is None
    assert any(text.startswith("the gland measures 7.2 ml") for text in zones.warnings)
    assert zones.doubt.startswith("the gland measures 7.2 ml")


def test_without_a_model_what_ships_is_used(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = study_of_volumes(tmp_path / "study", t2w())
    monkeypatch.setattr(shipped, "FILE", tmp_path / "none.safetensors")
    with pytest.raises(ModelError, match="this installation carries no weights, give --model"):
        zonate.predict(study)
    with pytest.raises(ModelError, match="this installation carries no weights, give --model"):
        zonate.predict_studies([study], tmp_path / "out")
    monkeypatch.setattr(shipped, "FILE", model)
    assert np.array_equal(zonate.predict(study).labels.values, gland().values)
    assert np.array_equal(zonate.predict(study, model="shipped").labels.values, gland().values)
    (done,) = zonate.predict_studies([study], tmp_path / "out", settings=["output.report=false"]).done
    assert json.loads((done / "zones.json").read_text(encoding="utf-8"))["model"]["file"] == "model.safetensors"


def test_a_psa_that_cannot_be_one_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="PSA"):
        zonate.predict(tmp_path / "nowhere", model=tmp_path / "no-model", psa_ng_ml=0.0)


def test_it_is_what_the_files_hold(model: Path, tmp_path: Path) -> None:
    study = study_of_volumes(tmp_path / "study", t2w())
    zones = zonate.predict(str(study), model=str(model), case_id="other")
    zonate.predict_studies([study], tmp_path / "out", model, settings=["output.report=false"], case_id="other")
    assert zones.case_id == "other"
    assert np.array_equal(read_volume(tmp_path / "out" / "other" / "zones.nii.gz").values, zones.labels.values)
    assert zones.sectors is not None
    assert np.array_equal(read_volume(tmp_path / "out" / "other" / "sectors.nii.gz").values, zones.sectors.values)


def test_a_dicom_study_too(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = t2w_source(tmp_path / "study")
    known: Any = StandInModel(
        lambda _slices: Volume(zones_in(source), source.grid),
        settings=Settings(slicing=SlicingSettings(size_px=64), prediction=PredictionSettings(samples=0)),
    )
    monkeypatch.setattr(Model, "load", lambda _path: known)
    zones = zonate.predict(tmp_path / "study", model=model)
    assert zones.labels.grid.same_as(source.grid)
    assert zones.labels.grid.frame_of_reference == source.grid.frame_of_reference


@pytest.mark.parametrize(
    ("axes", "said"),
    [((1, 0, 2), "coronal"), ((2, 1, 0), "sagittal")],
)
def test_a_volume_of_another_plane_is_refused(axes: tuple[int, int, int], said: str, model: Path) -> None:
    """The slices of 3 mm run along another axis of the patient."""
    affine = np.eye(4)
    affine[:3, :3] = t2w().grid.affine[:3, :3][:, [0, 1, 2]]
    spacing = np.array([3.0, 0.5, 0.5])[list(axes)]
    affine[:3, :3] = affine[:3, :3] / np.array([3.0, 0.5, 0.5]) * spacing
    turned = Volume(t2w().values, type(t2w().grid)(SHAPE, affine))
    with pytest.raises(StudyError, match=f"case one: the slices of the T2W are {said}"):
        Segmenter.load(model).segment(Case("one", turned))


def test_one_slice_is_refused(model: Path, tmp_path: Path) -> None:
    grid = t2w().grid
    one = Volume(t2w().values[:1], type(grid)((1, *SHAPE[1:]), grid.affine))
    with pytest.raises(StudyError, match="case study: the T2W has 1 slice, and fewer than 3 are no volume"):
        zonate.predict(study_of_volumes(tmp_path / "study", one), model=model)
