"""The headers of the series that a result is drawn on, and that every DICOM object made of it refers to."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import pydicom

from zonate.errors import CorruptSeriesError
from zonate.geometry import Grid
from zonate.io.dicom_study import DicomStudy
from zonate.io.frame import Frame
from zonate.io.quiet import quiet
from zonate.io.stacks import stack
from zonate.study import Sequence, Study

_IDENTIFYING = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "ReferringPhysicianName",
)  # fmt: skip
"""What the objects made of a series carry over, and DICOM lets be empty."""
_CARRIED_ON = (
    "PatientAge", "PatientSize", "PatientWeight", "EthnicGroup", "PatientComments", "StudyDescription",
    "IssuerOfPatientID", "OtherPatientIDs", "OtherPatientIDsSequence", "AdmittingDiagnosesDescription",
    "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "InstitutionName", "InstitutionAddress", "StationName",
    "OperatorsName", "PerformingPhysicianName", "RequestedProcedureDescription", "ClinicalTrialSubjectID",
    "ReferencedStudySequence", "RequestAttributesSequence",
)  # fmt: skip


@dataclass(frozen=True)
class SourceImages:
    """The T2W series of a study.

    Attributes:
        headers: One dataset a file, without pixels: of classic files one a slice, in the order of the volume's
            slices (S ascending); of an enhanced file that one.
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
        """The same with the patient left out; the UIDs stay, which tell the images that a result belongs to."""
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
    headers = {frame.sop_uid: frame for frame in ordered.frames}
    return SourceImages(
        tuple(_header(frame, study.case_id) for frame in headers.values()),
        tuple(_numbered(ordered.frames, len(headers) > 1)),
        ordered.grid,
    )


def _header(frame: Frame, case_id: str) -> pydicom.Dataset:
    try:
        with quiet():
            return pydicom.dcmread(frame.file, stop_before_pixels=True, force=True)
    except OSError:
        raise CorruptSeriesError(f"case {case_id}: {frame.name} is no longer there: read the study again") from None


def _numbered(frames: tuple[Frame, ...], classic: bool) -> Iterator[tuple[str, int | None]]:
    for frame in frames:
        yield frame.sop_uid, None if classic or len(frames) == 1 else frame.index + 1


def _without_patient(header: pydicom.Dataset) -> pydicom.Dataset:
    bare: Any = pydicom.Dataset(header)
    for keyword in _CARRIED_ON:
        if keyword in bare:
            del bare[keyword]
    for keyword in _IDENTIFYING:
        setattr(bare, keyword, "")
    bare.PatientIdentityRemoved = "YES"
    bare.DeidentificationMethod = "Zonate: patient and study attributes emptied, UIDs kept"
    return bare
