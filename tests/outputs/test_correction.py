"""What is made of a correction: of the corrected labels, under its own number, and by its own account corrected."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.foreign.dicom_checks import assert_valid
from tests.io.t2w_source import on_source, t2w_source, zones_in
from tests.io.test_rtstruct import read_back
from tests.io.test_stl import enclosed_mm3, triangles
from tests.plain_seg import on_grid, read_plain
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.io.source import SourceImages
from zonate.io.source_file import write_source
from zonate.outputs.correction import CORRECTED, write_corrected

ABOUT = {
    "case_id": "one",
    "model": {"name": "unet", "sha256": "0123456789abcdef" * 4},
    "codes": {str(code): "" for code in range(5)},
}
BESIDE = ["zones.edited.json", "zones.edited.seg.dcm", "zones.edited.rtstruct.dcm", "surfaces.edited"]
SURFACES = [f"corrected-{name}.stl" for name in ("afs", "central_gland", "dpu", "gland", "pz", "tz")]


@pytest.fixture
def source(tmp_path: Path) -> SourceImages:
    return result_of(t2w_source(tmp_path / "study"), tmp_path)


def result_of(source: SourceImages, folder: Path) -> SourceImages:
    """The folder as `predict` leaves it, as far as a correction looks at it."""
    write_source(folder / "source.json", source)
    write_volume(folder / "t2w.nii.gz", Volume(np.ones(source.grid.shape, dtype=np.float32), source.grid))
    say(folder)
    return source


def say(folder: Path, **more: Any) -> None:
    (folder / "zones.json").write_text(json.dumps({**ABOUT, **more}), encoding="utf-8")


def correct(
    folder: Path, source: SourceImages, values: npt.NDArray[np.uint8], name: str = "zones.edited"
) -> tuple[list[str], Mapping[str, str]]:
    """As the viewer does: labels on the grid of a NIfTI; returns the names of what was written, and what was not."""
    volume = folder / f"{name}.nii.gz"
    write_volume(volume, on_source(source, values))
    files, missing = write_corrected(volume, read_volume(volume))
    assert all(file.exists() and file.parent == folder for file in files)
    return [file.name for file in files], missing


def test_all_that_is_made_of_a_correction_holds_the_corrected_labels(source: SourceImages, tmp_path: Path) -> None:
    corrected = zones_in(source)
    corrected[3, 10:14, 10:14] = 4
    assert correct(tmp_path, source, corrected) == (BESIDE, {})
    seg = read_plain(tmp_path / "zones.edited.seg.dcm")
    assert np.array_equal(on_grid(seg, source.grid.shape, source.grid.affine), corrected)
    contours = pydicom.dcmread(tmp_path / "zones.edited.rtstruct.dcm")
    figures = json.loads((tmp_path / "zones.edited.json").read_text(encoding="utf-8"))
    assert sorted(file.name for file in (tmp_path / "surfaces.edited").iterdir()) == SURFACES
    for zone, name in enumerate(("PZ", "TZ", "DPU", "AFS"), start=1):
        inside, _ = read_back(contours, f"Prostate_{name}", source.grid)
        assert np.array_equal(inside, corrected == zone), name
        counted_ml = int((corrected == zone).sum()) * 0.00075
        assert figures["volume_ml"][name] == pytest.approx(counted_ml, abs=1e-4)
        surface = triangles((tmp_path / "surfaces.edited" / f"corrected-{name.lower()}.stl").read_bytes())
        assert enclosed_mm3(surface) / 1000 == pytest.approx(counted_ml, rel=0.02), name


def test_everything_has_the_number_of_its_volume(source: SourceImages, tmp_path: Path) -> None:
    names, _ = correct(tmp_path, source, zones_in(source), "zones.edited-2")
    assert names == [name.replace(".edited", ".edited-2") for name in BESIDE]
    figures = json.loads((tmp_path / "zones.edited-2.json").read_text(encoding="utf-8"))
    assert figures["labels"] == "zones.edited-2.nii.gz"


def test_the_objects_say_that_a_person_corrected_them(source: SourceImages, tmp_path: Path) -> None:
    correct(tmp_path, source, zones_in(source))
    seg, contours = (pydicom.dcmread(tmp_path / f"zones.edited.{kind}.dcm") for kind in ("seg", "rtstruct"))
    assert (seg.SeriesNumber, seg.SeriesDescription) == (9006, "Zonate prostate zones, corrected")
    assert CORRECTED == "Drawn by a program, corrected by a person; research use only"
    assert seg.ContentDescription == CORRECTED
    assert str(seg.PatientName) == "Secret^Person"
    assert {str(item.SegmentAlgorithmType) for item in seg.SegmentSequence} == {"SEMIAUTOMATIC"}
    assert seg.SegmentSequence[0].SegmentAlgorithmName == "Zonate unet, corrected"
    assert (contours.SeriesNumber, contours.SeriesDescription) == (9007, "Zonate prostate zones, corrected (contours)")
    assert (contours.StructureSetLabel, contours.StructureSetDescription) == ("EDITED_ZONES", CORRECTED)
    assert {str(item.ROIGenerationAlgorithm) for item in contours.StructureSetROISequence} == {"SEMIAUTOMATIC"}


def test_a_correction_says_that_it_began_as_a_doubtful_result(source: SourceImages, tmp_path: Path) -> None:
    say(tmp_path, doubt="the gland is torn", not_validated=["DPU"])
    correct(tmp_path, source, zones_in(source))
    seg, contours = (pydicom.dcmread(tmp_path / f"zones.edited.{kind}.dcm") for kind in ("seg", "rtstruct"))
    assert seg.SeriesDescription == "Was DOUBTFUL: Zonate prostate zones, corrected"
    assert contours.SeriesDescription == "Was DOUBTFUL: Zonate prostate zones, corrected (contours)"
    assert contours.StructureSetLabel == "EDITED_DOUBTFUL"
    surfaces = {file.name for file in (tmp_path / "surfaces.edited").iterdir()}
    assert {"corrected-was-doubtful-pz.stl", "corrected-was-doubtful-not-validated-dpu.stl"} < surfaces
    figures = json.loads((tmp_path / "zones.edited.json").read_text(encoding="utf-8"))
    assert (figures["was_doubtful"], figures["not_validated"]) == ("the gland is torn", ["DPU"])


def test_what_was_not_validated_still_is_not(source: SourceImages, tmp_path: Path) -> None:
    """A person who moves a border of one zone does not vouch for the others."""
    say(tmp_path, not_validated=["DPU"])
    correct(tmp_path, source, zones_in(source))
    labels = [str(item.SegmentLabel) for item in pydicom.dcmread(tmp_path / "zones.edited.seg.dcm").SegmentSequence]
    assert [label for label in labels if "not validated" in label] == ["Distal prostatic urethra, not validated"]


@pytest.mark.parametrize(
    ("left_out", "written"),
    [
        ({"zones.seg.dcm": "the settings leave it out (output.dicom)"}, [BESIDE[0], BESIDE[2], BESIDE[3]]),
        ({"zones.rtstruct.dcm": "the settings leave it out (output.rtstruct)"}, [BESIDE[0], BESIDE[1], BESIDE[3]]),
        ({"surfaces": "the settings leave it out (output.surfaces)"}, BESIDE[:3]),
        ({"zones.seg.dcm": "no prostate was found", "zones.rtstruct.dcm": "no prostate was found"}, BESIDE),
    ],
)
def test_it_is_of_the_kinds_that_the_settings_asked_for(
    source: SourceImages, tmp_path: Path, left_out: dict[str, str], written: list[str]
) -> None:
    say(tmp_path, not_given=left_out)
    assert correct(tmp_path, source, zones_in(source)) == (written, {})


def test_what_came_from_volumes_gets_its_surfaces_and_figures(source: SourceImages, tmp_path: Path) -> None:
    (tmp_path / "source.json").unlink()
    assert correct(tmp_path, source, zones_in(source)) == ([BESIDE[0], BESIDE[3]], {})


def test_a_correction_on_rounded_headers_is_written(tmp_path: Path) -> None:
    """Cosines with three decimals, as some exports have them, move a corner by more than a hundredth of a mm."""
    turn = [round(x, 3) for x in _turned()]
    source = t2w_source(tmp_path / "study", extra={"ImageOrientationPatient": turn}, orientation=_turned())
    result_of(source, tmp_path)
    assert correct(tmp_path, source, zones_in(source)) == (BESIDE, {})
    seg = pydicom.dcmread(tmp_path / "zones.edited.seg.dcm")
    plane = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    assert [float(x) for x in plane.ImageOrientationPatient] == turn


def _turned() -> tuple[float, ...]:
    """12.3° about the patient's left-right axis, then 4.6° about the front-back axis."""
    a, b = np.deg2rad(12.3), np.deg2rad(4.6)
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return tuple(float(x) for x in (about_y @ about_x)[:, :2].T.ravel())


