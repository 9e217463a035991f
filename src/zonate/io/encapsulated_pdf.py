"""A PDF inside a DICOM object, so that a PACS keeps the report beside the images that it is about."""

from pathlib import Path

from highdicom import SOPClass
from pydicom import Dataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from zonate.io.dicom_object import new_object
from zonate.io.dicom_output import SeriesNumber, long_string, making, now, save_dicom
from zonate.io.source import SourceImages

TITLE_CODE = ("126000", "DCM", "Imaging Measurement Report")
"""CID 7021."""
_PDF_BEGINS = b"%PDF-"


def write_encapsulated_pdf(
    path: Path,
    pdf: bytes,
    source: SourceImages,
    *,
    title: str = "Zonate prostate report",
    shows_patient: bool = True,
    series_number: int = SeriesNumber.REPORT,
    description: str = "Zonate prostate report",
) -> Dataset:
    """Write a PDF as an Encapsulated PDF object in a new series of the source's study.

    Args:
        path: Of the file; one of that name is replaced.
        pdf: As it lies on disk; it is kept to the byte.
        source: The T2W series that the report is about; without a patient, so is the file, but for what the PDF shows.
        title: Of the document.
        shows_patient: Whether the pages tell who the patient is (Burned In Annotation). Say False only where they show
            no name, no number and no file name that holds either.
        series_number: Of the new series.
        description: Of the new series, 64 characters at most.

    Returns:
        What was written.

    Raises:
        ValueError: It is no PDF.
    """
    if not pdf.startswith(_PDF_BEGINS):
        raise ValueError(f"the document is no PDF: its {len(pdf)} bytes do not begin with {_PDF_BEGINS.decode()}")
    made = new_object(
        source,
        sop_class_uid=EncapsulatedPDFStorage,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        modality="DOC",
        series_number=series_number,
        description=description,
    )
    with making():
        _add_document(made, pdf, source, title, shows_patient)
    save_dicom(made, path)
    return made


def _add_document(made: SOPClass, pdf: bytes, source: SourceImages, title: str, shows_patient: bool) -> None:
    made.ConversionType = "WSD"
    made.ContentDate, made.ContentTime = now()
    made.AcquisitionDateTime = made.ContentDate + made.ContentTime
    if shows_patient:  # then the object as a whole is not without the patient, whatever its header leaves out
        for keyword in ("PatientIdentityRemoved", "DeidentificationMethod"):
            if keyword in made:
                del made[keyword]
    made.BurnedInAnnotation = "YES" if shows_patient else "NO"
    made.SourceInstanceSequence = [_reference(source, uid) for uid in dict.fromkeys(uid for uid, _ in source.frames)]
    made.DocumentTitle = long_string(title)
    made.ConceptNameCodeSequence = [_title_code()]
    made.VerificationFlag = "UNVERIFIED"
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)  # a value of bytes has an even length
    made.EncapsulatedDocumentLength = len(pdf)


def _reference(source: SourceImages, uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = source.header.SOPClassUID
    item.ReferencedSOPInstanceUID = uid
    return item


def _title_code() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = TITLE_CODE
    return item
