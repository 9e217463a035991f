"""From a case and its zones to what the report says of them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from zonate.case import NO_ALIGNMENT, Case
from zonate.geometry import to_canonical
from zonate.measurements import NO_SAMPLES
from zonate.measures.gland import NO_GLAND
from zonate.measures.sector_map import why_no_sectors
from zonate.pictures.lettering import spells_out
from zonate.pictures.zones import code_rgb
from zonate.report.alignment_facts import alignment_facts, alignment_figure
from zonate.report.content import Colour, Content, Fact, plain, sentence
from zonate.report.measured import dice_figure, in_words, measurement_facts, psa_figure, volume_figure, volume_table
from zonate.report.model_facts import model_facts
from zonate.report.pictures import Level, key_levels, key_pictures
from zonate.zonemap import ZoneMap, marked
from zonate.zones import LabelCode, code_name, structure_name

_NAMES = {"ellipsoid": "Gland by the ellipsoid formula", "pz_tz_ratio": "PZ : TZ ratio", "adc": "ADC of the zones"}
_SAID_ELSEWHERE = ("psa", "volume_ml.")
"""By the key figures and the table of volumes."""


def compose(case: Case, zones: ZoneMap, about_model: Mapping[str, Any], *, created: datetime) -> Content:
    """Put a report together.

    Args:
        case: What was segmented.
        zones: What came of it. What it does not hold (measurements, sectors, samples) is said to be missing.
        about_model: As `zonate.model_json.model_to_json` gives it.
        created: With its time zone; shown in UTC.

    Raises:
        ValueError: A time without its zone, or zones on another grid than the T2W's.
    """
    if created.tzinfo is None:
        raise ValueError(f"the time {created.isoformat()} has no time zone: give one, such as datetime.now(UTC)")
    if not zones.labels.grid.same_as(case.t2w.grid):
        raise ValueError(f"case {case.case_id}: the zones do not lie on the T2W grid")
    labels = to_canonical(zones.labels).values
    levels = key_levels(labels)
    on_t2w, *others = key_pictures(case, zones, levels)
    doubt = _doubt(zones)
    maker = f"Zonate {version('zonate')}, model {plain(str(about_model['name']))}"
    return Content(
        case_id=plain(case.case_id),
        made=f"{created.astimezone(UTC):%Y-%m-%d %H:%M} UTC by {maker}",
        doubt=doubt,
        warnings=tuple(sentence(text) for text in _warnings(case, zones) if text not in doubt),
        key_figures=(volume_figure(zones), psa_figure(zones), dice_figure(zones), alignment_figure(case.alignment)),
        levels=tuple(_heading(level, len(labels)) for level in levels),
        legend=tuple(_legend(zones)),
        zones_on_t2w=on_t2w,
        volumes=volume_table(zones),
        measurements=measurement_facts(zones),
        alignment=alignment_facts(case.alignment),
        figures=tuple(others),
        model=model_facts(about_model),
        not_given=tuple(_not_given(case, zones)),
    )


def _warnings(case: Case, zones: ZoneMap) -> Iterator[str]:
    yield from zones.warnings or case.warnings
    if spells_out(plain(case.case_id)):
        yield (
            "no font here shows every character of the case id: in the PDF or the pictures some stand as their "
            "Unicode numbers"
        )


def _doubt(zones: ZoneMap) -> str:
    reason = zones.doubt
    if not reason and zones.uncertainty is not None and zones.uncertainty.doubtful:
        reason = zones.uncertainty.reason or "the repeated segmentations do not agree"
    if zones.empty and NO_GLAND not in reason:
        reason = f"{NO_GLAND}; {reason}" if reason else NO_GLAND
    return f"This result is doubtful: {sentence(reason, capital=False)}" if reason else ""


def _heading(level: Level, n_slices: int) -> str:
    place = f"slice {level.slice_index + 1} of {n_slices}"
    return f"{level.name}, {place}" if level.name else place.capitalize()


def _legend(zones: ZoneMap) -> Iterator[tuple[str, Colour]]:
    for code in zones.codes:
        if code != LabelCode.BACKGROUND:
            abbreviation = f" ({code.name})" if code < LabelCode.CENTRAL_GLAND else ""
            yield marked(f"{code_name(code)}{abbreviation}", structure_name(code), zones.not_validated), code_rgb(code)


def _not_given(case: Case, zones: ZoneMap) -> Iterator[Fact]:
    absent = [name for name, volume in (("ADC", case.adc), ("DWI", case.dwi)) if volume is None]
    if absent:
        unusable = case.alignment.chosen == "none" and case.alignment != NO_ALIGNMENT
        why = "Not usable, see the alignment." if unusable else "The study has none that could be read."
        yield f"Pictures of {' and '.join(absent)}", why
    if zones.sectors is None:
        yield "Sectors", sentence(why_no_sectors(zones.labels, zones.codes))
    if zones.uncertainty is None:
        yield "Intervals, expected Dice", sentence(NO_SAMPLES)
    for key, why in (zones.measurements.not_given if zones.measurements is not None else {}).items():
        if not key.startswith(_SAID_ELSEWHERE):
            of_structure = key.removeprefix("adc.")
            yield f"ADC, {in_words(of_structure)}" if of_structure != key else _NAMES.get(key, key), sentence(why)
