"""The figures of a correction: by the prediction's own measures, on the images beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verbs.standins import gland, t2w
from zonate.case import AlignmentRecord, Case
from zonate.errors import StudyError
from zonate.geometry import Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.measurements import measurements_to_json
from zonate.measures.measure import measure
from zonate.outputs.corrected_measurements import write_corrected_measurements
from zonate.zones import ALL_ZONE_CODES

FIGURES = {"estimated_error_mm": 0.5, "error_limit_mm": 1.93}
ALIGNMENT = AlignmentRecord("rigid", "it is the closest", "DWI b 50", {"rigid": 1.1}, FIGURES, 12.5)
ABOUT: dict[str, Any] = {
    "case_id": "one",
    "codes": {str(int(code)): "" for code in ALL_ZONE_CODES},
    "alignment": {name: value for name, value in ALIGNMENT.to_json().items() if name != "seconds"},
}


@pytest.fixture
def adc() -> Volume:
    values = np.linspace(700, 1900, t2w().values.size, dtype=np.float32).reshape(t2w().values.shape)
    return Volume(values, t2w().grid)


@pytest.fixture
def folder(tmp_path: Path, adc: Volume) -> Path:
    write_volume(tmp_path / "t2w.nii.gz", t2w())
    write_volume(tmp_path / "adc.nii.gz", adc)
    write_volume(tmp_path / "zones.edited.nii.gz", gland())
    return tmp_path


def figures(folder: Path, about: dict[str, Any] = ABOUT) -> dict[str, Any]:
    write_corrected_measurements(folder / "zones.edited.json", read_volume(folder / "zones.edited.nii.gz"), about)
    found: dict[str, Any] = json.loads((folder / "zones.edited.json").read_text(encoding="utf-8"))
    return found


def test_unchanged_labels_measure_what_the_prediction_did(folder: Path, adc: Volume) -> None:
    case = Case("one", t2w(), adc=adc, alignment=ALIGNMENT)
    predicted = measurements_to_json(measure(case, gland(), ALL_ZONE_CODES, psa_ng_ml=3.6))
    found = figures(folder, ABOUT | {"psa": predicted["psa"]})
    assert {name: found[name] for name in predicted} == predicted
    assert found["gland_volume_ml"] == pytest.approx(7.2)
    assert 700 < found["adc"]["GLAND"]["mean_1e_6_mm2_s"] < 1900
    assert found["psa"]["density_ng_ml2"] == pytest.approx(0.5)
    assert sum(found["sector_volume_ml"].values()) > 0


def test_the_density_is_of_the_corrected_gland(folder: Path) -> None:
    half = gland().values.copy()
    half[:, : half.shape[1] // 2] = 0
    write_volume(folder / "zones.edited.nii.gz", Volume(half, gland().grid))
    found = figures(folder, ABOUT | {"psa": {"psa_ng_ml": 3.6}})
    assert found["gland_volume_ml"] < 7.2
    assert found["psa"]["density_ng_ml2"] == pytest.approx(3.6 / found["gland_volume_ml"], rel=1e-3)


def test_what_the_prediction_was_not_told_is_not_known(folder: Path) -> None:
    (folder / "adc.nii.gz").unlink()
    found = figures(folder, ABOUT | {"psa": None})
    assert (found["psa"], found["adc"]) == (None, {})
    assert found["not_given"]["psa"] == "zones.json names no PSA value"


def test_without_the_t2w_nothing_is_written(folder: Path) -> None:
    (folder / "t2w.nii.gz").unlink()
    with pytest.raises(StudyError, match=r"there is no volume file t2w\.nii\.gz"):
        figures(folder)
    assert not (folder / "zones.edited.json").exists()
