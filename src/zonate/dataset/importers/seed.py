"""The layout `seed`: the one that the described method was trained from.

    SOURCE/107/T2W/*.dcm
    SOURCE/107/DWI/*.dcm
    SOURCE/107/ADC/*.dcm
    SOURCE/107/label/Segmentation.nrrd      0 background, 1 PZ, 2 TZ, 3 DPU, 4 AFS

A folder named by a number is a patient; other folders are left aside. A patient without `T2W` or label is set aside by
`prepare`; one without `DWI` or `ADC` keeps an absent channel, with a note.

Source: github A2Amir/Prostate-Segmentation.
"""

from pathlib import Path

from zonate.dataset.importers.layout import Found, Layout
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.zones import LabelCode, Zone

LABEL_CODES = {int(zone): LabelCode(zone) for zone in Zone}
LABEL_NAME = "label/Segmentation.nrrd"


def read_seed(listing: Listing) -> Found:
    """Find the patients of the layout, in the order of their numbers.

    Raises:
        DatasetError: There is no folder named by a number.
    """
    folder = listing.folder
    found = (
        [entry for entry in folder.iterdir() if entry.is_dir() and entry.name.isdecimal()] if folder.is_dir() else []
    )
    if not found:
        raise DatasetError(f"{folder} has not the layout seed: it holds no folder named by a number, such as 107/T2W")
    return Found(tuple(_source(patient) for patient in sorted(found, key=lambda entry: (int(entry.name), entry.name))))


def recognise_seed(listing: Listing) -> bool:
    """Whether a folder named by a number holds `T2W`."""
    return any(t2w.parent.name.isdecimal() for t2w in listing.folder.glob("*/T2W"))


def _source(patient: Path) -> Source:
    inputs: dict[Sequence, Path | Component] = {Sequence.T2W: patient / "T2W"}
    notes = []
    for role in (Sequence.DWI, Sequence.ADC):
        if (patient / role.name).is_dir():
            inputs[role] = patient / role.name
        else:
            notes.append(f"there is no folder {role.name}: the channel is absent")
    label = patient / LABEL_NAME
    return Source(
        case_id=patient.name,
        patient_id=patient.name,
        inputs=inputs,
        labels=(LabelLayer(label, LABEL_CODES),),
        dataset=SEED.title,
        licence=SEED.licence,
        root=patient.parent,
        where=str(patient),
        notes=tuple(notes),
    )


SEED = Layout(
    name="seed",
    title="seed",
    licence="not stated by the layout",
    citation="",
    home="made by the user",
    recognise=recognise_seed,
    read=read_seed,
)
