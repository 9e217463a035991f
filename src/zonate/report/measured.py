"""What a report says of the gland in figures: volumes with their intervals, diameters, ADC, PSA density."""

import math
from collections.abc import Iterable, Iterator, Mapping

from zonate.geometry import Volume
from zonate.measurements import INTERVAL, AdcStatistics, Ellipsoid, Interval, Measurements, PsaDensity, Uncertainty
from zonate.measures.measure import sector_volumes_ml
from zonate.measures.psa import CUT_OFFS_NG_ML2, cut_offs_reached
from zonate.pictures.zones import code_rgb
from zonate.plausibility import GOES_ON, HALF_MISSING, SIDES_UNSURE
from zonate.report.content import NOT_GIVEN, Colour, Fact, KeyFigure, Table, TableRow, sentence
from zonate.sectors import LEVELS, SECTORS, SIDES
from zonate.zonemap import NOT_VALIDATED, ZoneMap, marked, why_not_validated
from zonate.zones import LabelCode, structure_codes

NOT_TOLD_APART = "not told apart by this model"
STRUCTURE_NAMES = {
    "GLAND": "Whole gland",
    "PZ": "Peripheral zone (PZ)",
    "CENTRAL_GLAND": "Central gland",
    "TZ": "Transition zone (TZ)",
    "DPU": "Distal urethra (DPU)",
    "AFS": "Anterior stroma (AFS)",
}
"""In the order of the table; the last three are parts of the central gland."""
_PARTS = ("TZ", "DPU", "AFS")
_ADC_UNIT = "10⁻⁶\u00a0mm²/s"
_WHOLLY_MEASURED = 0.95
"""Less coverage by the ADC map than this is said."""


def volume_figure(zones: ZoneMap) -> KeyFigure:
    """The gland by planimetry, with its interval."""
    called = marked("Gland volume", "GLAND", zones.not_validated)
    volume = zones.volumes_ml()["GLAND"]
    if volume is None:
        return KeyFigure(called, NOT_GIVEN, NOT_TOLD_APART)
    of = zones.uncertainty
    if of is None or "GLAND" not in of.shown_ml:
        doubtful = of is not None and of.doubtful
        note = "no interval: the result is doubtful" if doubtful else "no interval was estimated"
        return KeyFigure(called, f"{_ml(volume)} ml", note)
    return KeyFigure(called, f"{_ml(volume)} ml", f"{of.shown_as} {_range(of.shown_ml['GLAND'])} ml")


def psa_figure(zones: ZoneMap) -> KeyFigure:
    """PSA density, with its interval and the cut-offs that it reaches; no cut-offs where the volume is doubtful."""
    name = marked("PSA density", "GLAND", zones.not_validated)
    if zones.measurements is None or zones.measurements.psa is None:
        return KeyFigure(name, NOT_GIVEN, _without_psa(zones.measurements))
    psa = zones.measurements.psa
    interval = [f"{_density_interval(psa.interval_ng_ml2)} ng/ml²"] if psa.interval_ng_ml2 is not None else []
    return KeyFigure(
        name, f"{_density(psa.density_ng_ml2)} ng/ml²", "; ".join([*interval, *_said_of_density(psa, zones)])
    )


def dice_figure(zones: ZoneMap) -> KeyFigure:
    """The Dice with a reader that is to be expected of the gland, or the samples' agreement."""
    of = zones.uncertainty
    if of is None or "GLAND" not in (of.expected_dice if of.calibrated else of.agreement):
        return KeyFigure("Expected Dice, gland", NOT_GIVEN, "not estimated")
    if not of.calibrated:
        return KeyFigure(
            "Agreement of samples, gland", f"{of.agreement['GLAND']:.2f}", "Dice; not calibrated on readers"
        )
    return KeyFigure("Expected Dice, gland", f"{of.expected_dice['GLAND']:.2f}", "with a reader; 1 is identical")


