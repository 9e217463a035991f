"""What looks wrong about a segmentation: said, never repaired in silence."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.dataset.slices import Slices
from zonate.geometry import Crop, to_canonical
from zonate.study import Sequence
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode

GLAND_ML = (10.0, 400.0)
"""Prostates outside this range are rarer than failed segmentations."""
MAIN_PIECE = 0.99
"""The gland is one organ: at least this share of it hangs together."""


def implausibilities(zones: ZoneMap, slices: Slices, known: tuple[bool, bool, bool]) -> tuple[str, ...]:
    """What a person should look at before they believe a segmentation, without patient data.

    Args:
        zones: What the model says, on the original T2W grid.
        slices: What it was shown.
        known: For T2W, DWI and ADC, whether the model looks at it.

    Returns:
        Sentences; empty where nothing stands out.
    """
    return (*_shape_warnings(zones, slices.crop), *_absent_channels(slices, known))


def _absent_channels(slices: Slices, known: tuple[bool, bool, bool]) -> list[str]:
    return [
        f"{sequence.name} is absent, and the model learnt with it: it saw its mean everywhere in place of it"
        for sequence in Sequence
        if known[sequence] and not slices.channels_present[sequence]
    ]


def _shape_warnings(zones: ZoneMap, crop: Crop) -> list[str]:
    labels = to_canonical(zones.labels).values
    gland = (labels != LabelCode.BACKGROUND) & (labels != LabelCode.NOT_ANNOTATED)  # (S, H, W)
    if not gland.any():
        return ["no prostate was found: every voxel is background"]
    found = []
    volume_ml = int(gland.sum()) * zones.labels.grid.voxel_volume_ml
    if not GLAND_ML[0] <= volume_ml <= GLAND_ML[1]:
        found.append(
            f"the gland measures {volume_ml:.1f} ml, outside the plausible {GLAND_ML[0]:g} to {GLAND_ML[1]:g} ml"
        )
    if gland[0].any() or gland[-1].any():
        found.append("the gland reaches the first or the last slice: it may go on outside the volume")
    if _touches_crop(gland, crop):
        found.append(
            f"the gland reaches the edge of the {crop.size_px * crop.spacing_mm:.0f} mm square about the centre "
            "that the model sees: it may be cut off"
        )
    pieces, n_pieces = ndimage.label(gland)
    share = float(np.bincount(pieces[gland]).max() / gland.sum())
    if share < MAIN_PIECE:
        found.append(f"the gland is in {n_pieces} pieces, and {1 - share:.1%} of it lies apart from the largest")
    return found


def _touches_crop(gland: npt.NDArray[np.bool_], crop: Crop) -> bool:
    """Whether the gland touches the border of the square that the model sees, or of the image where that is smaller."""
    seen = crop.restore(np.ones(crop.grid.shape, dtype=np.float32), 0.0)[0] > 0  # (H, W)
    inner = ndimage.binary_erosion(seen)
    return bool((gland.any(axis=0) & ~inner).any())
