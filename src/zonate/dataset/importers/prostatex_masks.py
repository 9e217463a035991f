"""PROSTATEx_masks (Cuocolo et al.): NIfTI masks of gland, PZ and TZ for 204 PROSTATEx patients.

    Files/prostate/mask_prostate/ProstateX-0000.nii.gz      1 = gland
    Files/prostate/mask_pz/ProstateX-0000_pz.nii.gz         1 = PZ
    Files/prostate/mask_tz/ProstateX-0000_tz.nii.gz         1 = TZ with CZ and AFS: the central gland
    Files/prostate/image_list.csv                           ProstateX-0000_t2_tse_tra_4, a line a patient: the name and
                                                            number of the T2W series
    PROSTATEx/ProstateX-0000/<study>/<series>/*.dcm         the images, anywhere in the same tree

Names as the repository lists them. Some of its states write a patient's number with three digits.
"""

import re
from pathlib import Path

import pydicom

from zonate.dataset.importers.dicom_tree import SeriesFolder, inputs_around, series_folders
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.zones import LabelCode

_PATIENT = re.compile(r"ProstateX-(\d{3,4})(?!\d)")
_LISTED = re.compile(r"ProstateX-(\d{3,4})_(\S+)_(\d+)")
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
    masks, left = _masks(folder)
    if not masks:
        raise DatasetError(
            f"{folder} has not the layout prostatex-masks: it holds no mask_pz/ProstateX-0000.nii.gz or its like"
        )
    series, unreadable = series_folders(folder)
    left += [LeftOut(file.relative_to(folder).as_posix(), "its DICOM header cannot be read") for file in unreadable]
    listed = _image_list(folder)
    sources = []
    for patient, files in sorted(masks.items()):
        t2w = _t2w(patient, listed.get(patient), series)
        if isinstance(t2w, str):
            left.append(LeftOut(patient, t2w))
        else:
            sources.append(_source(patient, files, t2w, series, folder))
    return Found(tuple(sources), tuple(left))


def _masks(folder: Path) -> tuple[dict[str, dict[str, Path]], list[LeftOut]]:
    """Of each patient the masks by their folder's name; and files that are none."""
    masks: dict[str, dict[str, Path]] = {}
    left = []
    for name in _MASKS:
        for file in sorted(path for parent in folder.rglob(name) for path in parent.glob("*.nii.gz")):
            match = _PATIENT.match(file.name)
            of_patient = masks.setdefault(_patient(match.group(1)), {}) if match else {}
            if match and name not in of_patient:
                of_patient[name] = file
            else:
                reason = "another mask of its kind is taken" if match else "its name says no patient"
                left.append(LeftOut(file.relative_to(folder).as_posix(), reason))
    return masks, left


def _patient(number: str) -> str:
    return f"ProstateX-{int(number):04d}"


def _image_list(folder: Path) -> dict[str, tuple[str, int]]:
    """Of each patient the description and the number of the T2W series."""
    found: dict[str, tuple[str, int]] = {}
    for file in sorted(folder.rglob("image_list.csv")):
        if not (file.parent / "mask_pz").is_dir():
            continue  # the lists beside the lesions' masks name other series
        for line in file.read_text(encoding="utf-8-sig").splitlines():
            if match := _LISTED.search(line):
                found[_patient(match.group(1))] = match.group(2), int(match.group(3))
    return found


def _t2w(patient: str, listed: tuple[str, int] | None, series: list[SeriesFolder]) -> SeriesFolder | str:
    """The series that the masks were drawn on; or why none is known."""
    own = [one for one in series if one.patient_id == patient and one.modality == "MR"]
    if not own:
        return "the patient's images are not there: fetch them from PROSTATEx"
    if listed is not None:
        description, number = listed
        named = [one for one in own if _plain(one.description) == _plain(description) and _number(one) == number]
        if len(named) == 1:
            return named[0]
        return f"{len(named)} of the patient's series have the name and number that image_list.csv gives"
    axial = [one for one in own if "t2" in one.description.lower() and "tra" in one.description.lower()]
    if len(axial) == 1:
        return axial[0]
    return (
        f"{len(axial)} of the patient's series may be the T2W that the masks were drawn on, and image_list.csv does "
        "not tell: take the others away"
    )


def _plain(description: str) -> str:
    return re.sub(r"[^a-z0-9]", "", description.lower())


def _number(series: SeriesFolder) -> int | None:
    number = pydicom.dcmread(series.first, stop_before_pixels=True, specific_tags=["SeriesNumber"]).get("SeriesNumber")
    return None if number is None else int(number)


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
