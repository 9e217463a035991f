"""What lies in a case's folder: from DICOM everything, from volumes what they can give, and nothing that misleads."""

import gzip
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pypdf import PdfReader

from tests.io.t2w_source import t2w_source, zones_in
from tests.verbs.standins import StandInModel
from zonate.case import Case
from zonate.config import Settings
from zonate.geometry import Volume
from zonate.helper import aside, helping
from zonate.io.nifti import read_volume
from zonate.io.seg import read_segments
from zonate.io.source import SourceImages
from zonate.load import LoadedStudy
from zonate.outputs.write import write_outputs
from zonate.segmenter import Segmenter
from zonate.settings.data import SlicingSettings
from zonate.settings.results import OutputSettings
from zonate.zonemap import ZoneMap
from zonate.zones import ALL_ZONE_CODES, LabelCode

ABOUT: dict[str, Any] = {
    "name": "stand-in",
    "file": "best.safetensors",
    "sha256": "0123456789abcdef" * 4,
    "codes": ["BACKGROUND", "PZ", "TZ", "DPU", "AFS"],
    "licences": ["none"],
    "terms_of_use": None,
    "provenance": {},
}
VOXEL_ML = 0.75 / 1000
OBJECTS = {"zones.seg.dcm", "sectors.seg.dcm", "measurements.sr.dcm", "zones.rtstruct.dcm", "report.pdf.dcm"}
PATIENT = {
    "PatientBirthDate": "19500203",
    "PatientAge": "061Y",
    "PatientAddress": "Hidden Lane 5",
    "OtherPatientNames": "Alias^Person",
    "StudyDate": "20110405",
    "StudyTime": "101112.131415",
    "SeriesDate": "20110406",
    "AcquisitionDate": "20110408",
    "AccessionNumber": "Accession-0815",
    "StudyID": "Visit-99",
    "StudyDescription": "MRI for Dr Watson",
    "ReferringPhysicianName": "Watson^John",
    "OperatorsName": "Radiographer^Rita",
    "InstitutionName": "Hospital of Nowhere",
    "StationName": "Room-221B",
}
"""What the headers of the T2W say of patient, study and place, beside the factory's `Secret^Person`: name and ID."""
NOT_RESULTS = {"t2w.nii.gz", "source.json"}


class Scene:
    """A study of the factory, its zones by a model that knows them, and what is written of it."""

    def __init__(self, folder: Path) -> None:
        self.source: SourceImages | None = t2w_source(folder / "study", extra=PATIENT)
        assert self.source is not None
        self.labels = zones_in(self.source)
        self.grid = self.source.grid
        noise = np.random.default_rng(0).normal(100, 10, self.grid.shape).astype(np.float32)
        self.case = Case("one", Volume(noise, self.grid))
        self.folder = folder / "out"
        self.codes: tuple[LabelCode, ...] = ALL_ZONE_CODES
        self.sampled = False
        self.unproven: tuple[str, ...] = ()

    def write(self, doubt: str | None = None, *, source_key: str | None = None, **output: Any) -> dict[str, Any]:
        """Write the outputs that are asked for, all where nothing is said; a gland so small is doubtful of itself."""
        settings = Settings(slicing=SlicingSettings(size_px=64), output=OutputSettings(**output))
        model: Any = StandInModel(
            lambda _slices: Volume(self.labels, self.grid),
            self.codes,
            settings=settings,
            provenance={"not_validated": list(self.unproven)},
        )
        segmenter = Segmenter(model, {**ABOUT, "codes": [code.name for code in self.codes]}, settings)
        zones: ZoneMap = segmenter.segment(self.case, psa_ng_ml=4.0)
        entropy = np.zeros(self.grid.shape, dtype=np.float32) if self.sampled else None
        zones = replace(zones, doubt=zones.doubt if doubt is None else doubt, sample_entropy=entropy)
        self.folder.mkdir()
        write_outputs(self.folder, LoadedStudy(self.case, self.source), zones, segmenter, source_key=source_key)
        report: dict[str, Any] = json.loads((self.folder / "zones.json").read_text(encoding="utf-8"))
        return report

    @property
    def names(self) -> set[str]:
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize("repeatable", [True, False])
def test_a_result_that_may_come_out_otherwise_is_not_resumed_from(scene: Scene, repeatable: bool) -> None:
    scene.case = replace(scene.case, alignment=replace(scene.case.alignment, repeatable=repeatable))
    report = scene.write(source_key="key", images=False, dicom=False, rtstruct=False, surfaces=False, report=False)
    assert report["source_key"] == ("key" if repeatable else None)
    assert report["alignment"]["repeatable"] == repeatable


