"""The PI-RADS v2.1 sector map of a segmentation."""

import numpy as np
import numpy.typing as npt

from zonate.geometry import Affine, Volume
from zonate.measures.axes import Gland, GlandAxes
from zonate.measures.gland import NO_GLAND, gland_mask, positions_mm
from zonate.sectors import LEVELS, PARTS, SECTORS, SIDES
from zonate.zones import LabelCode, Zone, structure_codes

TIE_MM = 1e-6
"""A voxel whose centre lies on a border goes up, to the back, outwards and to the left, whatever the last bit says."""

_ANTERIOR, _LATERAL, _MEDIAL = 0, 1, 2  # places in PARTS[Zone.PZ]

Numbers = npt.NDArray[np.intp]


def sector_map(labels: Volume, codes: tuple[LabelCode, ...], gland: Gland | None = None) -> Volume | None:
    """Divide PZ, TZ and AFS into the sectors of PI-RADS v2.1.

    The gland's length along its own axis is cut into thirds: base, mid, apex. The midline plane parts right from left.
    In each third a coronal plane through the middle of the gland's depth parts anterior from posterior, and on each
    side the posterior PZ is medial up to half of the way from the midline to the gland's outermost point.

    Args:
        labels: Label codes (S, H, W) uint8.
        codes: Those that the annotator or model could have drawn, disjoint.
        gland: That of the labels, where it has been found already.

    Returns:
        Numbers of `SECTORS` on the same grid, uint8, 0 elsewhere: each zone of the three that the codes tell apart is
        covered exactly, the others and the distal urethra by none. None where the codes tell none of the three apart,
        cannot express the gland, or no gland is drawn.

    Source: PI-RADS v2.1 (2019), appendix on the sector map: right and left of a vertical line through the centre,
        anterior and posterior of a horizontal line through the middle of the gland. Where the posterior PZ parts is
        only drawn there; half of the way is how the drawing looks.
    """
    zones = [zone for zone in PARTS if LabelCode(zone) in codes]
    gland = gland or Gland.find(labels, codes)
    if gland is None or not zones:
        return None
    superior, posterior, left = gland.axes.along_mm(positions_mm(gland.mask, gland.grid)).T  # each (N,)
    level = _level(superior, gland.axes)
    in_body = gland.body[gland.mask]
    behind = posterior >= _middle_of_depth(posterior, level, in_body) - TIE_MM
    on_left = (left >= -TIE_MM).astype(np.intp)
    lateral = np.abs(left) >= _half_way_out(left, level, on_left, in_body) - TIE_MM

    part = {
        Zone.PZ: np.where(behind, np.where(lateral, _LATERAL, _MEDIAL), _ANTERIOR),
        Zone.TZ: behind.astype(np.intp),
        Zone.AFS: np.zeros(len(level), dtype=np.intp),
    }
    numbers = np.zeros(len(level), dtype=np.uint8)
    drawn = labels.values[gland.mask]
    for zone in zones:
        here = drawn == zone
        numbers[here] = _numbers(zone)[level[here], part[zone][here], on_left[here]]
    values = np.zeros(labels.values.shape, dtype=np.uint8)
    values[gland.mask] = numbers
    return labels.with_values(values)


def why_no_sectors(labels: Volume, codes: tuple[LabelCode, ...]) -> str:
    """Why `sector_map` gives none, or an empty one; only to be asked where it does."""
    if structure_codes("GLAND", codes) is None:
        return "the model does not tell the whole gland, by whose axes sectors are divided"
    if not any(LabelCode(zone) in codes for zone in PARTS):
        return f"the model tells none of {', '.join(zone.name for zone in PARTS)} apart"
    if gland_mask(labels, codes) is None:
        return NO_GLAND
    return "no voxel lies in a sector"


def _level(superior: Affine, axes: GlandAxes) -> Numbers:
    """Place in LEVELS of heights (N,)."""
    lowest, length = axes.lowest_mm, axes.highest_mm - axes.lowest_mm
    above_apex = superior >= lowest + length / 3 - TIE_MM
    in_base = superior >= lowest + 2 * length / 3 - TIE_MM
    return np.where(in_base, LEVELS.index("base"), np.where(above_apex, LEVELS.index("mid"), LEVELS.index("apex")))


def _middle_of_depth(posterior: Affine, level: Numbers, in_body: npt.NDArray[np.bool_]) -> Affine:
    """(N,): halfway between the gland's front and back at each voxel's level."""
    middle = np.zeros(len(LEVELS))
    for place in range(len(LEVELS)):
        at = posterior[(level == place) & in_body]
        at = at if len(at) else posterior[in_body]
        middle[place] = (at.min() + at.max()) / 2
    return np.asarray(middle[level])


def _half_way_out(left: Affine, level: Numbers, on_left: Numbers, in_body: npt.NDArray[np.bool_]) -> Affine:
    """(N,): half the distance from the midline to the gland's outermost point on each voxel's side at its level."""
    half = np.zeros((len(LEVELS), len(SIDES)))
    for place in range(len(LEVELS)):
        for side in range(len(SIDES)):
            at = left[(level == place) & (on_left == side) & in_body]
            at = at if len(at) else left[in_body]
            half[place, side] = np.abs(at).max() / 2
    return np.asarray(half[level, on_left])


def _numbers(zone: Zone) -> npt.NDArray[np.uint8]:
    """Sector numbers (level, part, side) of a zone."""
    table = np.zeros((len(LEVELS), len(PARTS[zone]), len(SIDES)), dtype=np.uint8)
    for sector in SECTORS:
        if sector.zone is zone:
            place = LEVELS.index(sector.level), PARTS[zone].index(sector.part), SIDES.index(sector.side)
            table[place] = sector.number
    return table
