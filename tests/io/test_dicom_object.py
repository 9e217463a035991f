"""Patient and study are carried over whatever alphabet the source is written in."""

from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID, EncapsulatedPDFStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests import dicom_factory as factory
from tests.io.sources import source_of
from tests.io.t2w_source import on_source, t2w_source, zones_in
from zonate.io.dicom_object import new_object
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.encapsulated_pdf import write_encapsulated_pdf
from zonate.io.rtstruct import write_rtstruct
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.sr import write_measurements_sr
from zonate.measurements import Measurements
from zonate.zones import ALL_ZONE_CODES

ALGORITHM = DicomAlgorithm("fold 3", "1.2")


def contours(path: Path, source: SourceImages) -> None:
    write_rtstruct(path, on_source(source, zones_in(source)), ALL_ZONE_CODES, source, algorithm=ALGORITHM)


def zones(path: Path, source: SourceImages) -> None:
    write_zones_seg(path, on_source(source, zones_in(source)), ALL_ZONE_CODES, source, algorithm=ALGORITHM)


def report(path: Path, source: SourceImages) -> None:
    write_measurements_sr(path, Measurements(volume_ml={"GLAND": 40.0}), None, source, algorithm=ALGORITHM)


def document(path: Path, source: SourceImages) -> None:
    write_encapsulated_pdf(path, b"%PDF-1.4\n%%EOF", source)


@pytest.mark.parametrize("write", [zones, contours, report, document], ids=lambda write: write.__name__)
@pytest.mark.parametrize(
    ("alphabet", "name", "study"),
    [
        ("ISO_IR 100", "Müller^Jürgen", "Prüfung"),
        ("ISO_IR 144", "Люкceмбypг", "Простата"),
        ("ISO_IR 192", "山田^太郎", "²"),
    ],
)
def test_names_keep_their_letters(tmp_path: Path, write: object, alphabet: str, name: str, study: str) -> None:
    assert callable(write)
    header = {"SpecificCharacterSet": alphabet, "PatientName": name, "StudyDescription": study}
    write(tmp_path / "o.dcm", t2w_source(tmp_path / "study", extra=header))
    dataset = pydicom.dcmread(tmp_path / "o.dcm")
    assert (str(dataset.PatientName), dataset.StudyDescription) == (name, study)


@pytest.mark.parametrize("write", [zones, contours, report, document], ids=lambda write: write.__name__)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize(
    ("alphabet", "name", "procedure"),
    [
        ("ISO_IR 100", "Müller^Jürgen", "MRT Prostata für Männer"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎", "前立腺"),
    ],
    ids=["ISO_IR 100", "ISO 2022 IR 87"],
)
def test_so_do_texts_within_sequences(
    tmp_path: Path, write: object, syntax: UID, alphabet: str | list[str], name: str, procedure: str
) -> None:
    assert callable(write)
    plan = factory.t2w(shape=(40, 32), extra={"SpecificCharacterSet": alphabet, "PatientName": name})
    code, other = pydicom.Dataset(), pydicom.Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99KIS", procedure
    other.PatientID, other.IssuerOfPatientID, other.TypeOfPatientID = "0815", procedure, "TEXT"
    for s in range(5):
        image = factory.classic(plan, s, None, instance=s + 1)
        image.ProcedureCodeSequence, image.OtherPatientIDsSequence = [code], [other]
        factory.save(image, tmp_path / "study" / f"i{s}", syntax)
    write(tmp_path / "o.dcm", source_of(tmp_path / "study"))
    dataset = pydicom.dcmread(tmp_path / "o.dcm")
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    assert str(dataset.PatientName) == name
    assert dataset.ProcedureCodeSequence[0].CodeMeaning == procedure
    assert dataset.OtherPatientIDsSequence[0].IssuerOfPatientID == procedure


def test_it_is_a_new_series_of_the_study_by_this_program(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    made = [
        new_object(
            source,
            sop_class_uid=EncapsulatedPDFStorage,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            modality="DOC",
            series_number=9005,
            description="x" * 70,
        )
        for _ in range(2)
    ]
    assert {item.StudyInstanceUID for item in made} == {source.header.StudyInstanceUID}
    assert len({uid for item in made for uid in (item.SeriesInstanceUID, item.SOPInstanceUID)}) == 4
    assert made[0].SeriesNumber == 9005
    assert made[0].SeriesDescription == "x" * 64
    assert made[0].Manufacturer == "Zonate"