def test_a_dicom_study_gives_everything(scene: Scene) -> None:
    report = scene.write(doubt="")
    surfaces = {f"surfaces/{name}.stl" for name in ("pz", "tz", "dpu", "afs", "central_gland", "gland")}
    volumes = {"zones.nii.gz", "sectors.nii.gz", "t2w.nii.gz"}
    assert scene.names == OBJECTS | surfaces | volumes | {
        "zones.json", "qc.png", "report.html", "report.pdf", "source.json",
    }  # fmt: skip
    assert not any(name in report["not_given"] for name in scene.names)
    counted = {1: int((scene.labels == 1).sum()), 2: int((scene.labels == 2).sum())}
    assert report["volume_ml"]["PZ"] == pytest.approx(counted[1] * VOXEL_ML, abs=1e-4)
    assert report["pz_tz_ratio"] == pytest.approx(counted[1] / counted[2], abs=1e-4)
    assert report["psa"]["density_ng_ml2"] == pytest.approx(4.0 / report["gland_volume_ml"], abs=1e-3)
    sectors_ml = sum(report["sector_volume_ml"].values())
    assert sectors_ml == pytest.approx(report["gland_volume_ml"] - report["volume_ml"]["DPU"], abs=5e-3)


def test_a_second_process_changes_nothing_of_it(tmp_path: Path) -> None:
    alone, helped = Scene(tmp_path / "alone"), Scene(tmp_path / "helped")
    expected = alone.write(doubt="")
    with helping("zonate.outputs.dicom"):
        assert helped.write(doubt="") == expected
        with aside(os.getpid) as work:
            assert work.result() != os.getpid()  # it was there to the end
    assert helped.names == alone.names
    timeless = [name for name in alone.names if name.endswith((".stl", ".nii.gz", ".png", ".json"))]
    assert len(timeless) == 12
    for name in timeless:
        assert (helped.folder / name).read_bytes() == (alone.folder / name).read_bytes()


def test_the_seg_and_the_volume_hold_the_same_zones(scene: Scene) -> None:
    scene.write()
    volume = read_volume(scene.folder / "zones.nii.gz").values
    for number, segment in read_segments(scene.folder / "zones.seg.dcm").items():
        drawn = np.zeros(scene.grid.shape, dtype=bool)
        for s, drawn_slice in enumerate(segment.values):  # in whatever order the reader gives them
            drawn[round(float(scene.grid.to_index(segment.grid.to_mm((s, 0, 0)))[0]))] = drawn_slice
        assert np.array_equal(drawn, volume == number)


def test_the_objects_are_of_the_patient_and_the_study(scene: Scene) -> None:
    scene.write(doubt="")
    assert scene.source is not None
    for name in OBJECTS:
        made = pydicom.dcmread(scene.folder / name)
        assert str(made.PatientName) == "Secret^Person"
        assert made.StudyInstanceUID == scene.source.header.StudyInstanceUID
        assert made.SeriesInstanceUID != scene.source.header.SeriesInstanceUID
        assert made.SeriesDescription.startswith("Zonate prostate")


def test_with_the_patient_the_objects_tell_what_they_are_filed_by(scene: Scene) -> None:
    """So that the next test would find it, too."""
    scene.write()
    told = told_of_the_patient(scene.folder / "measurements.sr.dcm")
    assert {"Secret", "19500203", "20110405", "101112", "Accession-0815", "Visit-99"} <= told


def test_without_the_patient_no_file_names_one(scene: Scene) -> None:
    scene.sampled = True
    scene.write(deidentify=True)
    assert scene.names >= OBJECTS | {"entropy.nii.gz", "report.pdf"}
    assert {name: told for name in scene.names if (told := told_of_the_patient(scene.folder / name))} == {}


def told_of_the_patient(file: Path) -> set[str]:
    """Which of the factory's words about the patient a file holds."""
    words = {"Secret", *(value.split("^")[0].split(".")[0] for value in PATIENT.values())}
    return {word for word in words if word in _content(file)}


def test_every_file_says_that_a_result_is_doubtful(scene: Scene) -> None:
    scene.sampled = True
    reason = "the gland is in two pieces"
    report = scene.write(doubt=reason)
    assert report["doubt"] == reason
    for name in OBJECTS:
        assert pydicom.dcmread(scene.folder / name).SeriesDescription.startswith("DOUBTFUL: Zonate prostate")
    for name in ("measurements.sr.dcm", "report.html", "report.pdf", "report.pdf.dcm"):
        assert reason in _content(scene.folder / name), name
    for name in ("zones.nii.gz", "sectors.nii.gz", "entropy.nii.gz"):
        assert _description(scene.folder / name) == f"DOUBTFUL: {reason}"
    drawn = {"qc.png"}  # tests/pictures/test_qc.py
    for name in scene.names - NOT_RESULTS - drawn:
        content = _content(scene.folder / name)
        assert "doubtful-" in name or "DOUBTFUL" in content or reason in content, name


