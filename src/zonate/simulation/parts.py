"""The two parts of a gland that every zonal annotation tells apart, and how like two glands are in them."""

import numpy as np
import numpy.typing as npt

from zonate.geometry import Volume
from zonate.zones import GLAND, ZONES_OF_CODE, LabelCode, Zone

Parts = npt.NDArray[np.uint8]

OUTSIDE, PERIPHERAL, INNER = 0, 1, 2

_HEIGHTS = 8


def parts_of(codes: npt.NDArray[np.uint8]) -> Parts:
    """OUTSIDE, PERIPHERAL or INNER for label codes of any shape.

    A code that may be PZ or not, such as WHOLE_GLAND, and what is not annotated count as outside.
    """
    table = np.zeros(256, np.uint8)
    table[LabelCode.PZ] = PERIPHERAL
    table[[code for code, zones in ZONES_OF_CODE.items() if zones <= GLAND - {Zone.PZ}]] = INNER
    return table[codes]


def has_both_parts(codes: npt.NDArray[np.uint8]) -> bool:
    """Whether label codes hold PZ, and some of the gland that is known not to be PZ."""
    parts = parts_of(codes)
    return bool((parts == PERIPHERAL).any() and (parts == INNER).any())


def unlikeness(shape: Volume, host: Volume) -> float:
    """How badly a host's gland would serve a shape: their logarithms of volume, and PZ's share from apex to base.

    Args:
        shape: Label codes (S, H, W) in canonical order, with some gland.
        host: The same, of another grid.

    Returns:
        0 for the same gland; 1 where one is e times as large as the other, or all PZ and the other has none.
    """
    (ml, pz), (host_ml, host_pz) = _profile(shape), _profile(host)
    return float(np.hypot(np.log(ml / host_ml), np.sqrt(((pz - host_pz) ** 2).mean())))


def _profile(zones: Volume) -> tuple[float, npt.NDArray[np.float64]]:
    """Volume in ml, and PZ's share of the gland at eight heights from apex to base."""
    parts = parts_of(zones.values)
    gland, pz = (mask.sum(axis=(1, 2)) for mask in (parts != OUTSIDE, parts == PERIPHERAL))  # (S,)
    held = np.flatnonzero(gland)
    shares = np.interp(np.linspace(held[0], held[-1], _HEIGHTS), held, pz[held] / gland[held])
    return float(gland.sum()) * zones.grid.voxel_volume_ml, shares
