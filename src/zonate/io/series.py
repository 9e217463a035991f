"""What each series of a study is, by its headers: its kind, plane, b-values and faults."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from zonate.io.bvalue import b_value_in_description
from zonate.io.frame import Frame, Plane
from zonate.io.stacks import Fault, by_b_value, end_corners_mm, extent_mm, faults, slice_positions
from zonate.study import LEAST_SLICES

_CALCULATED_WORDS = {"CALC_BVAL", "CALC_BVALUE", "CALCULATED", "COMPUTED", "SYNTHETIC", "COMPUTED_B", "CALCBVALUE"}
_CALCULATED = re.compile(r"calc[_ ]?b|calculated|computed|synth|(?<![a-z])[cs]dwi(?![a-z])", re.IGNORECASE)
_COMPUTED_FROM = re.compile(r"_b\d+_\d+$")
"""Siemens names `*ep_b50_800` what it computed from b 50 to 800: a map or a calculated image, never an acquired one."""
_ADC_NAME = re.compile(r"(?<![a-z])adc(?:[ _-]?map)?(?![a-z])|apparent diffusion", re.IGNORECASE)
_LOCALIZER = re.compile(r"locali[sz]er|scout|survey|(?<![a-z])loc(?![a-z])|3[- ]?plane", re.IGNORECASE)
_OTHER_MAPS = {"FA": "a map of fractional anisotropy", "EADC": "an exponential ADC map",
               "EXP": "an exponential ADC map", "TENSOR": "diffusion tensors", "TTP": "a perfusion map",
               "T2 MAP": "a map of T2", "T2_MAP": "a map of T2", "T2MAP": "a map of T2",
               "SUBTRACTION": "a subtraction",
               "MPR": "a reformatted series", "PROJECTION IMAGE": "a projection", "MIP": "a projection"}  # fmt: skip
_DIFFUSION_MAP = "a map derived from diffusion, not ADC"
KNOWN_MAPS = frozenset({*_OTHER_MAPS.values(), _DIFFUSION_MAP})
"""Why a series has no role, of which it is plain that it is no ADC map."""
_T2_ECHO_TIME_MS = (50.0, 300.0)
_T2_REPETITION_TIME_MS = 1000.0
_LEAST_WEIGHTING_S_MM2 = 10.0
"""GE keeps other small numbers at the b-value's place in images that are not diffusion."""
_SAME_PLACE_MM = 0.2
_SAME_ECHO_TIME_MS = 1.0
_ONE_PLANE = 0.6
"""A series with fewer of its images in one plane shows several planes, as a localizer does."""


class Kind(StrEnum):
    """What a series can serve as."""

    T2 = "T2 TSE"
    TRACE = "acquired trace-weighted diffusion"
    CALCULATED = "calculated diffusion"
    ADC = "ADC map"
    OTHER = "other"


@dataclass(frozen=True)
class SeriesHeaders:
    """One series: its frames and what their headers say.

    Attributes:
        uid: Series instance UID.
        number: Series number; None where there is none.
        description: Series description.
        frames: All its frames.
        kind: What it can serve as.
        why: In words, for a person who asks why it has no role.
        plane: The plane of most of its images; None where it shows several planes or none is known.
        b_values: s/mm², ascending; empty where b-values mean nothing.
        slices: Slice positions.
        extent_mm: Reach along the normal.
        time_s: When its acquisition began; None where unknown.
        faults: What is wrong with its files.
    """

    uid: str
    number: int | None
    description: str
    frames: tuple[Frame, ...]
    kind: Kind
    why: str
    plane: Plane | None
    b_values: tuple[float, ...]
    slices: int
    extent_mm: float
    time_s: float | None
    faults: tuple[Fault, ...]

    @property
    def label(self) -> str:
        """How messages name it."""
        return "a series without a number" if self.number is None else f"series {self.number}"

    @property
    def is_axial_volume(self) -> bool:
        """Whether it has slices enough, in that plane, to hold a role unasked."""
        return self.plane == "axial" and self.slices >= LEAST_SLICES

    @property
    def when(self) -> tuple[float, float]:
        """Its time, then its number, for telling the later of two; what is unknown comes before everything."""
        return (
            -math.inf if self.time_s is None else self.time_s,
            -math.inf if self.number is None else float(self.number),
        )

    @property
    def frame_of_reference(self) -> str | None:
        """The frame of reference of most of its images."""
        return Counter(frame.frame_of_reference for frame in self.frames).most_common(1)[0][0]


