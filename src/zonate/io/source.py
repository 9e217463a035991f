"""The headers of the series that a result is drawn on, and that every DICOM object made of it refers to."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pydicom
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM
from pydicom.multival import MultiValue
from pydicom.valuerep import validate_value

from zonate.errors import CorruptSeriesError
from zonate.geometry import Grid
from zonate.io.dicom_study import DicomStudy
from zonate.io.frame import Frame
from zonate.io.quiet import quiet
from zonate.io.stacks import stack
from zonate.study import Sequence, Study

UTF_8 = "ISO_IR 192"
"""The character set of every object that is written, whatever alphabet the source is written in."""
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""What every object of a study must hold, be it empty: files that lack one are met."""
_PATIENT_GROUP = 0x0010
_OF_THE_STUDY = (
    "AccessionNumber", "StudyID", "StudyDate", "StudyTime", "StudyDescription", "ReferringPhysicianName",
)  # fmt: skip
"""With the patient's group, what is carried over into every object."""
_KEPT_AS_THEY_ARE = ("PatientID", "PatientName")
"""An archive finds the patient by them, also where they are longer than the standard allows."""
_SEXES = ("M", "F", "O", "")
_NOT_THE_PATIENT = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "PositionReferenceIndicator", "Modality", "SeriesNumber", "InstanceNumber",
    "PatientPosition", "BodyPartExamined", "Manufacturer", "ManufacturerModelName", "SoftwareVersions",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod",
    "NumberOfFrames",
)  # fmt: skip
"""What a header keeps when the patient is left out; whatever is not named here may tell who or where."""
_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
_GROUPS_OF_PLACE = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
"""Likewise of an enhanced file's functional groups."""


@dataclass(frozen=True)
class SourceImages:
    """The T2W series of a study.

    Attributes:
        headers: One dataset a file, without pixels: of classic files one a slice, in the order of the volume's
            slices (S ascending); of an enhanced file that one. What every object of a study must hold is there, be it
            empty, and no date or sex is left that the standard does not know. Texts are read, within sequences too, and
            what is made of them is to be written in `UTF_8`.
        frames: For each slice of the volume (SOP instance UID, frame number from 1 in an enhanced file or None).
        grid: Of the volume, as it was read.
    """

    headers: tuple[pydicom.Dataset, ...] = field(repr=False)
    frames: tuple[tuple[str, int | None], ...] = field(repr=False)
    grid: Grid

    @property
    def header(self) -> pydicom.Dataset:
        """That of the first slice's file: patient, study, frame of reference."""
        return self.headers[0]

    def without_patient(self) -> Self:
        """The same with the patient left out; the UIDs stay, which tell the images that a result belongs to.

        Kept is what says which images they are, where they lie, and which model of scanner made them; nothing else.
        """
        return replace(self, headers=tuple(_without_patient(header) for header in self.headers))


def source_images(study: Study, role: Sequence = Sequence.T2W) -> SourceImages | None:
    """Read the headers that the volume of a role was read by.

    Args:
        study: As `open_study` yields it; its files must still be there.
        role: T2W is what results lie on.

    Returns:
        None for a study of volume files, which has no headers.

    Raises:
        CorruptSeriesError: A file is no longer there.
    """
    if not isinstance(study, DicomStudy):
        return None
    ordered = stack(study.frames[role])
    files = {frame.sop_uid: frame for frame in ordered.frames}
    headers = {uid: _header(frame, study.case_id) for uid, frame in files.items()}
    return SourceImages(tuple(headers.values()), tuple(_numbered(ordered.frames, headers)), ordered.grid)


def is_carried(element: pydicom.DataElement) -> bool:
    """Whether objects are made of this element of a header: patient, study, which images, where they lie."""
    return element.tag.group == _PATIENT_GROUP or element.keyword in (
        *_OF_THE_STUDY,
        *_NOT_THE_PATIENT,
        *_FUNCTIONAL_GROUPS,
        "PatientIdentityRemoved",
        "DeidentificationMethod",
    )


def _header(frame: Frame, case_id: str) -> pydicom.Dataset:
    try:
        with quiet():
            header = pydicom.dcmread(frame.file, stop_before_pixels=True, force=True)
            _read_texts(header)
            header.SpecificCharacterSet = UTF_8
            _complete(header)
            return header
    except OSError:
        raise CorruptSeriesError(f"case {case_id}: {frame.name} is no longer there: read the study again") from None


def _numbered(frames: tuple[Frame, ...], headers: dict[str, pydicom.Dataset]) -> Iterator[tuple[str, int | None]]:
    for frame in frames:
        yield frame.sop_uid, frame.index + 1 if _enhanced(headers[frame.sop_uid]) else None


def _enhanced(header: pydicom.Dataset) -> bool:
    return bool(header.get("PerFrameFunctionalGroupsSequence"))


def _read_texts(dataset: pydicom.Dataset) -> None:
    """Read every element, and leave out what cannot be read.

    What pydicom has not read it copies as bytes, which mean something else under another character set.
    """
    for tag in sorted(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001  (each value representation has exceptions of its own)
            del dataset[tag]
            continue
        if element.VR == "SQ":
            for item in element.value:
                _read_texts(item)
                if "SpecificCharacterSet" in item:
                    del item.SpecificCharacterSet


def _complete(header: pydicom.Dataset) -> None:
    """Objects made of a header with such a fault would carry the fault on, or could not be made at all."""
    for keyword in _TYPE_2:
        if header.get(keyword) is None:
            setattr(header, keyword, "")
    for element in [e for e in header if e.tag.group == _PATIENT_GROUP or e.keyword in _OF_THE_STUDY]:
        if isinstance(element.value, MultiValue) and dictionary_VM(element.tag) == "1":
            element.value = element.value[0]  # a backslash in a text, which parts values
        if element.VR == "DA":
            element.value = str(element.value).replace(".", "")  # as ACR-NEMA wrote it
        if element.keyword not in _KEPT_AS_THEY_ARE and not _allowed(element):
            element.value = ""
    if header.PatientSex not in _SEXES:
        header.PatientSex = ""


def _allowed(element: pydicom.DataElement) -> bool:
    try:
        validate_value(element.VR, element.value, RAISE)
    except (ValueError, TypeError):
        return False
    return True


def _without_patient(header: pydicom.Dataset) -> pydicom.Dataset:
    bare: Any = _kept(header, _NOT_THE_PATIENT)
    for keyword in _TYPE_2:
        setattr(bare, keyword, "")
    bare.PatientIdentityRemoved = "YES"
    bare.DeidentificationMethod = "Zonate: patient, study and place left out, UIDs kept"
    for keyword in _FUNCTIONAL_GROUPS:
        if keyword in header:
            setattr(bare, keyword, [_groups_of_place(item) for item in header[keyword].value])
    return bare


def _groups_of_place(groups: pydicom.Dataset) -> pydicom.Dataset:
    bare = _kept(groups, _GROUPS_OF_PLACE)
    for keyword in _GROUPS_OF_PLACE:
        if keyword in bare:
            setattr(bare, keyword, [_kept(item, _NOT_THE_PATIENT) for item in bare[keyword].value])
    return bare


def _kept(dataset: pydicom.Dataset, keywords: tuple[str, ...]) -> pydicom.Dataset:
    bare = pydicom.Dataset()
    for keyword in keywords:
        if keyword in dataset:
            bare[keyword] = dataset[keyword]
    return bare
