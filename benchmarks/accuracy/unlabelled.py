"""Zones for patients whom nobody annotated, where the models of a cross-validation agree on them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zonate.config import Settings
from zonate.geometry import Volume
from zonate.io.files import atomic_folder, write_text
from zonate.io.nifti import write_volume
from zonate.load import load_case
from zonate.measures.clean_up import clean_up
from zonate.metrics.tables import csv_text
from zonate.model import Model
from zonate.preprocessing.slices import slice_case
from zonate.zones import LabelCode

UNLABELLED = "prostate-3t-unlabelled"
"""The folder of DATA with patients whom nobody annotated."""
CERTAIN = 0.7
"""Where the likeliest code has a lower mean probability, a voxel is left unannotated: nothing is learnt there."""

_COLUMNS = ("case_id", "patient_id", "t2w", "labels", "label_codes", "dataset", "licence", "split", "citation")


def annotate(images: Path, models: Sequence[Path], output: Path) -> Path:
    """Write what the models agree on as label volumes, with a manifest whose cases train only.

    Args:
        images: Holds a folder with a t2w.nii.gz for each patient.
        models: Run folders of one recipe, which see a case alike.
        output: Folder to write.

    Returns:
        The manifest.
    """
    loaded = [Model.load(model) for model in models]
    codes, settings = loaded[0].codes, loaded[0].settings
    if any(model.codes != codes or model.settings.slicing != settings.slicing for model in loaded):
        raise ValueError("the models tell other zones apart, or see a case in another way, than each other")
    rows: list[Sequence[str]] = [_COLUMNS]
    with atomic_folder(output, overwrite=True) as folder:
        for study in sorted(path for path in images.iterdir() if (path / "t2w.nii.gz").is_file()):
            labels = _agreed(study, loaded, settings)
            (folder / study.name).mkdir()
            write_volume(folder / study.name / "zones.nii.gz", labels)
            table = ";".join(f"{int(code)}={code.name}" for code in (*codes, LabelCode.NOT_ANNOTATED))
            rows.append(
                (
                    study.name,
                    study.name,
                    str((study / "t2w.nii.gz").resolve()),
                    f"{study.name}/zones.nii.gz",
                    table,
                    "Prostate-3T, zones by Zonate's own cross-validation",
                    "CC BY 3.0",
                    "train",
                    "Litjens et al., Data From Prostate-3T, The Cancer Imaging Archive, 2015",
                )
            )
        write_text(folder / "manifest.csv", csv_text(rows))
    return output / "manifest.csv"


def _agreed(study: Path, models: Sequence[Model], settings: Settings) -> Volume:
    """The likeliest code (S, H, W) uint8 of each voxel by the mean over the models, where it is likely enough."""
    case = load_case(study, settings)
    slices = slice_case(case, settings.slicing)
    found = [model.segment(slices) for model in models]
    mean = np.mean([zones.probabilities for zones in found], axis=0)  # (len(codes), S, H, W)
    codes = models[0].codes
    labels = Volume(np.array(codes, dtype=np.uint8)[mean.argmax(axis=0)], slices.original)
    cleaned, _ = clean_up(labels, codes, "largest_component")
    unsure = (mean.max(axis=0) < CERTAIN) & (cleaned.values == labels.values)
    return cleaned.with_values(np.where(unsure, LabelCode.NOT_ANNOTATED, cleaned.values).astype(np.uint8))
