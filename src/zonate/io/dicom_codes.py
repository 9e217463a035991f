"""What structures are called in DICOM: SNOMED CT codes, and a scheme of our own for what has none."""

from dataclasses import dataclass, replace

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.sr.coding import Code

from zonate.sectors import Sector
from zonate.zonemap import NOT_VALIDATED, why_not_validated
from zonate.zones import CENTRAL_GLAND_COLOUR_RGB, WHOLE_GLAND_COLOUR_RGB, ZONE_INFO, LabelCode, Zone

ANATOMICAL_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")
PROSTATE = Code("41216001", "SCT", "Prostate")
OWN_SCHEME = "99ZONATE"
"""Names that begin with 99 are for private schemes (PS3.3 section 8.2)."""
_LABEL_CHARACTERS = 64


@dataclass(frozen=True)
class CodedStructure:
    """A structure as DICOM objects name it.

    Attributes:
        code: What it is.
        label: What a viewer shows, 64 characters at most.
        description: What the code leaves open; empty where it leaves nothing.
        tracking_id: Tells it from the other structures of one result.
        colour_rgb: How to draw it.
    """

    code: Code
    label: str
    description: str
    tracking_id: str
    colour_rgb: tuple[int, int, int]


_MEANING = {
    LabelCode.PZ: "Peripheral zone of prostate",
    LabelCode.TZ: "Transition zone of prostate",
    LabelCode.DPU: "Prostatic urethra",
    LabelCode.AFS: "Anterior fibromuscular stroma of prostate",
}
_LABEL = {**_MEANING, LabelCode.DPU: "Distal prostatic urethra"}
_DESCRIPTION = {LabelCode.DPU: "Distal part, from the verumontanum to the apex; SNOMED CT has no code for it"}


def coded_zone(code: LabelCode) -> CodedStructure:
    """How what a label code stands for is named.

    The central gland has no SNOMED CT code: it gets one of our own, not the prostate's, which a reader would take for
    the whole gland. Where it lies is said beside it (`PROSTATE` as the anatomic region).

    Raises:
        ValueError: The code stands for no structure (BACKGROUND, NOT_ANNOTATED).
    """
    if code == LabelCode.WHOLE_GLAND:
        return CodedStructure(PROSTATE, "Prostate", "All zones, not told apart", code.name, WHOLE_GLAND_COLOUR_RGB)
    if code == LabelCode.CENTRAL_GLAND:
        return CodedStructure(
            Code("CENTRAL_GLAND", OWN_SCHEME, "Central gland of prostate"),
            "Central gland of prostate",
            "Inner gland: TZ, distal urethra and AFS, not told apart",
            code.name,
            CENTRAL_GLAND_COLOUR_RGB,
        )
    if code not in _MEANING:
        raise ValueError(f"{code.name} is no structure that a DICOM object could name")
    info = ZONE_INFO[Zone(code)]
    return CodedStructure(
        Code(str(info.snomed_code), "SCT", _MEANING[code]),
        _LABEL[code],
        _DESCRIPTION.get(code, ""),
        code.name,
        info.colour_rgb,
    )


def coded_sector(sector: Sector) -> CodedStructure:
    """How a sector of the PI-RADS v2.1 map (CID 6304) is named."""
    return CodedStructure(
        Code(sector.snomed_code, "SCT", sector.meaning), sector.meaning, "", sector.abbreviation, sector.colour_rgb
    )


def unvalidated(of: CodedStructure) -> CodedStructure:
    """The same structure, whose label and description say that it is not validated.

    Where the label would not fit into 64 characters, it leaves out that the structure is one of the prostate.
    """
    label = f"{of.label}, {NOT_VALIDATED}"
    if len(label) > _LABEL_CHARACTERS:
        label = f"{of.label.removesuffix(' of prostate')}, {NOT_VALIDATED}"
    said = f"Not validated: {why_not_validated(1)}"
    return replace(of, label=label, description=f"{said}. {of.description}" if of.description else said)


def own_scheme() -> CodingSchemeIdentificationItem:
    """Says what the scheme of our own is, in an object that uses it."""
    return CodingSchemeIdentificationItem(
        designator=OWN_SCHEME, name="Zonate structures", responsible_organization="The Zonate developers"
    )