def test_that_nothing_is_there_can_be_said(source: SourceImages, tmp_path: Path) -> None:
    nothing = np.zeros(source.grid.shape, dtype=np.uint8)
    names, missing = correct(tmp_path, source, nothing)
    assert names == BESIDE[:2]
    assert missing == {"zones.edited.rtstruct.dcm": "nothing is drawn", "surfaces.edited": "nothing is drawn"}
    assert not (tmp_path / "surfaces.edited").exists()
    assert pydicom.dcmread(tmp_path / "zones.edited.seg.dcm").NumberOfFrames == 4 * source.grid.shape[0]
    figures = json.loads((tmp_path / "zones.edited.json").read_text(encoding="utf-8"))
    assert figures["gland_volume_ml"] == 0.0


def test_labels_from_elsewhere_become_no_object(source: SourceImages, tmp_path: Path) -> None:
    affine = source.grid.affine.copy()
    affine[0, 3] += 5.0
    moved = Volume(zones_in(source), Grid(source.grid.shape, affine))
    files, missing = write_corrected(tmp_path / "zones.edited.nii.gz", moved)
    assert [file.name for file in files] == ["surfaces.edited"]
    assert all("a corner is 5.000 mm off" in missing[name] for name in BESIDE[1:3])
    assert not (tmp_path / "zones.edited.seg.dcm").exists()


