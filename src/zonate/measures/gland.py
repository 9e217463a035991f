"""Which voxels are the gland, and where they lie in the patient."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Affine, Grid, Volume
from zonate.zones import LabelCode, structure_codes

Mask = npt.NDArray[np.bool_]

_TOUCHING = np.ones((3, 3, 3), dtype=np.bool_)


NO_GLAND = "no prostate was found"


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


def largest_piece(mask: Mask) -> Mask:
    """The largest of the pieces that do not touch, not even at a corner; those of one size together."""
    pieces, _ = ndimage.label(mask, structure=_TOUCHING)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray((sizes == sizes.max())[pieces] & mask)


def positions_mm(mask: Mask, grid: Grid) -> Affine:
    """(N, 3): the centres of a mask's voxels in LPS millimetres, in the order of `values[mask]`."""
    return grid.to_mm(np.argwhere(mask))


def voxel_chord_mm(grid: Grid, direction: Affine) -> float:
    """Length of the line along a direction (unit vector, LPS) through a voxel's middle, within the voxel."""
    across = np.abs(np.linalg.inv(grid.affine[:3, :3]) @ direction)  # voxels per mm along each axis
    return float(1.0 / across.max())
