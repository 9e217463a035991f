"""MSD Task05_Prostate (Medical Segmentation Decathlon): 4D NIfTI, T2W and ADC in one file.

    imagesTr/prostate_00.nii.gz     volume 0 T2W, volume 1 ADC
    labelsTr/prostate_00.nii.gz     1 = PZ, 2 = TZ, as dataset.json says
    imagesTs/prostate_03.nii.gz     without labels
    dataset.json

The label that it calls TZ holds all of the gland that is not PZ, so it counts as the central gland. There is no DWI.
Whether its patients are also in PROSTATEx, which comes from the same hospital, is not known.
"""

import json
import re
from pathlib import Path
from typing import Any

from zonate.dataset.importers.layout import Found, Layout, LeftOut
from zonate.dataset.importers.listing import Listing, the_only_one
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.zones import LabelCode

_NAME = re.compile(r"prostate_\d+\.nii\.gz")
_NAMES = {"background": LabelCode.BACKGROUND, "pz": LabelCode.PZ, "tz": LabelCode.CENTRAL_GLAND}


def recognise_msd(listing: Listing) -> bool:
    """Whether there are images called `prostate_00.nii.gz`."""
    return bool(_roots(listing.folder))


def read_msd(listing: Listing) -> Found:
    """Find the training images that have labels.

    Raises:
        DatasetError: There is no `imagesTr`, or there are several, or dataset.json gives the labels other names.
    """
    root = the_only_one(MSD.name, listing, _roots(listing.folder))
    if root is None:
        raise DatasetError(f"{listing} has not the layout msd: it holds no imagesTr/prostate_00.nii.gz or its like")
    images = _volumes(root / "imagesTr")
    codes = _codes(root / "dataset.json")
    sources, left = [], []
    for image in images:
        name = image.name.removesuffix(".nii.gz")
        label = root / "labelsTr" / image.name
        if not label.is_file():
            left.append(LeftOut(name, "there is no file of it in labelsTr"))
            continue
        sources.append(
            Source(
                case_id=f"msd-{name}",
                patient_id=f"MSD-{name}",
                inputs={Sequence.T2W: Component(image, 0), Sequence.ADC: Component(image, 1)},
                labels=(LabelLayer(label, codes),),
                dataset=MSD.title,
                licence=MSD.licence,
                citation=MSD.citation,
                root=root,
                where=str(image),
            )
        )
    tests = _volumes(root / "imagesTs")
    left += [LeftOut(file.name.removesuffix(".nii.gz"), "the test images have no labels") for file in tests]
    return Found(tuple(sources), tuple(left))


def _roots(folder: Path) -> list[Path]:
    """The folder of the task: the one given, or else those in it."""
    if _volumes(folder / "imagesTr"):
        return [folder]
    return [path for path in sorted(folder.glob("*/")) if _volumes(path / "imagesTr")]


def _volumes(folder: Path) -> list[Path]:
    """The 4D files; `prostate_00_0000.nii.gz`, one channel, is nnU-Net's."""
    return sorted(file for file in folder.glob("prostate_*.nii.gz") if _NAME.fullmatch(file.name))


def _codes(file: Path) -> dict[int, LabelCode]:
    """From the values to label codes, by the names in dataset.json."""
    try:
        table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))["labels"]
        codes = {int(value): _NAMES[str(name).strip().lower()] for value, name in table.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DatasetError(
            f"{file} does not name the labels background, PZ and TZ by their values: fetch the set again"
        ) from None
    return codes


MSD = Layout(
    name="msd",
    title="MSD Task05_Prostate",
    licence="CC BY-SA 4.0",
    citation=(
        "Antonelli M, Reinke A, Bakas S, et al. The Medical Segmentation Decathlon. Nature Communications "
        "2022;13:4128, doi:10.1038/s41467-022-30695-9"
    ),
    home="http://medicaldecathlon.com",
    recognise=recognise_msd,
    read=read_msd,
)
