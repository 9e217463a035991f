"""Which voxels are the gland, and where they lie in the patient."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Affine, Grid, Volume, box_about
from zonate.zones import LabelCode, structure_codes

Mask = npt.NDArray[np.bool_]

NO_GLAND = "no prostate was found"

_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)


def gland_mask(labels: Volume, codes: tuple[LabelCode, ...]) -> Mask | None:
    """The voxels (S, H, W) of the gland.

    Args:
        labels: Label codes (S, H, W) uint8.
        codes: Those that the annotator or model could have drawn, disjoint.

    Returns:
        None where these codes cannot express the gland, or none of it is drawn.
    """
    members = structure_codes("GLAND", codes)
    if members is None:
        return None
    mask = np.isin(labels.values, members)
    return mask if mask.any() else None


def label_pieces(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]:
    """Number the pieces of a mask that do not touch, not even at a corner.

    Slices lie several pixels apart: what is thin and slants moves on by more than its own width from one to the next,
    and would be torn where faces alone counted.

    Args:
        mask: (S, H, W).

    Returns:
        The number (S, H, W) of each voxel's piece, from 1, and 0 outside; and how many voxels each number has, 0 for
        the number 0.
    """
    box = box_about(mask)
    numbers = np.zeros(mask.shape, dtype=np.int32)
    n_pieces = ndimage.label(mask[box], structure=_TOUCHING, output=numbers[box])
    sizes = np.bincount(numbers[mask], minlength=n_pieces + 1)
    return numbers, sizes


def largest_piece(mask: Mask) -> Mask:
    """The largest of the pieces; those of one size together."""
    numbers, sizes = label_pieces(mask)
    return np.asarray((sizes == sizes.max())[numbers] & mask)


def positions_mm(mask: Mask, grid: Grid) -> Affine:
    """(N, 3): the centres of a mask's voxels in LPS millimetres, in the order of `values[mask]`."""
    return grid.to_mm(np.argwhere(mask))


def voxel_chord_mm(grid: Grid, direction: Affine) -> float:
    """Length of the line along a direction (unit vector, LPS) through a voxel's middle, within the voxel."""
    across = np.abs(np.linalg.inv(grid.affine[:3, :3]) @ direction)  # voxels per mm along each axis
    return float(1.0 / across.max())
