"""Which series lie in which folders of a tree of DICOM files, one series a folder, as TCIA ships them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError

from zonate.study import Sequence

_TAGS = ["Modality", "PatientID", "SeriesDescription", "SeriesInstanceUID", "StudyInstanceUID"]
_ADC = ("adc", "apparent")
_DIFFUSION = ("diff", "dwi", "trace", "b_1400", "b1400")


@dataclass(frozen=True)
class SeriesFolder:
    """A folder that holds a series.

    Attributes:
        path: The folder.
        first: The file whose header was read.
        modality: Such as `MR` or `SEG`.
        patient_id: As the public set names the patient.
        study_uid: Of the examination.
        series_uid: Of the series.
        description: Of the series.
    """

    path: Path
    first: Path
    modality: str
    patient_id: str
    study_uid: str
    series_uid: str
    description: str


def series_folders(root: Path) -> tuple[list[SeriesFolder], list[Path]]:
    """Look at the first file of every folder that holds DICOM files (`.dcm`), in the order of the paths.

    Returns:
        The series, and the files whose header could not be read.
    """
    firsts: dict[Path, Path] = {}
    for file in sorted(root.rglob("*.dcm")):
        if not file.name.startswith("._"):
            firsts.setdefault(file.parent, file)
    found, unreadable = [], []
    quiet = logging.getLogger("pydicom")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # its messages quote header values
    try:
        for folder, file in firsts.items():
            try:
                header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
            except (InvalidDicomError, OSError, ValueError, AttributeError):
                unreadable.append(file)
                continue
            found.append(
                SeriesFolder(
                    path=folder,
                    first=file,
                    modality=str(header.get("Modality", "")),
                    patient_id=str(header.get("PatientID", "")),
                    study_uid=str(header.get("StudyInstanceUID", "")),
                    series_uid=str(header.get("SeriesInstanceUID", "")),
                    description=str(header.get("SeriesDescription", "")),
                )
            )
    finally:
        quiet.setLevel(level)
    return found, unreadable


def inputs_around(t2w: SeriesFolder, series: Iterable[SeriesFolder]) -> tuple[dict[Sequence, Path], tuple[str, ...]]:
    """The T2W series, with the study from which DWI and ADC are then taken by their headers.

    Args:
        t2w: The series that the labels were drawn on.
        series: All series of the tree.

    Returns:
        Role to folder, and a note for each role that no series of the study seems to have.
    """
    same = [one for one in series if one.study_uid == t2w.study_uid and one.modality == "MR" and one is not t2w]
    study = Path(*_common([t2w.path, *(one.path for one in same)]))
    adc = [one for one in same if _says(one, _ADC)]
    diffusion = [one for one in same if _says(one, _DIFFUSION) and one not in adc]
    inputs, notes = {Sequence.T2W: t2w.path}, []
    for role, candidates in ((Sequence.DWI, diffusion), (Sequence.ADC, adc)):
        if candidates:
            inputs[role] = candidates[0].path if len(candidates) == 1 else study
        else:
            notes.append(f"no series of the study is {role.name}: the channel is absent")
    return inputs, tuple(notes)


def _says(series: SeriesFolder, words: tuple[str, ...]) -> bool:
    text = f"{series.description} {series.path.name}".lower()
    return any(word in text for word in words)


def _common(paths: list[Path]) -> tuple[str, ...]:
    """The parts of the deepest folder that holds all of them."""
    parts = [path.parts for path in paths]
    if len(parts) == 1:
        return parts[0]
    same = 0
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        same += 1
    return parts[0][:same]
