"""Glands whose figures can be worked out by hand."""

from itertools import permutations, product

import numpy as np
import numpy.typing as npt

from zonate.geometry import Grid, Volume
from zonate.zones import LabelCode

Array = npt.NDArray[np.float64]

ALL_48 = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]
BOX_SHAPE = (9, 8, 8)
BOX_GRID = Grid(BOX_SHAPE, np.array([[0.0, 0, 1, 5], [0, 1, 0, -3], [3, 0, 0, 20], [0, 0, 0, 1]]))
"""Voxels of 3 × 1 × 1 mm: upwards, to the back, to the left."""


def box(code: int) -> Volume:
    """9 slices of 8 × 8 voxels of one code that fill the grid: 27 mm high, 8 mm deep and wide."""
    return Volume(np.full(BOX_SHAPE, code, dtype=np.uint8), BOX_GRID)


def axial_grid(spacing_mm: tuple[float, float, float] = (3.0, 0.5, 0.5), side_mm: float = 72.0) -> Grid:
    """A cube about the origin: S upwards, H to the back, W to the left."""
    shape = [round(side_mm / mm) for mm in spacing_mm]
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]]) * spacing_mm
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid((shape[0], shape[1], shape[2]), affine)


def turned(grid: Grid, turn: Array) -> Grid:
    """The grid turned (3, 3) about the origin."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn @ grid.affine[:3, :3], turn @ grid.affine[:3, 3]
    return Grid(grid.shape, affine)


def about_superior(degrees: float) -> Array:
    """Turns the left side to the back."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def about_left(degrees: float) -> Array:
    """Turns the upper end to the back."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1.0, 0, 0], [0, c, s], [0, -s, c]])


def gland(grid: Grid, *, turn: Array | None = None, shear: float = 0.0, left_lobe: bool = False) -> Volume:
    """An ellipsoid 50 mm wide, 32 mm deep and 44 mm long about the origin, with all four zones.

    Args:
        grid: To draw it on.
        turn: (3, 3) of the gland about the origin.
        shear: How many mm the transverse sections move to the back per mm upwards.
        left_lobe: Whether a nodule makes the left side larger than the right.
    """
    points = grid.to_mm(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))  # (S, H, W, 3)
    left, back, up = np.moveaxis(points @ (np.eye(3) if turn is None else turn), -1, 0)
    back = back - shear * up
    inside = (left / 25) ** 2 + (back / 16) ** 2 + (up / 22) ** 2 <= 1
    if left_lobe:
        inside |= (left - 14) ** 2 + (back + 5) ** 2 + (up - 4) ** 2 <= 13**2
    transition = (left / 17) ** 2 + ((back + 4) / 10) ** 2 + ((up - 2) / 16) ** 2 <= 1
    values = np.where(inside, LabelCode.PZ, LabelCode.BACKGROUND).astype(np.uint8)
    values[inside & transition] = LabelCode.TZ
    values[inside & (back < -10) & (np.abs(left) < 12)] = LabelCode.AFS
    values[inside & (left**2 + back**2 < 16) & (up < -4)] = LabelCode.DPU
    return Volume(values, grid)


def reordered(volume: Volume, order: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """The same voxels in the same places, with the grid's axes in another order and direction."""
    values = volume.values.transpose(order)
    linear = volume.grid.affine[:3, :3][:, list(order)]
    origin = volume.grid.affine[:3, 3].copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            origin += linear[:, axis] * (values.shape[axis] - 1)
            values = np.flip(values, axis)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear * np.array(signs), origin
    return Volume(np.ascontiguousarray(values), Grid((values.shape[0], values.shape[1], values.shape[2]), affine))


def mirrored(volume: Volume) -> Volume:
    """Its mirror image in the patient: left for right."""
    return Volume(volume.values, Grid(volume.grid.shape, np.diag([-1.0, 1.0, 1.0, 1.0]) @ volume.grid.affine))
