"""What may be repaired about a segmentation, where a setting asks for it: stray pieces, and holes."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.counted import counted
from zonate.geometry import Volume
from zonate.measures.gland import label_pieces
from zonate.zones import GLAND, ZONES_OF_CODE, LabelCode

CleanUp = Literal["none", "largest_component", "largest_component_and_holes"]
"""`largest_component` keeps the gland's largest piece; `largest_component_and_holes` fills what it encloses, too."""


def clean_up(labels: Volume, codes: tuple[LabelCode, ...], how: CleanUp) -> tuple[Volume, tuple[str, ...]]:
    """Remove what hangs apart from the gland's largest piece, and fill the background that the gland encloses.

    Pieces are apart where they do not touch, not even at a corner. A hole is background that the gland encloses within
    a slice: what a reader sees as one, slice by slice, may be open above or below. It becomes what the nearest voxel of
    the gland is.

    Args:
        labels: Label codes (S, H, W) uint8, axes in any order: slices are stacked along the one nearest to superior.
        codes: Those that the model can give.
        how: What to do.

    Returns:
        The cleaned labels, and a sentence with the volume in ml for each thing that was changed; none where nothing
        was, as where there is no gland.
    """
    gland = np.isin(labels.values, [code for code in codes if ZONES_OF_CODE[code] <= GLAND])
    if how == "none" or not gland.any():
        return labels, ()
    ml = labels.grid.voxel_volume_ml
    values = labels.values.copy()
    said = []
    pieces, sizes = label_pieces(gland)
    largest, n_stray = pieces == sizes.argmax(), len(sizes) - 2
    stray = gland & ~largest
    if stray.any():
        values[stray] = LabelCode.BACKGROUND
        said.append(
            f"clean-up removed {stray.sum() * ml:.2f} ml of the gland in {counted(n_stray, 'piece')} apart from the "
            "largest"
        )
    if how == "largest_component_and_holes":
        stacked_along = int(np.argmax(np.abs(labels.grid.direction[2])))  # the axis nearest to superior
        holes = _holes(largest, stacked_along) & (values == LabelCode.BACKGROUND)
        if holes.any():
            values[holes] = _nearest(values, largest, labels.grid.spacing_mm)[holes]
            said.append(f"clean-up filled {holes.sum() * ml:.2f} ml of holes in the gland")
    return labels.with_values(values), tuple(said)


def _holes(gland: npt.NDArray[np.bool_], axis: int) -> npt.NDArray[np.bool_]:
    """Background that the gland encloses within a slice."""
    slices = np.moveaxis(gland, axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(section) for section in slices])
    return np.asarray(np.moveaxis(filled, 0, axis) & ~gland, dtype=np.bool_)


def _nearest(
    values: npt.NDArray[np.uint8], gland: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> npt.NDArray[np.uint8]:
    """For each voxel, the code of the nearest voxel of the gland."""
    nearest = ndimage.distance_transform_edt(
        ~gland, sampling=spacing_mm, return_distances=False, return_indices=True
    )  # (3, S, H, W)
    return np.asarray(values[tuple(nearest)], dtype=np.uint8)