def test_a_volume_says_that_it_is_for_research(scene: Scene) -> None:
    scene.write(doubt="", images=False, dicom=False, rtstruct=False, surfaces=False, report=False)
    assert _description(scene.folder / "zones.nii.gz") == "Research use only. Not for diagnosis."


def _content(file: Path) -> str:
    """What a file says, unpacked, on one line."""
    content = file.read_bytes()
    pdf = content if file.suffix == ".pdf" else b""
    if file.suffix == ".gz":
        content = gzip.decompress(content)
    if file.name == "report.pdf.dcm":
        pdf = pydicom.dcmread(file).EncapsulatedDocument
    text = content.decode("latin-1")
    if pdf:
        read = PdfReader(io.BytesIO(pdf))
        text = " ".join([text, str(read.metadata), *(page.extract_text() for page in read.pages)])
    return " ".join(text.split())


def _description(nifti: Path) -> str:
    """The field `descrip` of a NIfTI-1 header: 80 bytes from byte 148."""
    return gzip.decompress(nifti.read_bytes())[148:228].rstrip(b"\0").decode("ascii")


def test_where_no_prostate_was_found_nothing_looks_like_a_result(scene: Scene) -> None:
    scene.labels = np.zeros_like(scene.labels)
    report = scene.write()
    assert scene.names == {
        "zones.nii.gz", "t2w.nii.gz", "zones.json", "qc.png", "report.html", "report.pdf", "report.pdf.dcm",
        "source.json",
    }  # fmt: skip
    assert "no prostate was found" in report["doubt"]
    for name in (*(OBJECTS - {"report.pdf.dcm"}), "sectors.nii.gz"):
        assert report["not_given"][name] == "no prostate was found"
    assert report["not_given"]["surfaces/doubtful-gland.stl"] == "no voxel of it was found"
    assert pydicom.dcmread(scene.folder / "report.pdf.dcm").SeriesDescription.startswith("DOUBTFUL")


def test_headers_that_make_no_object_cost_no_other_file(scene: Scene) -> None:
    """A series without a frame of reference: a SEG would lie nowhere, the volume does not."""
    assert scene.source is not None
    scene.source = replace(scene.source, grid=replace(scene.source.grid, frame_of_reference=None))
    for header in scene.source.headers:
        del header.FrameOfReferenceUID
    report = scene.write(doubt="")
    assert {"zones.nii.gz", "sectors.nii.gz", "report.pdf", "report.pdf.dcm", "surfaces/gland.stl"} <= scene.names
    assert not {"zones.seg.dcm", "sectors.seg.dcm", "zones.rtstruct.dcm"} & scene.names
    assert "names no frame of reference" in report["not_given"]["zones.seg.dcm"]
    assert "names no frame of reference" in report["not_given"]["zones.rtstruct.dcm"]
    for name in ("zones.seg.dcm", "sectors.seg.dcm", "zones.rtstruct.dcm"):
        said = f"here is no {name}: the T2W series names no frame of reference"
        assert any(text.startswith(f"t{said}") for text in report["warnings"]), name
        assert f"T{said}" in _content(scene.folder / "report.html")
        assert f"There is no {name}" in _content(scene.folder / "report.pdf")