def volume_table(zones: ZoneMap) -> Table:
    """A row a structure: volume, interval, expected Dice and ADC, as far as any structure has them."""
    volumes = zones.volumes_ml()
    of, adc = zones.uncertainty, zones.measurements.adc if zones.measurements is not None else {}
    headings = ["Structure", "Volume (ml)"]
    if of is not None:
        headings += [f"{of.shown_as.capitalize()} (ml)", "Expected Dice" if of.calibrated else "Agreement (Dice)"]
    if adc:
        headings += [f"ADC mean ({_ADC_UNIT})", f"ADC 10th percentile ({_ADC_UNIT})"]
    rows = []
    for structure, plain_name in STRUCTURE_NAMES.items():
        name = marked(plain_name, structure, zones.not_validated)
        volume = volumes[structure]
        how = {"part": structure in _PARTS, "bold": structure == "GLAND"}
        colour = _colour(structure, zones.codes)
        if volume is None:
            rows.append(TableRow(name, (NOT_TOLD_APART,), colour, **how))
            continue
        cells = [_ml(volume)]
        if of is not None:
            cells += _doubt_cells(of, structure)
        if adc:
            cells += _adc_cells(adc.get(structure))
        rows.append(TableRow(name, tuple(cells), colour, **how))
    unproven = len(zones.not_validated)
    notes = (*_notes(of, adc), *([f"Not validated: {why_not_validated(unproven)}."] if unproven else []))
    return Table("Volumes", tuple(headings), tuple(rows), notes)


def sector_table(
    sectors: Volume, codes: tuple[LabelCode, ...], not_validated: tuple[str, ...] = (), warnings: Iterable[str] = ()
) -> Table:
    """Volumes by sector: a row a part of a zone that the model tells apart, a column a level and side.

    Args:
        sectors: Numbers of `SECTORS`.
        codes: Those that the model tells apart.
        not_validated: As in `ZoneMap`.
        warnings: As in `ZoneMap`: what they say of sides and levels is said again.
    """
    volumes = sector_volumes_ml(sectors)
    names = {(sector.short, sector.level, sector.side): sector.abbreviation for sector in SECTORS}
    columns = [(level, side) for level in LEVELS for side in SIDES]
    parts = dict.fromkeys(sector.short for sector in SECTORS if LabelCode(sector.zone) in codes)
    rows = [TableRow(part, tuple(_ml(volumes[names[part, level, side]]) for level, side in columns)) for part in parts]
    headings = ("ml", *(f"{level.capitalize()} {side[0].upper()}" for level, side in columns))
    unproven = dict.fromkeys(of.short for of in SECTORS if of.short in parts and of.zone.name in not_validated)
    said = " ".join(warnings)
    notes = [f"{', '.join(unproven)}: {NOT_VALIDATED}."] if unproven else []
    notes += ["Right and left are not to be trusted: see the warnings."] if SIDES_UNSURE in said else []
    notes += ["Base and apex are thirds of what was imaged: see the warnings."] if GOES_ON in said else []
    return Table("Volumes of the sectors", headings, tuple(rows), tuple(notes))


def measurement_facts(zones: ZoneMap) -> tuple[Fact, ...]:
    """Ellipsoid, what is to be known of it, PZ:TZ ratio and PSA density, those that there are."""
    return tuple(_facts(zones.measurements, zones)) if zones.measurements is not None else ()


def _facts(of: Measurements, zones: ZoneMap) -> Iterator[Fact]:
    if of.ellipsoid is not None:
        yield "Gland by the ellipsoid formula", _ellipsoid(of.ellipsoid)
        if of.remarks:
            yield "To be known of it", " ".join(map(sentence, of.remarks))
    if of.pz_tz_ratio is not None:
        unproven = f", {NOT_VALIDATED}" if {"PZ", "TZ"} & set(zones.not_validated) else ""
        yield "PZ : TZ ratio", f"{of.pz_tz_ratio:.2f}{unproven}"
    if of.psa is not None:
        gland_ml = of.gland_volume_ml
        over = f" over {_ml(gland_ml)} ml" if gland_ml is not None else ""
        interval = f" ({_density_interval(of.psa.interval_ng_ml2)})" if of.psa.interval_ng_ml2 is not None else ""
        density = f"{_density(of.psa.density_ng_ml2)} ng/ml²{interval}: PSA {of.psa.psa_ng_ml:g} ng/ml{over}"
        yield "PSA density", "; ".join([density, *_said_of_density(of.psa, zones)])


def _ellipsoid(of: Ellipsoid) -> str:
    diameters = (
        f"{of.anterior_posterior_mm:.0f} (AP) × {of.transverse_mm:.0f} (T) × {of.craniocaudal_mm:.0f} (CC) mm × π/6"
    )
    difference = f"{abs(of.difference_percent):.0f} % {'more' if of.difference_percent > 0 else 'less'} than planimetry"
    if round(abs(of.difference_percent)) == 0:
        difference = "as planimetry"
    return f"{_ml(of.volume_ml)} ml = {diameters}; {difference}"


