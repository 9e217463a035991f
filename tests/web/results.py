"""Folders as `predict` writes them, small enough for a browser that draws on the CPU: worth nothing medically."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zonate.geometry import Grid, Volume, from_canonical
from zonate.io.nifti import write_volume
from zonate.zones import LabelCode

SHAPE = (8, 40, 48)
"""Canonical: S to superior, H to posterior, W to left."""
SPOT = np.s_[4, 12:15, 30:33]
"""Nine bright voxels of the T2W, canonical: left of the middle, anterior of it, in the fifth slice from below."""
DOUBT = "the gland is torn"
WARNING = "the gland reaches the first or the last slice: it may go on outside the volume"


def acquired_grid(order: Sequence[int] = (0, 1, 2), flipped: Sequence[bool] = (True, True, False)) -> Grid:
    """A grid of 3 × 1 × 1 mm, tilted by 10°, whose axes come in any order and direction.

    Args:
        order: Which canonical axis each axis of the file runs along.
        flipped: By canonical axis, whether the file runs against it.
    """
    turn = np.deg2rad(10)
    tilt = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    towards = tilt @ np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]])  # columns: superior, posterior, left in LPS
    steps = [towards[:, axis] * (3.0, 1.0, 1.0)[axis] * (-1 if flipped[axis] else 1) for axis in order]
    affine = np.eye(4)
    affine[:3, :3] = np.array(steps).T
    affine[:3, 3] = (-20.0, 31.5, 7.0)
    shape = tuple(SHAPE[axis] for axis in order)
    return Grid((shape[0], shape[1], shape[2]), affine)


def write_result(folder: Path, grid: Grid | None = None, *, adc: bool = True, entropy: bool = True) -> Path:
    """One case's folder: T2W with SPOT in it, ADC that was measured on the patient's right only, zones, uncertainty."""
    grid = grid or acquired_grid()
    folder.mkdir(parents=True)
    t2w = np.full(SHAPE, 100.0, dtype=np.float32)
    t2w[:, 0, 0] = 0.0
    t2w[SPOT] = 1000.0
    _write(folder, "t2w", t2w, grid)
    if adc:
        measured = np.full(SHAPE, 1500.0, dtype=np.float32)
        measured[:, 0, 0] = 0.0
        measured[:, :, SHAPE[2] // 2 :] = np.nan
        _write(folder, "adc", measured, grid)
    if entropy:
        uncertain = np.zeros(SHAPE, dtype=np.float32)
        uncertain[:, 18:22, :] = 1.2
        _write(folder, "entropy", uncertain, grid)
    _write(folder, "zones", zones(), grid)
    report = {
        "case_id": folder.name,
        "zonate_version": "0.1.0",
        "model": {"name": "made-here"},
        "codes": {"0": "background", "1": "PZ", "2": "TZ", "3": "DPU", "4": "AFS"},
        "doubt": DOUBT,
        "warnings": [WARNING],
        "not_validated": ["AFS"],
        "dwi_b_value_s_mm2": None,
        "alignment": {"chosen": "given", "reason": "the volumes lie on one grid"},
        "uncertainty": {
            "calibrated": True,
            "interval_ml": {"PZ": [1.0, 2.5], "GLAND": [3.0, 5.0]},
            "range_of_samples_ml": {"PZ": [1.6, 1.9], "GLAND": [3.8, 4.2]},
        },
    }
    (folder / "zones.json").write_text(json.dumps(report), encoding="utf-8")
    return folder


def zones() -> npt.NDArray[np.uint8]:
    """Canonical label codes: a box of PZ around a box of TZ with a urethra and an AFS, nothing in the outer slices."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[1:7, 8:32, 10:38] = LabelCode.PZ
    labels[1:7, 10:24, 14:34] = LabelCode.TZ
    labels[1:3, 20:23, 23:26] = LabelCode.DPU
    labels[1:7, 8:10, 18:30] = LabelCode.AFS
    return labels


def _write(folder: Path, name: str, canonical: npt.NDArray[np.float32] | npt.NDArray[np.uint8], grid: Grid) -> None:
    write_volume(folder / f"{name}.nii.gz", Volume(from_canonical(canonical, grid), grid))
