"""A segmentation for a person to judge: qc.png of `predict`."""

from collections.abc import Sequence
from pathlib import Path

from zonate.case import Case
from zonate.pictures.zones import Reading, draw_zones
from zonate.zonemap import NOT_VALIDATED, ZoneMap, why_not_validated
from zonate.zones import STRUCTURES, LabelCode, code_name, structure_codes, structure_name

_LINE_LENGTH = 120


def draw_qc(
    file: Path,
    case: Case,
    zones: ZoneMap,
    *,
    known: tuple[bool, bool, bool],
    model_name: str,
    warnings: Sequence[str],
) -> None:
    """Write up to twelve slices through the gland with the zones' outlines, their volumes, doubt, and the warnings.

    Args:
        file: PNG to write; not atomic.
        case: What was segmented.
        zones: What the model says; why it is doubtful comes first, in red.
        known: For T2W, DWI and ADC, whether the model looks at it.
        model_name: For the line below the headline.
        warnings: The first four are shown, the others counted; what makes it doubtful is not said twice.
    """
    gland_ml = zones.volumes_ml()["GLAND"]
    used = [sequence.name for sequence, volume in case.channels().items() if volume is not None and known[sequence]]
    others = [text for text in warnings if text not in zones.doubt]
    shown = [f"warning: {text}" for text in others[:4]]
    if len(others) > 4:
        shown.append(f"and {len(others) - 4} more in zones.json")
    draw_zones(
        file,
        case.t2w,
        [Reading("", zones.labels)],
        title=case.case_id + ("" if gland_ml is None else f": gland {gland_ml:.1f} ml"),
        lines=[
            f"model {model_name} on {' + '.join(used)}; alignment: {case.alignment.chosen}",
            *([f"* {NOT_VALIDATED}: {why_not_validated(len(zones.not_validated))}"] if zones.not_validated else []),
            *map(_shortened, shown),
        ],
        alarm=_shortened(f"DOUBTFUL: {zones.doubt}") if zones.doubt else "",
        legend=_legend(zones),
    )


def _legend(zones: ZoneMap) -> list[tuple[LabelCode, str]]:
    """Each code of the model with its volume where a structure is just this code; a star where it is not validated."""
    volumes = zones.volumes_ml()
    structure_of = {structure_codes(name, zones.codes): name for name in STRUCTURES}
    legend: list[tuple[LabelCode, str]] = []
    for code in zones.codes:
        if code != LabelCode.BACKGROUND:
            volume_ml = volumes.get(structure_of.get((code,), ""))
            text = code_name(code) + ("" if volume_ml is None else f" {volume_ml:.1f} ml")
            legend.append((code, f"{text} *" if structure_name(code) in zones.not_validated else text))
    return legend


def _shortened(text: str) -> str:
    return text if len(text) <= _LINE_LENGTH else text[: _LINE_LENGTH - 1].rstrip() + "…"
