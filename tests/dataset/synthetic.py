"""Small cases that the dataset's tests store: made here, worth nothing medically."""

from pathlib import Path
from typing import Any

import numpy as np

from tests.dataset_factory import stored
from zonate.case import Case
from zonate.config import Settings
from zonate.dataset.cases import CaseRecord, Origin
from zonate.geometry import Grid, Volume
from zonate.settings.data import CheckingSettings, SlicingSettings
from zonate.zones import ALL_ZONE_CODES

SETTINGS = Settings(slicing=SlicingSettings(size_px=8), checking=CheckingSettings(anatomy="off"))  # no anatomy


def grid(slices: int = 2, size: int = 10) -> Grid:
    """Stored from superior to inferior, so that the canonical order is not the original one."""
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 0.5], [0, 0.5, 0], [-3.0, 0, 0]])
    affine[:3, 3] = (-2.5, 4.25, 11)
    return Grid((slices, size, size), affine, "1.2.840.1")


def labelled_case(case_id: str = "a", level: float = 100.0, slices: int = 2, *, adc: bool = False) -> Case:
    """T2W of `level` plus the slice, background around a block of all codes in the middle."""
    where = grid(slices)
    t2w = np.full(where.shape, level, dtype=np.float32) + np.arange(slices, dtype=np.float32)[:, None, None]
    labels = np.zeros(where.shape, dtype=np.uint8)
    labels[:, 4:6, 4:6] = [[1, 2], [3, 4]]
    return Case(
        case_id,
        Volume(t2w, where),
        adc=Volume(t2w * 10, where) if adc else None,
        labels=Volume(labels, where),
    )


def store(dataset: Path, case: Case, patient_id: str = "P1", **origin: Any) -> CaseRecord:
    """Write a case as `prepare` does."""
    said = {
        "patient_id": patient_id,
        "dataset": "made here",
        "licence": "CC0",
        "use": "any",
        "codes": ALL_ZONE_CODES,
        "source_key": "key",
        "provenance": {"files": {"t2w": "a/t2w.nii.gz"}},
        **origin,
    }
    return stored(dataset, case, SETTINGS.slicing, Origin(**said))
