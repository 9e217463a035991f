"""PROSTATEx_masks (Cuocolo et al.): NIfTI masks of gland, PZ and TZ for 204 PROSTATEx patients.

    Files/prostate/mask_prostate/ProstateX-0000.nii.gz      1 = gland
    Files/prostate/mask_pz/ProstateX-0000_pz.nii.gz         1 = PZ
    Files/prostate/mask_tz/ProstateX-0000_tz.nii.gz         1 = TZ with CZ and AFS: the central gland
    Files/prostate/image_list.csv                           ProstateX-0000_t2_tse_tra_4, a line a patient: the name and
                                                            number of the T2W series
    PROSTATEx/ProstateX-0000/<study>/<series>/*.dcm         the images, anywhere in the same tree

Names as the repository lists them. Some of its states write a patient's number with three digits. Where two series have
the listed name and number (ProstateX-0025 has two examinations), the one is taken on whose slices the masks lie.
"""

import re
from pathlib import Path

import numpy as np
import pydicom

from zonate.dataset.importers.dicom_tree import SeriesFolder, Tree, inputs_around, read_tree
from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.prostatex import IMAGES_CITATION, PATIENT
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.io.nifti import read_volume
from zonate.zones import LabelCode

_PATIENT = re.compile(r"ProstateX-(\d{3,4})(?!\d)")
_LISTED = re.compile(r"ProstateX-(\d{3,4})_(\S+)_(\d+)")
_NEAR = 0.1
"""Of a voxel."""
_MASKS = {
    "mask_prostate": LabelCode.WHOLE_GLAND,
    "mask_pz": LabelCode.PZ,
    "mask_tz": LabelCode.CENTRAL_GLAND,
}


def recognise_masks(listing: Listing) -> bool:
    """Whether there are folders `mask_pz` and `mask_tz`."""
    return any((file.parent.parent / "mask_tz").is_dir() for file in listing.named(r"mask_pz/[^/]*"))


def read_masks(listing: Listing) -> Found:
    """Bring masks and T2W series together.

    Raises:
        DatasetError: There is no folder `mask_pz`, `mask_tz` or `mask_prostate` with masks named like patients.
    """
    masks, left = _masks(listing)
    if not masks:
        raise DatasetError(
            f"{listing} has not the layout prostatex-masks: it holds no mask_pz/ProstateX-0000.nii.gz or its like"
        )
    tree = read_tree(listing, PATIENT)
    left += tree.left_out
    listed = _image_list(listing)
    sources = []
    for patient, files in sorted(masks.items()):
        t2w = _t2w(tree.images(patient), listed.get(patient), next(iter(files.values())))
        if isinstance(t2w, str):
            left.append(LeftOut(patient, t2w))
        elif "mask_prostate" not in files and not {"mask_pz", "mask_tz"} <= files.keys():
            left.append(LeftOut(patient, f"{', '.join(files)} alone does not tell what else is gland"))
        else:
            sources.append(_source(patient, files, t2w, tree, listing.folder))
    return Found(tuple(sources), tuple(left))


def _masks(listing: Listing) -> tuple[dict[str, dict[str, Path]], list[LeftOut]]:
    """Of each patient the masks by their folder's name; and files that are none."""
    masks: dict[str, dict[str, Path]] = {}
    left = []
    for name in _MASKS:
        for file in listing.named(rf"{name}/[^/]*\.nii\.gz"):
            match = _PATIENT.match(file.name)
            of_patient = masks.setdefault(_patient(match.group(1)), {}) if match else {}
            if match and name not in of_patient:
                of_patient[name] = file
            else:
                reason = "another mask of its kind is taken" if match else "its name says no patient"
                left.append(LeftOut(listing.place(file), reason))
    return masks, left


def _patient(number: str) -> str:
    return f"ProstateX-{int(number):04d}"


def _image_list(listing: Listing) -> dict[str, tuple[str, int]]:
    """Of each patient the description and the number of the T2W series."""
    found: dict[str, tuple[str, int]] = {}
    for file in listing.named(r"image_list\.csv"):
        if not (file.parent / "mask_pz").is_dir():
            continue  # the lists beside the lesions' masks name other series
        for line in file.read_text(encoding="utf-8-sig").splitlines():
            if match := _LISTED.search(line):
                found[_patient(match.group(1))] = match.group(2), int(match.group(3))
    return found


def _t2w(own: list[SeriesFolder], listed: tuple[str, int] | None, mask: Path) -> SeriesFolder | str:
    """Which of the patient's series the masks were drawn on; or why none is known."""
    if not own:
        return "the patient's images are not there: fetch them from PROSTATEx"
    if listed is not None:
        description, number = listed
        named = [one for one in own if one.is_called(description, number)]
        fitting = named if len(named) == 1 else [one for one in named if _lies_on(mask, one)]
        if len(fitting) == 1:
            return fitting[0]
        return f"{len(named)} of the patient's series have the name and number that image_list.csv gives"
    axial = [one for one in own if "t2" in one.description.lower() and "tra" in one.description.lower()]
    if len(axial) == 1:
        return axial[0]
    return (
        f"{len(axial)} of the patient's series may be the T2W that the masks were drawn on, and image_list.csv does "
        "not tell: take the others away"
    )


def _lies_on(mask: Path, series: SeriesFolder) -> bool:
    """Whether the first pixel of a slice of the series is a corner voxel of the mask."""
    header = pydicom.dcmread(series.first, stop_before_pixels=True, specific_tags=["ImagePositionPatient"])
    grid = read_volume(mask).grid
    index = grid.to_index(np.array([header.ImagePositionPatient], dtype=np.float64))[0]  # (3,): S, H, W
    ends = np.array(grid.shape) - 1
    at_ends = (np.abs(index) < _NEAR) | (np.abs(index - ends) < _NEAR)
    return bool(at_ends[1:].all() and np.abs(index[0] - np.rint(index[0])) < _NEAR and -_NEAR < index[0] < ends[0] + 1)


def _source(patient: str, files: dict[str, Path], t2w: SeriesFolder, tree: Tree, root: Path) -> Source:
    inputs, notes = inputs_around(t2w, tree.series)
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
        lenient_channels=True,
        notes=(*notes, *(f"there is no {name} of the patient" for name in absent)),
    )


MASKS = Layout(
    name="prostatex-masks",
    title="PROSTATEx_masks",
    licence="CC BY 4.0",
    citation=(
        "Cuocolo R, Stanzione A, Castaldo A, De Lucia DR, Imbriaco M. Quality control and whole-gland, zonal and "
        "lesion annotations for the PROSTATEx challenge public dataset. European Journal of Radiology 2021;138:109647, "
        f"doi:10.1016/j.ejrad.2021.109647; images (CC BY 3.0): {IMAGES_CITATION}"
    ),
    home="https://github.com/rcuocolo/PROSTATEx_masks",
    recognise=recognise_masks,
    read=read_masks,
)