def series_of(frames: Iterable[Frame]) -> list[SeriesHeaders]:
    """Group frames to series in the order of their numbers; ADC maps inside a diffusion series stand by themselves.

    What looks like a T2 TSE by itself, but has the very pixels and echo time of a series with b > 0, belongs to it.
    """
    groups: dict[tuple[str, bool], list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[frame.series_uid, _says_adc(frame)].append(frame)
    found = [_describe(group) for group in groups.values()]
    weighted = [s for s in found if _is_weighted(s.frames)]
    found = [_of_diffusion(s) if any(_of_one_sequence(s, other) for other in weighted) else s for s in found]
    return sorted(found, key=lambda s: (s.number is None, s.number or 0, s.uid, s.kind))


def lie_together(one: SeriesHeaders, other: SeriesHeaders) -> bool:
    """Whether two series have the same geometry and frame of reference; slices that one lacks do not matter."""
    if one.frame_of_reference != other.frame_of_reference:
        return False
    if one.frames[0].shape != other.frames[0].shape:
        return False
    placed = [[f for f in s.frames if f.placed and f.plane == s.plane] for s in (one, other)]
    if not all(placed):
        return False
    a, b = (end_corners_mm(frames) for frames in placed)
    step = 1.5 * max(one.extent_mm / max(one.slices, 1), other.extent_mm / max(other.slices, 1))
    ends = np.linalg.norm(a - b, axis=-1)  # (first and last slice, corner)
    return bool((ends <= _SAME_PLACE_MM).all(axis=1).any() and ends.max() <= max(step, _SAME_PLACE_MM))


def _of_one_sequence(one: SeriesHeaders, weighted: SeriesHeaders) -> bool:
    echoes = [s.frames[0].echo_time_ms for s in (one, weighted)]
    if one is weighted or None in echoes or abs((echoes[0] or 0.0) - (echoes[1] or 0.0)) > _SAME_ECHO_TIME_MS:
        return False
    return lie_together(one, weighted)


def _of_diffusion(series: SeriesHeaders) -> SeriesHeaders:
    """The b = 0 of a diffusion sequence whose b-values are series of their own, or a map of it, taken for T2 TSE."""
    derived = any("DERIVED" in frame.image_type for frame in series.frames)
    unweighted = all(frame.b_value_s_mm2 == 0 for frame in series.frames)
    acquired = any(frame.spin_echo or frame.echo_planar for frame in series.frames)
    if unweighted and acquired and not derived and series.kind in (Kind.T2, Kind.OTHER):
        return replace(
            series,
            kind=Kind.TRACE,
            why="b 0 s/mm², on the planes and with the echo time of a series with b > 0",
            b_values=(0.0,),
            faults=tuple(faults(series.frames, diffusion=True)),
        )
    if series.kind is Kind.T2:
        return replace(series, kind=Kind.OTHER, why="on the planes and with the echo time of a diffusion series")
    return series


def _says_adc(frame: Frame) -> bool:
    return any(word == "ADC" or word.startswith("ADC_") for word in frame.image_type)


def _describe(frames: Items[Frame]) -> SeriesHeaders:
    first = frames[0]
    plane = _plane(frames)
    kind, why = _kind(frames, plane)
    b_values = tuple(sorted({f.b_value_s_mm2 for f in frames if f.b_value_s_mm2 is not None}))
    diffusion = kind in (Kind.TRACE, Kind.CALCULATED)
    times = [frame.time_s for frame in frames if frame.time_s is not None]
    return SeriesHeaders(
        uid=first.series_uid,
        number=first.series_number,
        description=first.description,
        frames=tuple(frames),
        kind=kind,
        why=why,
        plane=plane,
        b_values=b_values if diffusion else (),
        slices=slice_positions(frames),
        extent_mm=extent_mm(frames) if plane else 0.0,
        time_s=min(times, default=None),
        faults=() if _is_of_many_volumes(frames, kind) else tuple(faults(frames, diffusion=diffusion)),
    )


def _plane(frames: Items[Frame]) -> Plane | None:
    plane, count = Counter(frame.plane for frame in frames).most_common(1)[0]
    return plane if count >= _ONE_PLANE * len(frames) else None


def _is_of_many_volumes(frames: Items[Frame], kind: Kind) -> bool:
    """Localizers and dynamic series put several stacks into one series: that is no fault of theirs."""
    if kind is not Kind.OTHER:
        return False
    return _plane(frames) is None or len(frames) >= 2 * slice_positions(frames)


def _kind(frames: Items[Frame], plane: Plane | None) -> tuple[Kind, str]:
    """The first rule that fits; ADC comes before the b-value, since Siemens writes b=800 into its ADC maps."""
    words = {word for frame in frames for word in frame.image_type}
    description = frames[0].description
    for map_word, what in _OTHER_MAPS.items():
        if map_word in words and "ADC" not in words:
            return Kind.OTHER, what
    if "MOSAIC" in words:
        return Kind.OTHER, "a mosaic: all slices in one image"
    if not any(frame.placed for frame in frames):
        return Kind.OTHER, "its images have no place in the patient"
    if _says_adc(frames[0]):
        return Kind.ADC, "ImageType says ADC"
    if re.search(r"(?<![a-z])(?:fa|eadc|exp[_ ]?adc)(?![a-z])", description, re.IGNORECASE) and "DERIVED" in words:
        return Kind.OTHER, _DIFFUSION_MAP
    if re.search(r"(?<![a-z])t2[ _-]?map", description, re.IGNORECASE):
        return Kind.OTHER, "a map of T2"
    if "LOCALIZER" in words or _LOCALIZER.search(description):
        return Kind.OTHER, "a localizer"
    if plane is None:
        return Kind.OTHER, "its images lie in several planes, as a localizer's do"
    if _ADC_NAME.search(description) and "DERIVED" in words and "TRACEW" not in words and not _several_b(frames):
        return Kind.ADC, "derived, and named ADC"
    if words & {"TRACEW", "DIFFUSION"} or any(frame.diffusion_sequence for frame in frames) or _is_weighted(frames):
        return _diffusion_kind(frames, words)
    return _t2_or_other(frames)


def _is_weighted(frames: Items[Frame]) -> bool:
    """Whether a b-value above 0 makes a series diffusion, whatever its sequence: Philips and others write SE."""
    highest = max(frame.b_value_s_mm2 or 0.0 for frame in frames)
    if highest >= _LEAST_WEIGHTING_S_MM2:
        return True
    return highest > 0 and (
        any(frame.echo_planar for frame in frames)
        or _several_b(frames)
        or b_value_in_description(frames[0].description) is not None
    )


def _several_b(frames: Items[Frame]) -> bool:
    return len({frame.b_value_s_mm2 for frame in frames} - {None}) > 1


def _diffusion_kind(frames: Items[Frame], words: set[str]) -> tuple[Kind, str]:
    if words & _CALCULATED_WORDS or _CALCULATED.search(frames[0].description):
        return Kind.CALCULATED, "calculated by the scanner from other b-values, not acquired"
    if all(_COMPUTED_FROM.search(frame.sequence_name) for frame in frames):
        return Kind.CALCULATED, "its SequenceName says that it was computed from several b-values"
    if all(frame.b_value_s_mm2 is None for frame in frames):
        return Kind.OTHER, "diffusion images of which nothing says the b-value"
    b_of = by_b_value(frames)
    if any(b and all(frame.direction == "directional" for frame in group) for b, group in b_of.items()):
        return Kind.OTHER, "single diffusion directions, not trace-weighted"
    values = ", ".join(f"{b:g}" for b in b_of if b is not None)
    return Kind.TRACE, f"trace-weighted, b {values} s/mm²"


def _t2_or_other(frames: Items[Frame]) -> tuple[Kind, str]:
    echo = max((frame.echo_time_ms or 0.0 for frame in frames), default=0.0)
    repetition = max((frame.repetition_time_ms or 0.0 for frame in frames), default=0.0)
    low, high = _T2_ECHO_TIME_MS
    if len({round(frame.echo_time_ms) for frame in frames if frame.echo_time_ms is not None}) > 1:
        return Kind.OTHER, "it has several echo times"
    if not any(frame.spin_echo for frame in frames) or any(frame.echo_planar for frame in frames):
        return Kind.OTHER, "not a spin-echo sequence"
    if not low <= echo <= high or (0 < repetition < _T2_REPETITION_TIME_MS):
        return (
            Kind.OTHER,
            f"a spin echo that is not T2-weighted: echo time {echo:g} ms, repetition time {repetition:g} ms",
        )
    return Kind.T2, f"T2 TSE: echo time {echo:g} ms"
