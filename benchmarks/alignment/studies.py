"""Simulated studies whose diffusion series is displaced, distorted, noisy or cut, by known amounts.

They are harder than what `zonate simulate` draws: by the headers alone the gland lies 4 to 5 mm away on average. The
images are kept in memory; how studies are written as DICOM is no matter of alignment.
"""

import ast
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Grid, Volume
from zonate.simulation.motion import Displacement
from zonate.simulation.pelvis import Features
from zonate.simulation.scan import Examination, draw_examination
from zonate.study import Acquisition

TUNING_SEED, TEST_SEED, CALIBRATION_SEED = 31, 32, 33
"""What is tuned on, what is reported, and what the quality score is calibrated and tested on are different patients."""

B_VALUES_S_MM2 = (50.0, 800.0)
N_POINTS = 4000

Points = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DisplacedStudy:
    """One study and its truth.

    Attributes:
        name: Such as `32-0007`.
        acquisition: T2W, DWI (b 800), ADC and the lowest b (50), or only the last where `low_b_only`.
        inside_mm: (N, 3) points of the gland, LPS.
        edge_mm: (M, 3) points of its outermost voxels.
        true_inside_mm: (N, 3) true displacement, T2W to DWI.
        true_edge_mm: (M, 3).
        about: What was drawn: translation, rotation, distortion, noise, what was cut.
    """

    name: str
    acquisition: Acquisition
    inside_mm: Points
    edge_mm: Points
    true_inside_mm: Points
    true_edge_mm: Points
    about: dict[str, float | str | bool]


def draw_displaced(seed: int, k: int) -> DisplacedStudy:
    """Draw the k-th study of a seed."""
    rng = np.random.default_rng([seed, k, 7])
    features = Features(full_bladder=k % 4 == 1, small_field_of_view=k % 5 == 2, huge_transition_zone=k % 6 == 3)
    examination = draw_examination(np.random.default_rng([seed, k, 0]), features)
    translation_mm, rotation_deg, distortion_mm = rng.uniform(1, 8), rng.uniform(0, 6), rng.uniform(0, 6)
    noise = float(rng.uniform(0.03, 0.05) if k % 3 == 0 else rng.uniform(0.012, 0.022))
    examination = dataclasses.replace(
        examination,
        displacement=_displacement(examination.displacement, rng, translation_mm, rotation_deg, distortion_mm),
        noise=noise,
        dwi_grid=_cut(examination.dwi_grid, rng) if k % 5 == 4 else examination.dwi_grid,
    )
    low_b_only = k % 7 == 5
    about: dict[str, float | str | bool] = {
        "translation_mm": round(float(translation_mm), 2),
        "rotation_deg": round(float(rotation_deg), 2),
        "distortion_mm": round(float(distortion_mm), 2),
        "noise": round(noise, 4),
        "cut": k % 5 == 4,
        "low_b_only": low_b_only,
    }
    name = f"{seed}-{k:04d}"
    return _with_truth(name, examination, _scan(name, examination, rng, low_b_only=low_b_only), about)


def _displacement(
    drawn: Displacement, rng: np.random.Generator, translation_mm: float, rotation_deg: float, distortion_mm: float
) -> Displacement:
    """The drawn one with other sizes: its smooth part, the place and the width of its distortion stay."""
    return dataclasses.replace(
        drawn,
        translation_mm=_triple(_direction(rng) * translation_mm),
        rotation_deg=_triple(_direction(rng) * rotation_deg),
        distortion_mm=float(np.copysign(distortion_mm, drawn.distortion_mm)),
    )


def _direction(rng: np.random.Generator) -> Points:
    vector = rng.standard_normal(3)
    unit: Points = vector / np.linalg.norm(vector)
    return unit


def _triple(vector: Points) -> tuple[float, float, float]:
    return float(vector[0]), float(vector[1]), float(vector[2])