def test_an_object_that_fails_of_itself_says_where_and_no_value(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("Secret^Person")

    monkeypatch.setattr("zonate.outputs.dicom.write_rtstruct", fail)
    monkeypatch.setattr("zonate.outputs.dicom.write_encapsulated_pdf", fail)
    report = scene.write(doubt="")
    line = fail.__code__.co_firstlineno + 1
    why = (
        f"KeyError at test_write.py:{line}: the headers of the T2W series are not as the standard wants them, "
        "or Zonate has a defect"
    )
    assert report["not_given"] | dict.fromkeys(("zones.rtstruct.dcm", "report.pdf.dcm"), why) == report["not_given"]
    assert report["warnings"][-2:] == [
        f"there is no zones.rtstruct.dcm: {why}",
        f"there is no report.pdf.dcm: {why}",
    ]


def test_where_memory_runs_out_the_case_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("zonate.outputs.dicom.write_rtstruct", fail)
    with pytest.raises(MemoryError):
        scene.write(doubt="")


def test_a_study_of_volumes_gives_all_but_objects(scene: Scene) -> None:
    scene.source = None
    report = scene.write(doubt="")
    assert not any(name.endswith(".dcm") for name in scene.names)
    assert {"report.pdf", "sectors.nii.gz", "surfaces/gland.stl"} <= scene.names
    assert {name for name, why in report["not_given"].items() if "not DICOM" in why} == OBJECTS
    assert not any(".dcm" in text for text in report["warnings"])
    assert report["not_given"]["dwi.nii.gz"] == "there is no DWI that could be used"
    no_samples = "no repeated segmentations were drawn: prediction.samples is 0, or the network has no dropout"
    assert report["not_given"]["entropy.nii.gz"] == report["not_given"]["uncertainty"] == no_samples


@pytest.mark.parametrize("code", [LabelCode.PZ, LabelCode.WHOLE_GLAND])
@pytest.mark.parametrize("empty", [False, True])
def test_a_model_of_one_structure_gives_what_it_can(code: LabelCode, empty: bool, scene: Scene) -> None:
    scene.labels = np.where((scene.labels > 0) & (not empty), code, 0).astype(np.uint8)
    scene.codes = (LabelCode.BACKGROUND, code)
    report = scene.write()
    objects = {"report.pdf.dcm"} if empty else OBJECTS - {"sectors.seg.dcm"}
    assert {name for name in scene.names if name.endswith(".dcm")} == objects
    assert ("no prostate was found" in report["doubt"]) == empty
    assert "gland measures" not in report["doubt"] or code == LabelCode.WHOLE_GLAND
    assert report["not_given"]["sectors.nii.gz"] == report["not_given"]["sectors.seg.dcm"]


def test_what_the_settings_leave_out_is_said(scene: Scene) -> None:
    report = scene.write(images=False, dicom=False, rtstruct=False, surfaces=False, report=False)
    assert scene.names == {"zones.nii.gz", "sectors.nii.gz", "zones.json", "qc.png", "source.json"}
    assert report["not_given"]["zones.seg.dcm"] == "the settings leave it out (output.dicom)"
    assert report["not_given"]["report.pdf.dcm"] == "the settings leave it out (output.report)"
    assert report["not_given"]["surfaces"] == "the settings leave it out (output.surfaces)"
    for name in ("t2w.nii.gz", "dwi.nii.gz", "adc.nii.gz", "entropy.nii.gz"):
        assert report["not_given"][name] == "the settings leave it out (output.images)"


def test_what_the_settings_leave_out_is_said_where_nothing_was_found(scene: Scene) -> None:
    """A person who then draws the gland gets what the settings asked for, and no more."""
    scene.labels = np.zeros_like(scene.labels)
    not_given = scene.write(images=False, rtstruct=False, surfaces=False, report=False)["not_given"]
    assert not_given["zones.rtstruct.dcm"] == "the settings leave it out (output.rtstruct)"
    assert not_given["zones.seg.dcm"] == not_given["sectors.seg.dcm"] == "no prostate was found"
    shutil.rmtree(scene.folder)
    not_given = scene.write(images=False, dicom=False, surfaces=False, report=False)["not_given"]
    for name in ("zones.seg.dcm", "measurements.sr.dcm", "sectors.seg.dcm"):
        assert not_given[name] == "the settings leave it out (output.dicom)"
    assert not_given["zones.rtstruct.dcm"] == "no prostate was found"


def test_every_file_says_what_is_not_validated(scene: Scene) -> None:
    scene.unproven = ("DPU", "AFS")
    report = scene.write(doubt="")
    assert report["not_validated"] == ["DPU", "AFS"]
    surfaces = {name for name in scene.names if name.startswith("surfaces/")}
    assert surfaces == {
        "surfaces/not-validated-dpu.stl", "surfaces/not-validated-afs.stl", "surfaces/pz.stl", "surfaces/tz.stl",
        "surfaces/central_gland.stl", "surfaces/gland.stl",
    }  # fmt: skip
    for name in ("zones.nii.gz", "sectors.nii.gz"):
        said = "Research use only. Not for diagnosis; not validated: DPU, AFS"
        assert _description(scene.folder / name) == said
    drawn = {"qc.png"}  # tests/pictures/test_qc.py
    for name in scene.names - NOT_RESULTS - drawn - surfaces:
        assert "not validated" in _content(scene.folder / name).lower() or name == "zones.json", name
    told = _content(scene.folder / "measurements.sr.dcm")
    assert "Not validated: distal prostatic urethra, anterior fibromuscular stroma; too few patients" in told
    assert "Anterior stroma (AFS), not validated" in _content(scene.folder / "report.html")


def test_of_a_model_that_says_nothing_nothing_is_called_not_validated(scene: Scene) -> None:
    assert scene.write(doubt="")["not_validated"] == []
    for name in ("zones.seg.dcm", "sectors.seg.dcm", "zones.rtstruct.dcm", "measurements.sr.dcm", "zones.nii.gz"):
        assert "not validated" not in _content(scene.folder / name).lower(), name
