"""Which series lie in which folders of a tree of DICOM files, one series a folder, as TCIA and the IDC ship them."""

import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pydicom

from zonate.dataset.importers.layout import LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.io.quiet import quiet
from zonate.io.seg import SegHeader
from zonate.study import Sequence

_TAGS = [
    "Modality",
    "PatientID",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SOPInstanceUID",
    "StudyDate",
    "StudyInstanceUID",
]
_ADC = ("adc", "apparent")
_DIFFUSION = ("diff", "dwi", "trace", "b_1400", "b1400")


@dataclass(frozen=True)
class SeriesFolder:
    """A folder that holds a series; of a SEG series, one file of it.

    Attributes:
        path: The folder.
        first: The file whose header was read: of a SEG, the SEG itself.
        modality: Such as `MR` or `SEG`.
        patient_id: As the public set names the patient.
        study_uid: Of the examination.
        study_date: Of the examination, such as `20110707`; empty where there is none.
        series_uid: Of the series.
        number: Of the series; None where it has none.
        description: Of the series.
    """

    path: Path
    first: Path
    modality: str
    patient_id: str
    study_uid: str
    study_date: str
    series_uid: str
    number: int | None
    description: str

    def is_called(self, description: str, number: int) -> bool:
        """Whether it has a name, in which only letters and digits count, and a number."""
        return _plain(self.description) == _plain(description) and self.number == number


@dataclass(frozen=True)
class Tree:
    """What lies below a folder.

    Attributes:
        series: In the order of their paths.
        left_out: Files and folders that cannot be used, with the reason.
    """

    series: tuple[SeriesFolder, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def segmentations(self) -> list[SeriesFolder]:
        """The DICOM SEGs, file by file, in the order of patients and paths."""
        segs = [one for one in self.series if one.modality == "SEG"]
        return sorted(segs, key=lambda one: (one.patient_id, one.first))

    def images(self, patient_id: str | None = None) -> list[SeriesFolder]:
        """The MR series, of a patient or of all."""
        return [one for one in self.series if one.modality == "MR" and patient_id in (None, one.patient_id)]

    def drawn_on(self, header: SegHeader) -> SeriesFolder | None:
        """The image series that a SEG refers to; None where it is not in the tree."""
        uids = header.referenced_series_uids
        return next((self._image_of_uid[uid] for uid in uids if uid in self._image_of_uid), None)

    @cached_property
    def _image_of_uid(self) -> dict[str, SeriesFolder]:
        return {one.series_uid: one for one in self.images()}


def read_tree(listing: Listing, patients: re.Pattern[str]) -> Tree:
    """Look at every folder that holds DICOM files (`.dcm`): at two files of each, and at every SEG.

    Args:
        listing: Of the folder.
        patients: What the data set's patients are called. Whatever is another's is left out, named by its place.
    """
    folders: dict[Path, list[Path]] = {}
    for file in listing.named(r"[^/]*\.dcm", once=True):
        folders.setdefault(file.parent, []).append(file)
    found: list[SeriesFolder] = []
    left: list[LeftOut] = []
    seen: set[str] = set()
    with _quietly():
        for folder, files in folders.items():
            place = listing.place(folder)
            for one, instance_uid in _in_folder(files, listing, left):
                if not patients.fullmatch(one.patient_id):
                    left.append(LeftOut(place, "its patient is none of the data set's"))
                elif (uid := instance_uid if one.modality == "SEG" else one.series_uid) in seen:
                    left.append(LeftOut(place, "the same series lies there twice"))
                else:
                    seen.add(uid)
                    found.append(one)
    return Tree(tuple(found), tuple(left))


def _in_folder(files: list[Path], listing: Listing, left: list[LeftOut]) -> Iterator[tuple[SeriesFolder, str]]:
    """The series of a folder, or each of its SEGs, with the UID of the instance that was looked at."""
    first = next((read for file in files if (read := _read(file, listing, left)) is not None), None)
    if first is None:
        return
    yield first
    others = [file for file in (files if first[0].modality == "SEG" else files[-1:]) if file > first[0].first]
    rest = [read for file in others if (read := _read(file, listing, left)) is not None]
    yield from (read for read in rest if read[0].modality == "SEG")
    if any(read[0].modality != "SEG" and read[0].series_uid != first[0].series_uid for read in rest):
        reason = "several series lie in one folder, of which one is seen: give each a folder of its own"
        left.append(LeftOut(listing.place(first[0].path), reason))


def _read(file: Path, listing: Listing, left: list[LeftOut]) -> tuple[SeriesFolder, str] | None:
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
        number = header.get("SeriesNumber")
        series = SeriesFolder(
            path=file.parent,
            first=file,
            modality=str(header.get("Modality", "")),
            patient_id=str(header.get("PatientID", "")),
            study_uid=str(header.get("StudyInstanceUID", "")),
            study_date=str(header.get("StudyDate", "")),
            series_uid=str(header.get("SeriesInstanceUID", "")),
            number=None if number is None else int(number),
            description=str(header.get("SeriesDescription", "")),
        )
        return series, str(header.get("SOPInstanceUID", ""))
    except Exception:  # noqa: BLE001  (a damaged header fails in many ways; the other files go on)
        left.append(LeftOut(listing.place(file), "its DICOM header cannot be read"))
        return None


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep back pydicom's messages and warnings, which quote header values."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with quiet():
            yield
    finally:
        logger.setLevel(level)


def inputs_around(t2w: SeriesFolder, series: Iterable[SeriesFolder]) -> tuple[dict[Sequence, Path], tuple[str, ...]]:
    """The T2W series, with the series or the study from which DWI and ADC are then taken by their headers.

    Args:
        t2w: The series that the labels were drawn on.
        series: All series of the tree.

    Returns:
        Role to folder, and a note for each role that no series of the study seems to have.
    """
    every = list(series)
    same = [one for one in every if one.study_uid == t2w.study_uid and one.modality == "MR" and one is not t2w]
    adc = [one for one in same if _says(one, _ADC)]
    diffusion = [one for one in same if _says(one, _DIFFUSION) and one not in adc]
    inputs, notes = {Sequence.T2W: t2w.path}, []
    for role, candidates in ((Sequence.DWI, diffusion), (Sequence.ADC, adc)):
        study = _common([t2w.path, *(one.path for one in candidates)])
        if len(candidates) == 1:
            inputs[role] = candidates[0].path
        elif candidates and not any(one.study_uid != t2w.study_uid and study in one.path.parents for one in every):
            inputs[role] = study
        elif candidates:
            notes.append(f"{len(candidates)} series may be {role.name} and lie apart: the channel is absent")
        else:
            notes.append(f"no series of the study is {role.name}: the channel is absent")
    return inputs, tuple(notes)


def _says(series: SeriesFolder, words: tuple[str, ...]) -> bool:
    text = f"{series.description} {series.path.name}".lower()
    return any(word in text for word in words)


def _plain(description: str) -> str:
    return re.sub(r"[^a-z0-9]", "", description.lower())


def _common(paths: list[Path]) -> Path:
    """The deepest folder that holds all of them."""
    return next(parent for parent in paths[0].parents if all(parent in path.parents for path in paths))
