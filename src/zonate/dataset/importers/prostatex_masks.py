"""PROSTATEx_masks (Cuocolo et al.): NIfTI masks of gland, PZ and TZ for 204 PROSTATEx patients.

    Files/prostate/mask_prostate/ProstateX-0000.nii.gz      1 = gland
    Files/prostate/mask_pz/ProstateX-0000.nii.gz            1 = PZ
    Files/prostate/mask_tz/ProstateX-0000.nii.gz            1 = TZ with CZ and AFS: the central gland
    Files/…/image_list.csv                                  names the T2W series of each patient
    PROSTATEx/ProstateX-0000/<study>/<series>/*.dcm         the images, anywhere in the same tree

A row of the image list is matched by any of its cells that is the series' UID or occurs in its folder's name or
description. The columns' names were not verified on the original, so none is relied on.
"""

import csv
import re
from pathlib import Path

from zonate.dataset.importers.dicom_tree import SeriesFolder, inputs_around, series_folders
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.zones import LabelCode

_PATIENT = re.compile(r"ProstateX-\d{4}")
_MASKS = {
    "mask_prostate": LabelCode.WHOLE_GLAND,
    "mask_pz": LabelCode.PZ,
    "mask_tz": LabelCode.CENTRAL_GLAND,
}


def recognise_masks(folder: Path) -> bool:
    """Whether there are folders `mask_pz` and `mask_tz`."""
    return any((found.parent / "mask_tz").is_dir() for found in folder.rglob("mask_pz"))


def read_masks(folder: Path) -> Found:
    """Bring masks and T2W series together.

    Raises:
        DatasetError: There is no folder `mask_pz`, `mask_tz` or `mask_prostate` with masks named like patients.
    """
    masks: dict[str, dict[str, Path]] = {}
    for name in _MASKS:
        for file in sorted(path for parent in folder.rglob(name) for path in parent.glob("*.nii.gz")):
            if match := _PATIENT.match(file.name):
                masks.setdefault(match.group(), {})[name] = file
    if not masks:
        raise DatasetError(
            f"{folder} has not the layout prostatex-masks: it holds no mask_pz/ProstateX-0000.nii.gz or its like"
        )
    series, unreadable = series_folders(folder)
    left = [LeftOut(file.relative_to(folder).as_posix(), "its DICOM header cannot be read") for file in unreadable]
    listed = _image_list(folder)
    sources = []
    for patient, files in sorted(masks.items()):
        t2w = _t2w(patient, listed.get(patient, []), series)
        if isinstance(t2w, str):
            left.append(LeftOut(patient, t2w))
        else:
            sources.append(_source(patient, files, t2w, series, folder))
    return Found(tuple(sources), tuple(left))


def _image_list(folder: Path) -> dict[str, list[str]]:
    """Of each patient the cells of their row, the patient's own left out."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("image_list.csv")):
        for row in csv.reader(file.read_text(encoding="utf-8-sig").splitlines()):
            patient = next((match.group() for cell in row if (match := _PATIENT.search(cell))), None)
            if patient is not None:
                found.setdefault(patient, []).extend(cell.strip() for cell in row if cell.strip() != patient)
    return found


def _t2w(patient: str, cells: list[str], series: list[SeriesFolder]) -> SeriesFolder | str:
    """The series that the masks were drawn on; or why none is known."""
    own = [one for one in series if one.patient_id == patient and one.modality == "MR"]
    if not own:
        return "the patient's images are not there: fetch them from PROSTATEx"
    wanted = [cell for cell in cells if len(cell) > 3]
    named = [one for one in own if any(_is(one, cell) for cell in wanted)]
    axial = named or [one for one in own if "t2" in one.description.lower() and "tra" in one.description.lower()]
    if len(axial) == 1:
        return axial[0]
    return (
        f"{len(axial)} of the patient's series may be the T2W that the masks were drawn on, and image_list.csv does "
        "not tell: take the others away"
    )


def _is(series: SeriesFolder, cell: str) -> bool:
    cell = cell.lower()
    return cell == series.series_uid or cell in series.path.name.lower() or cell == series.description.lower()


def _source(patient: str, files: dict[str, Path], t2w: SeriesFolder, series: list[SeriesFolder], root: Path) -> Source:
    inputs, notes = inputs_around(t2w, series)
    layers = tuple(LabelLayer(file, {0: LabelCode.BACKGROUND, 1: _MASKS[name]}) for name, file in sorted(files.items()))
    absent = [name for name in _MASKS if name not in files]
    return Source(
        case_id=f"{patient}-masks",
        patient_id=patient,
        inputs=dict(inputs),
        labels=layers,
        dataset=MASKS.title,
        licence=MASKS.licence,
        citation=MASKS.citation,
        root=root,
        where=str(next(iter(files.values()))),
        notes=(*notes, *(f"there is no {name} of the patient" for name in absent)),
    )


MASKS = Layout(
    name="prostatex-masks",
    title="PROSTATEx_masks",
    licence="CC BY 4.0",
    citation=(
        "Cuocolo R, Stanzione A, Castaldo A, De Lucia DR, Imbriaco M. Quality control and whole-gland, zonal and "
        "lesion annotations for the PROSTATEx challenge public dataset. European Journal of Radiology 2021;138:109647, "
        "doi:10.1016/j.ejrad.2021.109647"
    ),
    home="https://github.com/rcuocolo/PROSTATEx_masks",
    recognise=recognise_masks,
    read=read_masks,
)
