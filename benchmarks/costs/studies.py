"""DICOM studies of T2W alone, of any number of slices and pixels: one simulated scan in other voxels."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from zonate.geometry import Grid, Volume
from zonate.simulation.dicom_writer import Identity, new_uid, write_classic
from zonate.simulation.scan import Examination
from zonate.simulation.series import ImageSeries
from zonate.simulation.study import draw_study
from zonate.simulation.vendors import VENDORS

VENDOR = VENDORS["siemens"]
SEED = 0
_NOISE = 25.0  # of the scanner units whose urine is 1000


@dataclass(frozen=True, eq=False)
class Scan:
    """A simulated T2W, and the examination that it is of."""

    examination: Examination
    t2w: Volume


def scanned() -> Scan:
    """The first study of `zonate simulate`."""
    examination = draw_study(SEED, 0, "siemens").examination
    return Scan(examination, examination.t2w(examination.t2w_grid, np.random.default_rng(SEED)))


def write_study(folder: Path, scan: Scan, slices: int, matrix_px: int, number: int = 0) -> Path:
    """Write the scan with so many slices and pixels along a side; each number gives noise and UIDs of its own."""
    rng = np.random.default_rng([SEED, number])
    t2w = resampled(scan.t2w, (slices, matrix_px, matrix_px))
    noisy = t2w.with_values((t2w.values + rng.normal(0, _NOISE, t2w.grid.shape)).clip(0).astype(np.float32))
    identity = Identity(f"COSTS-{number:04d}", new_uid(rng), new_uid(rng), rng)
    write_classic(
        folder / "DICOM" / "S01", ImageSeries(1, "t2w", "tra", {None: noisy}, 60.0), VENDOR, scan.examination, identity
    )
    return folder


def resampled(volume: Volume, shape: tuple[int, int, int]) -> Volume:
    """The same field of view in other voxels, by linear interpolation between the centres of the old ones."""
    grid = volume.grid
    factors = np.array(shape) / np.array(grid.shape)
    values = ndimage.zoom(volume.values.astype(np.float32), factors, order=1, mode="nearest", grid_mode=True)
    affine = np.array(grid.affine)
    affine[:3, :3] = grid.affine[:3, :3] / factors
    affine[:3, 3] = grid.to_mm((1 / factors - 1) / 2)  # the first centre lies half a new voxel within the first face
    return Volume(values, Grid(shape, affine, grid.frame_of_reference))
