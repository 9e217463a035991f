import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from zonate.errors import OutputError
from zonate.simulation.scan import localizer_grid
from zonate.simulation.study import draw_study
from zonate.verbs.simulate import simulate
from zonate.zones import parse_label_codes


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate") / "out"
    simulate(1, folder, seed=7, vendors=["siemens"])
    return folder


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_manifest_names_the_study_and_its_labels(output: Path) -> None:
    (row,) = csv.DictReader((output / "cases.csv").read_text(encoding="utf-8").splitlines())
    assert row["case_id"] == row["t2w"] == "simulated-0001"
    assert (row["dwi"], row["adc"], row["licence"], row["use"]) == ("", "", "Apache-2.0", "any")
    assert (output / row["labels"]).is_file()
    assert [code.name for code in parse_label_codes(row["label_codes"]).values()] == [
        "BACKGROUND", "PZ", "TZ", "DPU", "AFS",
    ]  # fmt: skip


def test_labels_lie_on_the_t2w_of_the_dicom(output: Path) -> None:
    labels = sitk.ReadImage(str(output / "truth/simulated-0001/labels.nii.gz"))
    files = [pydicom.dcmread(path) for path in (output / "simulated-0001/DICOM/S03").iterdir()]
    first = min(files, key=lambda image: image.InstanceNumber)
    assert first.SeriesDescription == "t2_tse_tra"
    assert labels.GetSize() == (first.Columns, first.Rows, len(files))
    assert labels.GetOrigin() == pytest.approx(first.ImagePositionPatient, abs=1e-4)
    assert labels.GetDirection()[0::3] == pytest.approx(first.ImageOrientationPatient[:3], abs=1e-5)
    assert labels.GetDirection()[1::3] == pytest.approx(first.ImageOrientationPatient[3:], abs=1e-5)


def test_figures_are_those_of_the_labels(output: Path) -> None:
    truth = json.loads((output / "truth/simulated-0001/truth.json").read_text(encoding="utf-8"))
    labels = sitk.ReadImage(str(output / "truth/simulated-0001/labels.nii.gz"))
    values = sitk.GetArrayFromImage(labels)
    voxel_ml = float(np.prod(labels.GetSpacing())) / 1000
    assert truth["gland_volume_ml"] == pytest.approx((values > 0).sum() * voxel_ml, rel=1e-3)
    assert truth["zone_volume_ml"]["PZ"] == pytest.approx((values == 1).sum() * voxel_ml, rel=1e-3)
    assert truth["features"]["repeated_t2w"] is False
    assert truth["vendor"] == "siemens"


def test_label_codes_are_ready_for_a_segmentation_object(output: Path) -> None:
    table = json.loads((output / "truth/simulated-0001/labels.json").read_text(encoding="utf-8"))
    assert table["codes"]["1"] == {
        "name": "peripheral zone", "scheme": "SCT", "code": "279706003", "rgb": [86, 180, 233],
    }  # fmt: skip
    assert table["codes"]["0"]["code"] is None
    assert table["category"]["code"] == "123037004"


def test_the_displacement_field_leads_from_t2w_to_dwi_in_lps(output: Path) -> None:
    image = sitk.ReadImage(str(output / "truth/simulated-0001/displacement.nii.gz"))
    displacement = draw_study(7, 0, "siemens").examination.displacement
    for index in ((100, 120, 4), (160, 160, 10), (201, 83, 15)):
        point = np.array(image.TransformIndexToPhysicalPoint(index))
        assert image[index] == pytest.approx(displacement.at(point), abs=0.01)


def test_drawing_and_imaging_twice_gives_the_same_bits() -> None:
    first, second = (draw_study(7, 4, "ge").examination for _ in range(2))
    images = [one.t2w(localizer_grid(one), np.random.default_rng(1)).values for one in (first, second)]
    assert (images[0] == images[1]).all()
    assert (first.labels().values == second.labels().values).all()


@pytest.mark.slow
def test_a_study_depends_on_the_seed_and_its_number_alone(output: Path, tmp_path: Path) -> None:
    simulate(2, tmp_path / "again", seed=7, vendors=["siemens"])
    before, after = _digests(output), _digests(tmp_path / "again")
    del before["cases.csv"]
    assert before.items() <= after.items()
    other = draw_study(8, 0, "siemens").examination.pelvis
    assert other.gland != draw_study(7, 0, "siemens").examination.pelvis.gland


def test_the_vendor_changes_headers_not_the_patient() -> None:
    assert draw_study(0, 5, "ge").examination.pelvis.gland == draw_study(0, 5, "philips").examination.pelvis.gland


def test_features_come_round() -> None:
    features = [draw_study(0, k, "ge").features for k in range(6)]
    assert any(feature.full_bladder for feature in features)
    assert any(feature.small_field_of_view for feature in features)
    assert any(feature.huge_transition_zone for feature in features)


def test_results_are_not_overwritten_unasked(output: Path) -> None:
    with pytest.raises(OutputError, match="holds results already"):
        simulate(1, output)


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 1, "vendors": ["toaster"]}, {"n": 1, "vendors": []}])
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path: Path, arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"give some of|must be 1 or more"):
        simulate(output=tmp_path / "out", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
