"""Which series give DWI and ADC: a trace-weighted series and the ADC map computed from it, found as a pair."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from typing import NamedTuple

from zonate.errors import AmbiguousSeriesError
from zonate.io.adc import fitted_b_values
from zonate.io.series import Kind, SeriesHeaders, lie_together
from zonate.settings.data import ReadingSettings
from zonate.study import Sequence


class Chosen(NamedTuple):
    """A series for a role, why, the b-value of a DWI, and how the volume is made where it is not simply read."""

    series: SeriesHeaders
    why: str
    b_value_s_mm2: float | None = None
    derived: str | None = None


class _Pair(NamedTuple):
    source: SeriesHeaders
    adc: SeriesHeaders | None


def choose_diffusion(
    series: Items[SeriesHeaders],
    t2w: SeriesHeaders | None,
    given: Mapping[Sequence, SeriesHeaders],
    settings: ReadingSettings,
    case: str,
) -> dict[Sequence, Chosen]:
    """Find DWI and ADC as a pair.

    Each ADC map belongs to the acquired trace-weighted series of the same geometry and frame of
    reference that is nearest in time. Of several pairs the one with the most b-values is taken, of
    equals one in the T2W's frame of reference, then the later. Where no acquired b-value reaches the
    setting's, the calculated series beside the pair gives the DWI. Without a map the ADC is fitted.

    Args:
        series: All series of the study.
        t2w: The series chosen as T2W; None where there is none.
        given: Series that the user chose.
        settings: How a study is read.
        case: How messages name the study.

    Raises:
        AmbiguousSeriesError: Nothing decides between two pairs.
    """
    usable = [s for s in series if s.is_axial_volume]
    traces = [s for s in usable if s.kind is Kind.TRACE and s.b_values[-1] > 0]
    maps = [s for s in usable if s.kind is Kind.ADC]
    calculated = [s for s in usable if s.kind is Kind.CALCULATED]
    given_dwi, given_adc = given.get(Sequence.DWI), given.get(Sequence.ADC)
    if given_dwi is not None:
        traces, calculated = ([given_dwi], []) if given_dwi.kind is not Kind.CALCULATED else (traces, [given_dwi])
    if given_adc is not None:
        maps = [given_adc] if given_adc.kind is not Kind.TRACE else []
        traces = traces if given_adc.kind is not Kind.TRACE or given_dwi is not None else [given_adc]
    pairs = _pairs(traces, maps) or _pairs(calculated, maps)
    pair = _best(pairs, t2w, case) if pairs else None
    if pair is None:
        lone = max(maps, key=lambda s: s.when, default=None)
        return {} if lone is None else {Sequence.ADC: Chosen(lone, "the ADC map; no diffusion series is its source")}
    adc = given_adc if given_adc is not None and given_adc.kind is not Kind.TRACE else pair.adc
    dwi = _dwi(pair, calculated, given_dwi, settings)
    result = {Sequence.DWI: dwi}
    chosen_adc = _adc(pair.source, adc, given_adc, maps)
    if chosen_adc is not None:
        result[Sequence.ADC] = chosen_adc
    return result


def lower_b_series(dwi: SeriesHeaders, series: Items[SeriesHeaders]) -> SeriesHeaders | None:
    """Where each b-value is a series of its own: the one of the lowest b-value that lies where the DWI lies.

    Of several of that b-value the one nearest in time. None where the DWI's own series holds several b-values, or
    no other lies on its planes in its frame of reference.
    """
    if dwi.kind is not Kind.TRACE or len(dwi.b_values) != 1:
        return None
    lower = [s for s in series if s.kind is Kind.TRACE and s.b_values[0] < dwi.b_values[0] and lie_together(dwi, s)]
    return min(lower, key=lambda s: (s.b_values[0], *_apart(dwi, s)), default=None)


def _pairs(sources: Items[SeriesHeaders], maps: Items[SeriesHeaders]) -> list[_Pair]:
    """Every map with its nearest source; sources without a map by themselves only where no map found one."""
    nearest: dict[int, list[SeriesHeaders]] = {}
    for adc in maps:
        fitting = [i for i, source in enumerate(sources) if lie_together(source, adc)]
        if fitting:
            home = min(
                fitting, key=lambda i: (*_apart(sources[i], adc), -len(sources[i].b_values), -_highest(sources[i]))
            )
            nearest.setdefault(home, []).append(adc)
    pairs = [
        _Pair(sources[i], min(adcs, key=lambda adc: (*_apart(sources[i], adc), *(-x for x in adc.when))))
        for i, adcs in nearest.items()
    ]
    return pairs or [_Pair(source, None) for source in sources]


def _best(pairs: Items[_Pair], t2w: SeriesHeaders | None, case: str) -> _Pair:
    def rank(pair: _Pair) -> tuple[float, ...]:
        same_frame = t2w is not None and t2w.frame_of_reference == pair.source.frame_of_reference
        return (len(pair.source.b_values), same_frame, *pair.source.when)

    best = max(pairs, key=rank)
    if sum(rank(pair) == rank(best) for pair in pairs) > 1:
        numbers = ", ".join(sorted({pair.source.label for pair in pairs if rank(pair) == rank(best)}))
        raise AmbiguousSeriesError(
            f"{case}: nothing in the headers decides which diffusion series is the DWI ({numbers}): "
            "give the DWI and the ADC by their series numbers"
        )
    return best


def _dwi(
    pair: _Pair, calculated: Items[SeriesHeaders], given: SeriesHeaders | None, settings: ReadingSettings
) -> Chosen:
    source, partner = pair.source, "" if pair.adc is None else f", pair of {pair.adc.label}"
    user = "given by the user: " if given is not None else ""
    if given is not None and given.kind is Kind.CALCULATED:
        source = given
    if source.kind is Kind.CALCULATED:
        return Chosen(source, f"{user}calculated b {_highest(source):g}{partner}", _highest(source), _BY_SCANNER)
    if not source.b_values:
        return Chosen(source, f"{user}used as it is, its b-value is unknown")
    highest = source.b_values[-1]
    lowest_useful = settings.lowest_diffusion_b_value_s_mm2
    beside = [s for s in calculated if lie_together(source, s) and _highest(s) >= lowest_useful]
    if highest < lowest_useful and given is None and beside:
        best = max(beside, key=lambda s: (-_apart(source, s)[0], _highest(s), s.when))
        why = f"calculated b {_highest(best):g}: {source.label} has no acquired b-value from {lowest_useful:g} on"
        return Chosen(best, why, _highest(best), _BY_SCANNER)
    values = ", ".join(f"{b:g}" for b in source.b_values)
    return Chosen(source, f"{user}trace-weighted, highest acquired b {highest:g} of {values}{partner}", highest)


_BY_SCANNER = "calculated by the scanner"


def _adc(
    source: SeriesHeaders, adc: SeriesHeaders | None, given: SeriesHeaders | None, maps: Items[SeriesHeaders]
) -> Chosen | None:
    if adc is not None:
        user = "given by the user" if adc is given else f"ADC map of {source.label}: same geometry, nearest in time"
        return Chosen(adc, user)
    measured = given if given is not None else source
    used = fitted_b_values(measured.b_values)
    if measured.kind is Kind.TRACE and len(used) > 1:
        text = f"fitted from b-values {', '.join(f'{b:g}' for b in used)}"
        return Chosen(measured, f"{text}, as no ADC map belongs to {measured.label}", None, text)
    lone = max(maps, key=lambda s: s.when, default=None)
    return None if lone is None else Chosen(lone, f"the only ADC map, though not of the geometry of {source.label}")


def _apart(one: SeriesHeaders, other: SeriesHeaders) -> tuple[float, float]:
    """Seconds between two series, then the distance of their numbers; 0 where unknown."""
    seconds = abs(one.time_s - other.time_s) if one.time_s is not None and other.time_s is not None else 0.0
    numbers = abs(one.number - other.number) if one.number is not None and other.number is not None else 0
    return seconds, float(numbers)


def _highest(series: SeriesHeaders) -> float:
    return series.b_values[-1] if series.b_values else 0.0
