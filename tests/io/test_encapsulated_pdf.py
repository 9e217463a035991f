"""A PDF in a DICOM object comes out to the byte, in the patient's study."""

from pathlib import Path

import pydicom
import pytest

from tests.io.t2w_source import t2w_source
from zonate.io.encapsulated_pdf import write_encapsulated_pdf

EVEN = b"%PDF-1.4\n%%EOF"
ODD = EVEN + b"\n"


@pytest.mark.parametrize("pdf", [EVEN, ODD], ids=["even", "odd"])
def test_the_document_comes_out_to_the_byte(tmp_path: Path, pdf: bytes) -> None:
    source = t2w_source(tmp_path / "study")
    write_encapsulated_pdf(tmp_path / "report.pdf.dcm", pdf, source)
    dataset = pydicom.dcmread(tmp_path / "report.pdf.dcm")
    assert len(dataset.EncapsulatedDocument) % 2 == 0
    assert dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] == pdf
    assert dataset.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_it_is_a_document_of_the_study_that_names_its_images(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    write_encapsulated_pdf(tmp_path / "report.pdf.dcm", EVEN, source, title="Zones of case 7")
    dataset = pydicom.dcmread(tmp_path / "report.pdf.dcm")
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.104.1"
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert dataset.Modality == "DOC"
    assert dataset.DocumentTitle == "Zones of case 7"
    assert dataset.StudyInstanceUID == source.header.StudyInstanceUID
    assert dataset.SeriesInstanceUID != source.header.SeriesInstanceUID
    assert str(dataset.PatientName) == "Secret^Person"
    named = [item.ReferencedSOPInstanceUID for item in dataset.SourceInstanceSequence]
    assert named == [header.SOPInstanceUID for header in source.headers]
    assert dataset.ConceptNameCodeSequence[0].CodeValue == "126000"


@pytest.mark.parametrize(("shows_patient", "said"), [(True, "YES"), (False, "NO")])
def test_whether_pages_tell_who_the_patient_is(tmp_path: Path, shows_patient: bool, said: str) -> None:
    source = t2w_source(tmp_path / "study")
    write_encapsulated_pdf(tmp_path / "r.dcm", EVEN, source, shows_patient=shows_patient)
    assert pydicom.dcmread(tmp_path / "r.dcm").BurnedInAnnotation == said


def test_without_the_patient_no_name_is_written(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study").without_patient()
    write_encapsulated_pdf(tmp_path / "r.dcm", EVEN, source)
    assert b"Secret" not in (tmp_path / "r.dcm").read_bytes()


def test_what_is_no_pdf_is_refused(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    with pytest.raises(ValueError, match="the document is no PDF: its 6 bytes do not begin with %PDF-"):
        write_encapsulated_pdf(tmp_path / "r.dcm", b"<html>", source)
    assert not (tmp_path / "r.dcm").exists()
