"""Recipes, models and data sets that are small enough to be run in a test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy.job import Job, job_folder, write_job
from tests.dataset_factory import COARSE, a_case, a_dataset
from zonate.config import Settings
from zonate.io.nifti import write_volume
from zonate.model import BEST_NAME, Model
from zonate.networks.factory import make_generator
from zonate.preprocessing.statistics import Statistics

TOY = """
name = "zonate"
normalisation = "region"
slicing.size_px = 128
slicing.spacing_mm = 1.0
network.architecture = "residual"
network.base_channels = 4
network.neighbours = 1
training.batch_size = 4
training.patch_px = 96
training.averaging = 0.9
loss.adversarial = 0
loss.l1 = 0
loss.dice = 1
loss.cross_entropy = 1
prediction.clean_up = "largest_component"
"""
SETTINGS = Settings.from_toml(TOY, "toy")
CODES = "0=BACKGROUND;1=PZ;5=CENTRAL_GLAND"
_HEAD = "case_id,patient_id,t2w,labels,label_codes,dataset,licence,use"


def a_model(file: Path, *, patients: Sequence[str] = (), **provenance: Any) -> Path:
    """Untrained, and said to have learnt from these patients."""
    torch.manual_seed(0)
    about = {"training_patients": list(patients), "validation_patients": [], "images_sha256": [], **provenance}
    statistics = Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    network = make_generator(SETTINGS.network)
    Model(network, SETTINGS, statistics, COARSE, about, (True, False, False)).save(file)
    return file


def a_set(folder: Path, rows: Sequence[tuple[str, str]], use: str) -> Path:
    """Cases, each of a patient with a reader, on one image a patient; returns their manifest."""
    lines = [_HEAD]
    for number, (patient, reader) in enumerate(rows):
        case = a_case(patient, seed=int(patient[-1]), slices=4, size=160)
        assert case.labels is not None
        write_volume(folder / f"{patient}.nii.gz", case.t2w)
        write_volume(folder / f"{patient}-{reader}.nii.gz", case.labels)
        files = f"{patient}.nii.gz,{patient}-{reader}.nii.gz"
        lines.append(f"row{number},{patient},{files},{CODES},{reader},CC0-1.0,{use}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def trained_folds(work: Path, folds: Sequence[int]) -> list[Path]:
    """Job folders with untrained models of `zonate`, as if each had been trained and measured on six patients."""
    dataset = a_dataset(work / "dataset", ("train",) * 6, slices=4, settings=SETTINGS)
    folders = [job_folder(work, "zonate", fold) for fold in folds]
    for fold, folder in zip(folds, folders, strict=True):
        write_job(folder, Job("zonate", fold, dataset, SETTINGS, clean_up="largest_component"))
        a_model(folder / "run" / BEST_NAME)
        (folder / "result.json").write_text("{}", encoding="utf-8")
    return folders
