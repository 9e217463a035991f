"""A dataset as raw data of nnU-Net version 2.

    Dataset501_Zonate/imagesTr/CASE_0000.nii.gz (T2W), _0001 (DWI), _0002 (ADC)     cases that train or validate
    Dataset501_Zonate/labelsTr/CASE.nii.gz
    Dataset501_Zonate/imagesTs, labelsTs                                            cases that test
    Dataset501_Zonate/dataset.json, splits_final.json                               the split as fold 0

Images and labels are the slices that Zonate's own networks see. Only channels that every case has are written, since
nnU-Net knows no absent ones; what is left out for that is said. The labels are the finest that the cases which train
draw apart between them; another case that was drawn finer is told at their level. A pixel whose code is coarser is
`ignore`, which nnU-Net's loss leaves out, and so is one that was not annotated. Cases for evaluation are not written:
nothing may be trained on them.

nnU-Net reads `splits_final.json` in its folder of preprocessed data alone, which its planning makes: a person copies it
there, or nnU-Net draws folds of its own.

Source: nnU-Net's documentation, dataset_format.md, ignore_label.md and manual_data_splits.md.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.counted import counted
from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.geometry import Volume
from zonate.io.nifti import write_volume
from zonate.progress import Progress
from zonate.study import Sequence
from zonate.zones import ZONES_OF_CODE, LabelCode, code_name, drawn_apart

NAME = "Dataset501_Zonate"
SPLITS_NAME = "splits_final.json"
_COPY_SPLITS = (
    f"after nnUNetv2_plan_and_preprocess, copy {NAME}/{SPLITS_NAME} to $nnUNet_preprocessed/{NAME}/ and train fold 0: "
    "where it is not there, nnU-Net draws folds of its own, in which a patient of several cases may train and validate"
)
_PARTS = {"train": "Tr", "validation": "Tr", "test": "Ts"}


def write_nnunet(dataset: Dataset, folder: Path, progress: Progress) -> tuple[str, ...]:
    """Write the cases that train, validate or test.

    Returns:
        Which channels are left out that some of the cases have, and what is to be done for the split to count.

    Raises:
        DatasetError: No case trains.
    """
    entries = [entry for entry in dataset.entries if entry.split in _PARTS]
    if not any(entry.split == "train" for entry in entries):
        raise DatasetError(f"the dataset {dataset.where} has no training case: nnU-Net has nothing to learn from")
    roles = [role for role in Sequence if all(entry.channels_present[role] for entry in entries)]
    codes = drawn_apart(entry.codes for entry in entries if entry.split == "train")
    numbers = _numbers(codes)
    ignored = False
    for done, entry in enumerate(entries, start=1):
        ignored |= _write_case(folder / NAME, dataset, entry, roles, numbers)
        progress(done, len(entries), entry.case_id)
    about = _about(entries, roles, codes, ignored=ignored)
    (folder / NAME / "dataset.json").write_text(json.dumps(about, indent=2), encoding="utf-8")
    split = {
        "train": [entry.case_id for entry in entries if entry.split == "train"],
        "val": [entry.case_id for entry in entries if entry.split == "validation"],
    }
    (folder / NAME / SPLITS_NAME).write_text(json.dumps([split], indent=2), encoding="utf-8")
    return *_left_out(entries), _COPY_SPLITS


def _left_out(entries: list[Entry]) -> Iterator[str]:
    """A sentence for each channel that some cases have and others lack."""
    for role in Sequence:
        lacking = [entry.case_id for entry in entries if not entry.channels_present[role]]
        if 0 < len(lacking) < len(entries):
            absent = f"absent in {len(lacking)} of {counted(len(entries), 'case')}, such as {lacking[0]}"
            yield f"{role.name} is not written, since it is {absent}: nnU-Net knows no absent channel"


def _write_case(
    root: Path, dataset: Dataset, entry: Entry, roles: list[Sequence], numbers: npt.NDArray[np.uint8]
) -> bool:
    """Write images and labels; say whether any pixel is ignored."""
    slices = dataset.slices(entry.case_id)
    part, grid = _PARTS[entry.split], slices.crop.grid
    for channel, role in enumerate(roles):
        image = np.nan_to_num(slices.images[:, role], nan=0.0)  # (S, H, W)
        file = root / f"images{part}" / f"{entry.case_id}_{channel:04d}.nii.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_volume(file, Volume(image, grid))
    labels = numbers[dataset.labels(entry.case_id)]
    file = root / f"labels{part}" / f"{entry.case_id}.nii.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_volume(file, Volume(labels, grid))
    return bool((labels == numbers[LabelCode.NOT_ANNOTATED]).any())


def _numbers(codes: tuple[LabelCode, ...]) -> npt.NDArray[np.uint8]:
    """(256,): from a label code to the number of the class that holds all its zones, else to `ignore`."""
    table = np.full(256, len(codes), dtype=np.uint8)
    for code, zones in ZONES_OF_CODE.items():
        table[code] = next((n for n, of_class in enumerate(codes) if zones <= ZONES_OF_CODE[of_class]), len(codes))
    return table


def _about(
    entries: list[Entry], roles: list[Sequence], codes: tuple[LabelCode, ...], *, ignored: bool
) -> dict[str, Any]:
    labels = {code_name(code).replace(" ", "_"): number for number, code in enumerate(codes)}
    if ignored:
        labels["ignore"] = len(codes)
    return {
        "channel_names": {str(channel): role.name for channel, role in enumerate(roles)},
        "labels": labels,
        "numTraining": sum(_PARTS[entry.split] == "Tr" for entry in entries),
        "file_ending": ".nii.gz",
        "name": NAME,
        "licence": "; ".join(sorted({f"{entry.dataset}: {entry.licence}" for entry in entries})),
        "reference": "; ".join(sorted({entry.citation for entry in entries if entry.citation})),
    }