def _cut(grid: Grid, rng: np.random.Generator) -> Grid:
    """A third of the slices missing at one end, and a field of view of 110 mm: a reduced one, as of zoomed EPI."""
    slices = grid.shape[0] - grid.shape[0] // 3
    first = 0 if rng.random() < 0.5 else grid.shape[0] - slices
    shape = (slices, 56, 56)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm([first, (grid.shape[1] - 56) // 2, (grid.shape[2] - 56) // 2])
    return Grid(shape, affine, grid.frame_of_reference)


def _scan(name: str, examination: Examination, rng: np.random.Generator, *, low_b_only: bool) -> Acquisition:
    t2w = examination.t2w(examination.t2w_grid, rng)
    diffusion = examination.diffusion(B_VALUES_S_MM2, rng)
    low, high = (diffusion[b] for b in B_VALUES_S_MM2)
    if low_b_only:
        return Acquisition(name, t2w, low, B_VALUES_S_MM2[0], None, low, B_VALUES_S_MM2[0])
    return Acquisition(name, t2w, high, B_VALUES_S_MM2[1], examination.adc(diffusion), low, B_VALUES_S_MM2[0])


def _with_truth(
    name: str, examination: Examination, acquisition: Acquisition, about: dict[str, float | str | bool]
) -> DisplacedStudy:
    gland = examination.labels().values > 0
    edge = gland & ~ndimage.binary_erosion(gland, np.ones((1, 3, 3), dtype=np.bool_))
    inside_mm, edge_mm = (_some(mask, examination.t2w_grid) for mask in (gland, edge))
    at = examination.displacement.at
    return DisplacedStudy(name, acquisition, inside_mm, edge_mm, at(inside_mm), at(edge_mm), about)


def _some(mask: npt.NDArray[np.bool_], grid: Grid) -> Points:
    """Up to N_POINTS voxel centres, evenly from a mask."""
    index = np.argwhere(mask)
    return grid.to_mm(index[:: max(1, len(index) // N_POINTS)])


def cached(folder: Path, seed: int, k: int) -> DisplacedStudy:
    """The study from the folder, drawn and kept there where it is not yet."""
    path = folder / f"{seed}-{k:04d}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _save(path, draw_displaced(seed, k))
    return _load(path)


def _save(path: Path, study: DisplacedStudy) -> None:
    acquisition = study.acquisition
    arrays: dict[str, npt.NDArray[np.generic]] = {
        key: getattr(study, key) for key in ("inside_mm", "edge_mm", "true_inside_mm", "true_edge_mm")
    }
    for role in ("t2w", "dwi", "adc", "lowest_b"):
        volume: Volume | None = getattr(acquisition, role)
        if volume is not None:
            arrays |= {role: volume.values, f"{role}_affine": volume.grid.affine}
    temporary = path.with_suffix(".part.npz")
    arrays["about"] = np.array(repr(study.about))
    np.savez_compressed(temporary, allow_pickle=False, **arrays)
    temporary.replace(path)


def _load(path: Path) -> DisplacedStudy:
    kept = np.load(path)

    def volume(role: str) -> Volume | None:
        if role not in kept:
            return None
        values = kept[role]
        return Volume(values, Grid((values.shape[0], values.shape[1], values.shape[2]), kept[f"{role}_affine"]))

    t2w = volume("t2w")
    if t2w is None:
        raise ValueError(f"{path} holds no T2W: delete it")
    about = ast.literal_eval(str(kept["about"]))
    b = B_VALUES_S_MM2[0] if about["low_b_only"] else B_VALUES_S_MM2[1]
    acquisition = Acquisition(path.stem, t2w, volume("dwi"), b, volume("adc"), volume("lowest_b"), B_VALUES_S_MM2[0])
    return DisplacedStudy(
        path.stem,
        acquisition,
        kept["inside_mm"],
        kept["edge_mm"],
        kept["true_inside_mm"],
        kept["true_edge_mm"],
        about,
    )
