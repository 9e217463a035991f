"""The one table of zones: index, name, abbreviation, colour, and which zones a label code stands for.

A *zone* is what the network tells apart: its value is the class index and the channel of the
one-hot label. A *label code* is what an annotator drew: the codes 0 to 4 are the zones, further
codes stand for sets of zones that a coarser reading did not tell apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from zonate.errors import LabelError


class Zone(IntEnum):
    """A class of the network; the order is that of the method that the project starts from."""

    BACKGROUND = 0
    PZ = 1
    TZ = 2
    DPU = 3
    AFS = 4


class LabelCode(IntEnum):
    """What an annotator drew at a voxel, as stored in every dataset (uint8)."""

    BACKGROUND = 0
    PZ = 1
    TZ = 2
    DPU = 3
    AFS = 4
    CENTRAL_GLAND = 5
    WHOLE_GLAND = 6
    NOT_ANNOTATED = 255


@dataclass(frozen=True)
class ZoneInfo:
    """How a zone is named, drawn and coded (SNOMED CT, context group CID 6300)."""

    name: str
    colour_rgb: tuple[int, int, int]
    snomed_code: str | None


ZONE_INFO: dict[Zone, ZoneInfo] = {
    Zone.BACKGROUND: ZoneInfo("background", (0, 0, 0), None),
    Zone.PZ: ZoneInfo("peripheral zone", (86, 180, 233), "279706003"),
    Zone.TZ: ZoneInfo("transition zone", (230, 159, 0), "399384005"),
    Zone.DPU: ZoneInfo("distal prostatic urethra", (240, 228, 66), "71553001"),
    Zone.AFS: ZoneInfo("anterior fibromuscular stroma", (204, 121, 167), "717025007"),
}
"""The colours are Okabe and Ito's, which stay apart for colour-blind readers."""

CENTRAL_GLAND_COLOUR_RGB = (213, 94, 0)
WHOLE_GLAND_COLOUR_RGB = (0, 158, 115)

GLAND = frozenset({Zone.PZ, Zone.TZ, Zone.DPU, Zone.AFS})
N_ZONES = len(Zone)

ZONES_OF_CODE: dict[LabelCode, frozenset[Zone]] = {
    LabelCode.BACKGROUND: frozenset({Zone.BACKGROUND}),
    LabelCode.PZ: frozenset({Zone.PZ}),
    LabelCode.TZ: frozenset({Zone.TZ}),
    LabelCode.DPU: frozenset({Zone.DPU}),
    LabelCode.AFS: frozenset({Zone.AFS}),
    LabelCode.CENTRAL_GLAND: frozenset({Zone.TZ, Zone.DPU, Zone.AFS}),
    LabelCode.WHOLE_GLAND: GLAND,
}

STRUCTURES: dict[str, frozenset[Zone]] = {
    "PZ": frozenset({Zone.PZ}),
    "TZ": frozenset({Zone.TZ}),
    "DPU": frozenset({Zone.DPU}),
    "AFS": frozenset({Zone.AFS}),
    "CENTRAL_GLAND": ZONES_OF_CODE[LabelCode.CENTRAL_GLAND],
    "GLAND": GLAND,
}
"""What is measured: each zone, the central gland and the whole gland."""

CODE_OF_STRUCTURE: dict[str, LabelCode] = {
    name: LabelCode.WHOLE_GLAND if name == "GLAND" else LabelCode[name] for name in STRUCTURES
}
"""The label code that stands for a structure alone."""

ALL_ZONE_CODES = tuple(LabelCode(zone) for zone in Zone)
"""The codes of a full annotation: background and the four zones."""


def code_name(code: LabelCode) -> str:
    """How a label code is called in pictures and messages."""
    return code.name.replace("_", " ").lower() if code > max(Zone) else ZONE_INFO[Zone(code)].name


def structure_name(code: LabelCode) -> str:
    """The key of STRUCTURES of what a code stands for; BACKGROUND and NOT_ANNOTATED stand for none."""
    return "GLAND" if code == LabelCode.WHOLE_GLAND else code.name


def membership() -> npt.NDArray[np.bool_]:
    """The membership matrix: row = label code (256 of them), column = zone.

    Returns:
        Array (256, K): True where the code's set holds the zone. The rows of codes that nobody
        defined, and of NOT_ANNOTATED, are all False.
    """
    matrix = np.zeros((256, N_ZONES), dtype=np.bool_)
    for code, zones in ZONES_OF_CODE.items():
        matrix[code, sorted(zones)] = True
    return matrix


def told_apart(codes: Iterable[int]) -> tuple[LabelCode, ...]:
    """The finest label codes that annotations with these codes can tell apart.

    Two zones are told apart when some code holds one and not the other. {BACKGROUND, PZ,
    CENTRAL_GLAND} gives itself; together with a full annotation it gives the five zones. A zone
    that no code holds was never annotated and appears nowhere.

    Args:
        codes: The codes that the annotators *could* have drawn (declared, not merely present).

    Returns:
        Codes whose zone sets are disjoint, in ascending order.

    Raises:
        LabelError: A set of zones that nothing tells apart has no label code of its own.
    """
    sets = [ZONES_OF_CODE[code] for code in _annotated(codes)]
    classes: dict[tuple[bool, ...], set[Zone]] = {}
    for zone in Zone:
        signature = tuple(zone in zones for zones in sets)
        if any(signature):
            classes.setdefault(signature, set()).add(zone)
    code_of_zones = {zones: code for code, zones in ZONES_OF_CODE.items()}
    try:
        return tuple(sorted(code_of_zones[frozenset(zones)] for zones in classes.values()))
    except KeyError as error:
        names = "+".join(zone.name for zone in sorted(error.args[0]))
        raise LabelError(
            f"the zones {names} are never told apart by the label codes {sorted(codes)}, and no label code "
            "stands for them together: declare a coarser code (CENTRAL_GLAND, WHOLE_GLAND) for one of them"
        ) from None


