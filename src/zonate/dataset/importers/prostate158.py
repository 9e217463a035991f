"""Prostate158 (Zenodo 6481141 and 6592345): NIfTI volumes and zones by up to two readers, 1 = central gland, 2 = PZ.

    train/020/{t2,adc,dwi,t2_anatomy_reader1,t2_anatomy_reader2}.nii.gz
    test/001/…                                     the 19 test cases

The numbers are the other way round than in other sets. The published test cases, which the folders tell, stay on the
test side; the others are divided anew, so that the tables beside them (train.csv, valid.csv) are not needed. Each
reading is a case.
"""

from pathlib import Path

from zonate.dataset.importers.layout import Found, Layout, LeftOut, part_of
from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import LabelLayer, Source
from zonate.dataset.splits import Side
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.zones import LabelCode

CODES = {0: LabelCode.BACKGROUND, 1: LabelCode.CENTRAL_GLAND, 2: LabelCode.PZ}
_READERS = ("reader1", "reader2")


def recognise_prostate158(listing: Listing) -> bool:
    """Whether there is a label called `t2_anatomy_reader1.nii.gz`."""
    return bool(listing.named(r"t2_anatomy_reader1\.nii\.gz"))


def read_prostate158(listing: Listing) -> Found:
    """Find the cases that were read, reader by reader.

    Raises:
        DatasetError: There is no case folder with `t2.nii.gz`.
    """
    images = listing.named(r"t2\.nii\.gz")
    cases = sorted({file.parent for file in images}, key=lambda path: (path.parent.name, path.name))
    if not cases:
        raise DatasetError(f"{listing} has not the layout prostate158: it holds no train/020/t2.nii.gz or its like")
    sources: list[Source] = []
    left: list[LeftOut] = []
    for case in cases:
        readings = [
            (reader, case / f"t2_anatomy_{reader}.nii.gz")
            for reader in _READERS
            if (case / f"t2_anatomy_{reader}.nii.gz").is_file()
        ]
        name = f"{case.parent.name}/{case.name}"
        if not readings:
            left.append(LeftOut(name, "no reader drew its zones"))
        sources += [_source(case, reader, label, len(readings), listing.folder) for reader, label in readings]
    return Found(tuple(sources), tuple(left))


def _source(case: Path, reader: str, label: Path, readings: int, root: Path) -> Source:
    files = {Sequence.T2W: case / "t2.nii.gz", Sequence.DWI: case / "dwi.nii.gz", Sequence.ADC: case / "adc.nii.gz"}
    inputs: dict[Sequence, Path | Component] = {
        role: path for role, path in files.items() if role is Sequence.T2W or path.is_file()
    }
    side: Side | None = "test" if part_of(case, root) == "test" else None
    return Source(
        case_id=f"prostate158-{case.name}-{reader}",
        patient_id=f"Prostate158-{case.name}",
        inputs=inputs,
        labels=(LabelLayer(label, CODES),),
        dataset=PROSTATE158.title,
        licence=PROSTATE158.licence,
        citation=PROSTATE158.citation,
        root=root,
        where=str(label),
        reader=reader,
        image_id=f"prostate158-{case.name}" if readings > 1 else "",
        side=side,
        notes=tuple(
            f"there is no {path.name}: the channel is absent" for role, path in files.items() if role not in inputs
        ),
    )


PROSTATE158 = Layout(
    name="prostate158",
    title="Prostate158",
    licence="CC BY 4.0",
    citation=(
        "Adams LC, Makowski MR, Engel G, et al. Prostate158 – An expert-annotated 3T MRI dataset and algorithm for "
        "prostate cancer detection. Computers in Biology and Medicine 2022;148:105817, "
        "doi:10.1016/j.compbiomed.2022.105817"
    ),
    home="https://zenodo.org/records/6481141",
    recognise=recognise_prostate158,
    read=read_prostate158,
)