def test_what_cannot_be_made_costs_nothing_else_and_names_nobody(
    source: SourceImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise AttributeError("Secret^Person has no such attribute")

    monkeypatch.setattr("zonate.outputs.correction.write_zones_seg", fail)
    names, missing = correct(tmp_path, source, zones_in(source))
    assert names == [BESIDE[0], BESIDE[2], BESIDE[3]]
    assert missing == {"zones.edited.seg.dcm": "AttributeError"}
    (tmp_path / "source.json").write_text("{}", encoding="utf-8")
    names, missing = correct(tmp_path, source, zones_in(source), "zones.edited-2")
    assert names == ["zones.edited-2.json", "surfaces.edited-2"]
    assert missing["zones.edited-2.rtstruct.dcm"] == "source.json is damaged (KeyError): predict the study again"


@pytest.mark.parametrize(
    ("about", "reason"), [(None, "FileNotFoundError"), ("{", "JSONDecodeError"), ("[]", "AttributeError")]
)
def test_without_its_result_a_correction_has_its_labels_alone(
    source: SourceImages, tmp_path: Path, about: str | None, reason: str
) -> None:
    """Another process has just taken the result away, or damaged it; the labels are on the disk by then."""
    (tmp_path / "zones.json").unlink()
    if about is not None:
        (tmp_path / "zones.json").write_text(about, encoding="utf-8")
    names, missing = correct(tmp_path, source, zones_in(source))
    assert names == []
    assert missing == dict.fromkeys(BESIDE, f"zones.json cannot be read ({reason})")


@pytest.mark.slow
def test_validators_find_no_error_in_the_objects_of_a_correction(source: SourceImages, tmp_path: Path) -> None:
    say(tmp_path, doubt="the gland is torn", not_validated=["DPU", "AFS"])
    correct(tmp_path, source, zones_in(source))
    for name in BESIDE[1:3]:
        assert_valid(tmp_path / name)