def _doubt_cells(of: Uncertainty, structure: str) -> list[str]:
    interval = of.shown_ml.get(structure)
    dice = (of.expected_dice if of.calibrated else of.agreement).get(structure)
    return [_range(interval) if interval else NOT_GIVEN, f"{dice:.2f}" if dice is not None else NOT_GIVEN]


def _adc_cells(of: AdcStatistics | None) -> list[str]:
    if of is None:
        return [NOT_GIVEN, NOT_GIVEN]
    return [f"{of.mean_1e_6_mm2_s:.0f}", f"{of.percentile_10_1e_6_mm2_s:.0f}"]


def _notes(of: Uncertainty | None, adc: Mapping[str, AdcStatistics]) -> Iterator[str]:
    yield "Volumes by planimetry: voxels counted. The central gland is TZ, DPU and AFS together."
    if of is not None:
        drawn = f"the middle 95 % of {of.samples} repeated segmentations with the network's dropout on"
        if of.calibrated:
            yield f"Interval: {drawn}, widened to hold the reader's volume in 95 % of the patients of its calibration."
            yield "It is given where at most threefold widening does that, and not where the result is doubtful."
            yield "Expected Dice: with a reader's outline, as it was in those patients; 1 is identical, 0 apart."
        else:
            yield f"Range: {drawn}. It holds the network's own doubt: readers differ far more."
            yield (
                "Agreement: of the repeated segmentations with the result; no calibration holds for them, so it is no "
                "expected Dice."
            )
    for structure, stats in adc.items():
        if stats.coverage < _WHOLLY_MEASURED:
            yield f"ADC, {in_words(structure)}: the map has values above 0 in {stats.coverage:.0%} of it."


def in_words(structure: str) -> str:
    """A structure's name within a sentence, such as `peripheral zone (PZ)`."""
    name = STRUCTURE_NAMES[structure]
    return f"{name[0].lower()}{name[1:]}"


def _colour(structure: str, codes: tuple[LabelCode, ...]) -> Colour | None:
    members = structure_codes(structure, codes)
    return code_rgb(members[0]) if members is not None and len(members) == 1 else None


def _without_psa(of: Measurements | None) -> str:
    return of.not_given.get("psa", "no PSA value was given") if of is not None else "no PSA value was given"


def _density(density_ng_ml2: float) -> str:
    """With two digits, or as many more as it takes not to look as if it reached a cut-off that it does not reach."""
    for digits in (2, 3, 4):
        text = f"{density_ng_ml2:.{digits}f}"
        if cut_offs_reached(float(text)) == cut_offs_reached(density_ng_ml2):
            return text
    return f"{math.floor(density_ng_ml2 * 10_000) / 10_000:.4f}"


def _density_interval(low_high: Interval) -> str:
    return f"{INTERVAL} {_density(low_high[0])} to {_density(low_high[1])}"


def _said_of_density(of: PsaDensity, zones: ZoneMap) -> Iterator[str]:
    if zones.doubt or (zones.uncertainty is not None and zones.uncertainty.doubtful):
        yield "the volume is doubtful"
        return
    yield _cut_offs(of)
    said = " ".join(zones.warnings)
    if GOES_ON in said or HALF_MISSING in said:
        yield "a part of the gland may be missing, see the warnings"


def _cut_offs(of: PsaDensity) -> str:
    """Those that the density reaches or does not, by its whole interval where it has one, and those within that."""
    low, high = of.interval_ng_ml2 or (of.density_ng_ml2, of.density_ng_ml2)
    reached, not_missed = cut_offs_reached(low), cut_offs_reached(high)
    missed = [cut for cut in CUT_OFFS_NG_ML2 if cut not in not_missed]
    within = [f"{cut:.2f}" for cut in not_missed if cut not in reached]
    parts = [f"reaches {reached[-1]:.2f}"] if reached else []
    parts += [f"below {missed[0]:.2f}"] if missed else []
    said = [f"{', '.join(parts)} ng/ml²"] if parts else []
    if len(within) == 1:
        said.append(f"{within[0]} lies within its interval")
    elif within:
        said.append(f"{', '.join(within[:-1])} and {within[-1]} lie within its interval")
    return "; ".join(said)


def _ml(volume: float) -> str:
    return "< 0.1" if 0 < volume < 0.05 else f"{volume:.1f}"


def _range(interval: Interval) -> str:
    return f"{_ml(interval[0])} to {_ml(interval[1])}"
