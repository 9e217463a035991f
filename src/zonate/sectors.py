"""The one table of sectors: the PI-RADS v2.1 sector map as far as the zones that are segmented go.

CID 6304 names 41 regions. The two central zones, the two seminal vesicles and the external urethral sphincter are not
segmented; the other 36 are the sectors of PZ, TZ and AFS.
"""

import colorsys
from dataclasses import dataclass
from itertools import product
from typing import Literal

from zonate.zones import ZONE_INFO, Zone

Level = Literal["base", "mid", "apex"]
Side = Literal["right", "left"]
Part = Literal["anterior", "posterolateral", "posteromedial", "posterior", "whole"]

LEVELS: tuple[Level, ...] = ("base", "mid", "apex")
SIDES: tuple[Side, ...] = ("right", "left")
PARTS: dict[Zone, tuple[Part, ...]] = {
    Zone.PZ: ("anterior", "posterolateral", "posteromedial"),
    Zone.TZ: ("anterior", "posterior"),
    Zone.AFS: ("whole",),
}
"""What a zone is divided into at each level and on each side."""

_SHORT: dict[Part, str] = {
    "anterior": "a",
    "posterolateral": "pl",
    "posteromedial": "pm",
    "posterior": "p",
    "whole": "",
}
_LEVEL_IN_MEANING: dict[Level, str] = {"base": "basal", "mid": "middle", "apex": "apical"}

# SNOMED CT by zone, part and level: the code of the right sector, then that of the left.
_SNOMED: dict[tuple[Zone, Part, Level], tuple[str, str]] = {
    (Zone.PZ, "anterior", "base"): ("716904003", "716905002"),
    (Zone.PZ, "anterior", "mid"): ("716919002", "716920008"),
    (Zone.PZ, "anterior", "apex"): ("716936005", "716937001"),
    (Zone.PZ, "posterolateral", "base"): ("716906001", "716907005"),
    (Zone.PZ, "posterolateral", "mid"): ("716921007", "716922000"),
    (Zone.PZ, "posterolateral", "apex"): ("716938006", "716939003"),
    (Zone.PZ, "posteromedial", "base"): ("836428004", "836427009"),
    (Zone.PZ, "posteromedial", "mid"): ("716923005", "716924004"),
    (Zone.PZ, "posteromedial", "apex"): ("716940001", "716941002"),
    (Zone.TZ, "anterior", "base"): ("716896009", "716897000"),
    (Zone.TZ, "anterior", "mid"): ("716913001", "716914007"),
    (Zone.TZ, "anterior", "apex"): ("716930004", "716931000"),
    (Zone.TZ, "posterior", "base"): ("716898005", "716899002"),
    (Zone.TZ, "posterior", "mid"): ("716915008", "716916009"),
    (Zone.TZ, "posterior", "apex"): ("716932007", "716933002"),
    (Zone.AFS, "whole", "base"): ("716892006", "716893001"),
    (Zone.AFS, "whole", "mid"): ("716909008", "716910003"),
    (Zone.AFS, "whole", "apex"): ("716926002", "716927006"),
}


@dataclass(frozen=True)
class Sector:
    """A region of the PI-RADS v2.1 sector map (SNOMED CT, context group CID 6304).

    Attributes:
        number: From 1; what a sector map holds at its voxels.
        name: Such as `left posterolateral peripheral zone, mid`.
        abbreviation: Such as `PZpl-mid-L`; the key of sector volumes.
        zone: PZ, TZ or AFS.
        level: Third of the gland's length.
        side: The patient's.
        part: Of the zone at this level on this side; `whole` for the AFS.
        snomed_code: Code value in the scheme SCT.
        meaning: Code meaning as DICOM gives it.
        colour_rgb: A shade of the zone's colour, unlike those of the sectors that it touches.
    """

    number: int
    name: str
    abbreviation: str
    zone: Zone
    level: Level
    side: Side
    part: Part
    snomed_code: str
    meaning: str
    colour_rgb: tuple[int, int, int]

    @property
    def short(self) -> str:
        """Zone and part as PI-RADS abbreviates them, such as `PZpl`: the same at every level and on both sides."""
        return f"{self.zone.name}{_SHORT[self.part]}"


def _colour(zone: Zone, level: Level, part: Part, side: Side) -> tuple[int, int, int]:
    """The zone's colour with its hue turned by side and its lightness by part and level."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(value / 255 for value in ZONE_INFO[zone].colour_rgb))
    step = (PARTS[zone].index(part) + LEVELS.index(level)) % 3
    hue += 0.04 if side == "left" else -0.04
    lightness = (0.34, 0.53, 0.70)[step] + 0.03 * LEVELS.index(level)
    red, green, blue = (round(255 * value) for value in colorsys.hls_to_rgb(hue % 1.0, lightness, saturation))
    return red, green, blue


def _sector(number: int, zone: Zone, level: Level, part: Part, side: Side) -> Sector:
    of_zone = ZONE_INFO[zone].name
    parts = () if part == "whole" else (part,)
    return Sector(
        number=number,
        name=f"{' '.join((side, *parts, of_zone))}, {level}",
        abbreviation=f"{zone.name}{_SHORT[part]}-{level}-{side[0].upper()}",
        zone=zone,
        level=level,
        side=side,
        part=part,
        snomed_code=_SNOMED[zone, part, level][SIDES.index(side)],
        meaning=f"{' '.join((side, *parts, _LEVEL_IN_MEANING[level])).capitalize()} {of_zone} of prostate",
        colour_rgb=_colour(zone, level, part, side),
    )


SECTORS: tuple[Sector, ...] = tuple(
    _sector(number, zone, level, part, side)
    for number, (zone, level, part, side) in enumerate(
        (divided for zone, parts in PARTS.items() for divided in product((zone,), LEVELS, parts, SIDES)), start=1
    )
)
"""Numbered by zone, then from base to apex, then part, right before left."""
