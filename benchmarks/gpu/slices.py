"""A dataset of simulated slices of T2W, DWI and ADC, made on the spot.

Nothing is written as DICOM or aligned: DWI and ADC lie where the scanner saw them, distorted as they are.
"""

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage

from benchmarks.gpu.plan import Plan
from zonate.case import Case
from zonate.cohort.machine import environment_kept, usable_cores
from zonate.config import Settings
from zonate.dataset.cases import CaseRecord, Origin, write_case
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import INDEX_NAME, write_index
from zonate.geometry import Grid, Volume
from zonate.preprocessing.slices import slice_labelled
from zonate.simulation.pelvis import Features
from zonate.simulation.scan import draw_examination, slice_points
from zonate.zones import ALL_ZONE_CODES

_SEED = 0
_B_VALUES_S_MM2 = (50.0, 800.0)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def simulated_slices(folder: Path, plan: Plan) -> Path:
    """Make the dataset, unless it is there: its folder."""
    if (folder / INDEX_NAME).is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)  # of one who was killed
    whole, left = divmod(plan.train_slices, plan.case_slices)
    training = [plan.case_slices] * whole + [left] * bool(left)
    wanted = [*training, *[plan.case_slices] * plan.validation_cases]
    write = partial(written_case, folder, plan.coarser)
    if plan.simulating == 1:
        records = list(map(write, range(len(wanted)), wanted))
    else:
        processes = plan.simulating or usable_cores()
        with environment_kept():
            os.environ.update(_ONE_THREAD)  # of the processes that are started: this one has read it long ago
            with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
                records = list(pool.map(write, range(len(wanted)), wanted))
    placed = [
        PlacedRecord(record, "train" if number < len(training) else "validation")
        for number, record in enumerate(records)
    ]
    write_index(folder, placed, Settings())
    return folder


def written_case(folder: Path, coarser: int, k: int, slices: int) -> CaseRecord:
    """Simulate the k-th patient, and write the middle slices as a case of the dataset."""
    case = simulated_case(k, slices, coarser)
    if case.labels is None:
        raise ValueError(f"{case.case_id} has no labels")
    origin = Origin(f"patient-{k:03d}", "simulated", "CC0-1.0", "any", ALL_ZONE_CODES, f"{k}", {"warnings": []})
    return write_case(folder, slice_labelled(case, case.labels, Settings().slicing), case.labels, origin)


def simulated_case(k: int, slices: int, coarser: int) -> Case:
    features = Features(full_bladder=k % 4 == 1, huge_transition_zone=k % 6 == 3)
    drawn = draw_examination(np.random.default_rng([_SEED, k]), features)
    grid, dwi_grid = (middle_of(each, slices, coarser) for each in (drawn.t2w_grid, drawn.dwi_grid))
    examination = replace(drawn, t2w_grid=grid, dwi_grid=dwi_grid)
    rng = np.random.default_rng([_SEED, k, 1])
    t2w = examination.t2w(grid, rng)
    diffusion = examination.diffusion(_B_VALUES_S_MM2, rng)
    adc, dwi = examination.adc(diffusion), diffusion[_B_VALUES_S_MM2[-1]]
    return Case(
        f"simulated-{k:03d}",
        t2w,
        onto(dwi, grid),
        onto(adc, grid),
        _B_VALUES_S_MM2[-1],
        examination.labels(),
    )


def middle_of(grid: Grid, slices: int, coarser: int) -> Grid:
    """The middle slices of a grid, each pixel as large as `coarser` by `coarser` of its own."""
    n_slices, height, width = grid.shape
    affine = np.array(grid.affine)
    affine[:3, 1:3] *= coarser
    affine[:3, 3] = grid.to_mm(((n_slices - slices) // 2, (coarser - 1) / 2, (coarser - 1) / 2))
    return Grid((slices, height // coarser, width // coarser), affine)


def onto(volume: Volume, grid: Grid) -> Volume:
    """The volume on another grid whose slices lie in its own, linear in plane; NaN beyond it."""
    points_mm = np.stack([slice_points(grid, s) for s in range(grid.shape[0])])  # (S, H, W, 3)
    index = np.moveaxis(np.round(volume.grid.to_index(points_mm), 6), -1, 0)  # else a slice lies a hair beyond the last
    values = ndimage.map_coordinates(volume.values.astype(np.float32), index, order=1, cval=np.nan)
    return Volume(values, grid)