def drawn_apart(annotators: Iterable[Iterable[int]]) -> tuple[LabelCode, ...]:
    """The finest label codes that annotators tell apart and one of them draws on both sides of their borders.

    It is what a model that learns from them can announce. Where only {BACKGROUND, PZ, TZ, CENTRAL_GLAND, AFS} is drawn,
    what is left of the central gland may hold TZ and AFS as well: no border of TZ, DPU or AFS is drawn, and
    {BACKGROUND, PZ, CENTRAL_GLAND} is given.

    Args:
        annotators: Of each, the codes that could have been drawn.

    Returns:
        As `told_apart` of all their codes together, but that zones stay together in the smallest code that is drawn.

    Raises:
        LabelError: A set of zones that nothing tells apart has no label code of its own.
    """
    declared = {tuple(sorted(_annotated(codes))) for codes in annotators}
    drawn = [code for name, code in CODE_OF_STRUCTURE.items() if any(drawable(name, codes) for codes in declared)]
    enclosing = {
        min((zones for code in (LabelCode.BACKGROUND, *drawn) if (zones := ZONES_OF_CODE[code]) >= within), key=len)
        for within in (ZONES_OF_CODE[code] for code in told_apart({code for codes in declared for code in codes}))
    }
    outermost = {zones for zones in enclosing if not any(zones < other for other in enclosing)}
    return tuple(code for code, zones in ZONES_OF_CODE.items() if zones in outermost)


def structure_codes(structure: str, codes: Iterable[int]) -> tuple[LabelCode, ...] | None:
    """Which of the codes make up a structure exactly, if they can.

    Args:
        structure: A key of STRUCTURES.
        codes: Codes with disjoint zone sets, as `told_apart` gives them.

    Returns:
        The codes whose zones together are the structure; None where a code straddles its border or
        a zone of it was never annotated (the structure cannot be measured at this level).
    """
    wanted = STRUCTURES[structure]
    chosen = tuple(LabelCode(code) for code in codes if ZONES_OF_CODE[LabelCode(code)] & wanted)
    covered = frozenset[Zone]().union(*(ZONES_OF_CODE[code] for code in chosen))
    return chosen if covered == wanted else None


def codes_within(structure: str, codes: Iterable[int]) -> tuple[LabelCode, ...]:
    """Those of the codes that stand for a structure or parts of it and for nothing beyond; they may overlap."""
    wanted = STRUCTURES[structure]
    return tuple(code for code in _annotated(codes) if ZONES_OF_CODE[code] <= wanted)


def straddling_codes(structure: str, codes: Iterable[int]) -> tuple[LabelCode, ...]:
    """Those of the codes that stand for zones of a structure and for others: where one is drawn, nobody knows."""
    wanted = STRUCTURES[structure]
    return tuple(code for code in _annotated(codes) if (zones := ZONES_OF_CODE[code]) & wanted and not zones <= wanted)


def drawn_within(zones: frozenset[Zone], codes: Iterable[int]) -> frozenset[Zone]:
    """Which of some zones are drawn by codes that stand for nothing beyond them; NOT_ANNOTATED draws nothing."""
    sets = (ZONES_OF_CODE[code] for code in _annotated(codes))
    return frozenset[Zone]().union(*(drawn for drawn in sets if drawn <= zones))


def drawable(structure: str, codes: Iterable[int]) -> bool:
    """Whether an annotator with these codes draws a structure's border, on both of its sides.

    Where the codes are WHOLE_GLAND and PZ, what is left of the gland may hold PZ that nobody drew: neither PZ nor the
    central gland can be measured. CENTRAL_GLAND beside TZ, DPU and AFS hinders nothing: where the annotator tells them
    apart, both sides of the border are drawn.

    Args:
        structure: A key of STRUCTURES.
        codes: Those that the annotator could have drawn.
    """
    wanted = STRUCTURES[structure]
    declared = _annotated(codes)
    straddling = [ZONES_OF_CODE[code] for code in straddling_codes(structure, declared)]
    return all(drawn_within(zones, declared) == zones for zones in (wanted, *(zones - wanted for zones in straddling)))


def parse_label_codes(text: str) -> dict[int, LabelCode]:
    """Read a manifest's `label_codes` column, such as `0=BACKGROUND;1=PZ;2=CENTRAL_GLAND`.

    Returns:
        From the value in the label file to the label code.

    Raises:
        LabelError: The text does not have this form, or names an unknown code.
    """
    table: dict[int, LabelCode] = {}
    for item in text.split(";"):
        value, separator, name = (part.strip() for part in item.partition("="))
        if not separator or not value.isdecimal() or name not in LabelCode.__members__ or int(value) in table:
            raise LabelError(
                f"label_codes: {item!r} in {text!r} is not VALUE=NAME with a new VALUE and a NAME of "
                + ", ".join(LabelCode.__members__)
            )
        table[int(value)] = LabelCode[name]
    return table


def _annotated(codes: Iterable[int]) -> list[LabelCode]:
    return [LabelCode(code) for code in codes if code != LabelCode.NOT_ANNOTATED]
