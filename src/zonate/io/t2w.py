"""Which axial T2 TSE series is the T2W: what a network of the prostate learns from comes before everything else."""

import re
from collections.abc import Callable
from collections.abc import Sequence as Items
from typing import NamedTuple

from zonate.errors import AmbiguousSeriesError
from zonate.io.series import SeriesHeaders

_PROSTATE_MM = 60.0
"""A series that reaches further along its normal shows no more of the prostate."""
_PART = 0.5
"""A series that reaches less than this part of what another shows of the prostate was broken off."""
_SAME_EXTENT_MM = 1.0
_THICKEST_MM, _COARSEST_PIXEL_MM = 4.5, 0.8
_THINNEST_2D_MM = 2.0
"""No two-dimensional TSE of a prostate has thinner slices."""
_WIDEST_FIELD_MM = 300.0
"""A T2W whose shorter side is longer shows the pelvis."""
_NOT_SUPPRESSED = re.compile(r"(?<![a-z])(?:no|non|without|w/?o)[ _-]*(?:fs|fat[ _-]?sat)(?![a-z])", re.IGNORECASE)
_FAT_SUPPRESSED = re.compile(r"(?<![a-z])(?:fs|fat[ _-]?sat|stir|tirm|spair|spir)(?![a-z])|dixon", re.IGNORECASE)
_MADE_OF_OTHERS = frozenset({"REFORMATTED", "AVERAGE", "SECONDARY"})
_SINGLE_SHOT = re.compile(r"haste|ss[ _-]?fse|ssh(?![a-z])|ssh[ _-]?tse|single[ _-]?shot", re.IGNORECASE)


class T2wChoice(NamedTuple):
    """The T2W, why it is, why each other candidate is not, and what a person should know of it."""

    series: SeriesHeaders
    why: str
    others: list[tuple[SeriesHeaders, str]]
    warnings: list[str]


class _Preference(NamedTuple):
    """A candidate that meets it comes before one that does not, which is still used where no other is left.

    Attributes:
        meets: Of a candidate and all that are still in question.
        else_it_is: What one that does not meet it is called.
        warns: Whether a person should know where even the chosen one does not meet it.
    """

    meets: Callable[[SeriesHeaders, Items[SeriesHeaders]], bool]
    else_it_is: str
    warns: bool = False


_PREFERENCES = (
    _Preference(lambda s, all_: _shown_mm(s) >= _PART * max(map(_shown_mm, all_)), "of a part of the prostate only"),
    _Preference(lambda s, _: not _is_made_of_others(s), "made of other images", warns=True),
    _Preference(lambda s, _: "DERIVED" not in _image_types(s), "derived from other images"),
    _Preference(lambda s, _: not _is_fat_suppressed(s), "with fat suppression", warns=True),
    _Preference(lambda s, _: not _says(s, _SINGLE_SHOT), "acquired in a single shot"),
    _Preference(lambda s, _: _field_mm(s) <= _WIDEST_FIELD_MM, f"of a field of view beyond {_WIDEST_FIELD_MM:g} mm"),
    _Preference(
        lambda s, _: _step_mm(s) <= _THICKEST_MM and _pixel_mm(s) <= _COARSEST_PIXEL_MM,
        f"coarser than slices of {_THICKEST_MM:g} mm and pixels of {_COARSEST_PIXEL_MM:g} mm",
    ),
    _Preference(lambda s, _: not _is_3d(s), "3D"),
    _Preference(lambda s, all_: _shown_mm(s) >= max(map(_shown_mm, all_)) - _SAME_EXTENT_MM, "of fewer slices"),
)
"""In this order; of those that are left the latest is the T2W."""


def choose_t2w(candidates: Items[SeriesHeaders], case: str) -> T2wChoice:
    """Choose by the preferences, one after another, then the latest.

    Args:
        candidates: Axial T2 TSE series, at least one.
        case: How messages name the study.

    Raises:
        AmbiguousSeriesError: Nothing decides between two series.
    """
    left, passed_over, warnings = list(candidates), [], []
    for preference in _PREFERENCES:
        meeting = [s for s in left if preference.meets(s, left)]
        if meeting:
            passed_over += [(s, preference.else_it_is) for s in left if s not in meeting]
            left = meeting
        elif preference.warns:
            warnings.append(preference.else_it_is)
    chosen = max(left, key=lambda s: s.when)
    repeats = [s for s in left if s is not chosen]
    if any(repeat.when == chosen.when for repeat in repeats):
        raise AmbiguousSeriesError(
            f"{case}: {chosen.label} and another of that number and time are both axial T2 of the same "
            "coverage: keep one of them in the study, or give the T2W by its series number"
        )
    others = [(s, f"axial T2 TSE, but {what}: {chosen.label} is preferred") for s, what in passed_over]
    others += [(s, f"axial T2 TSE, repeated later by {chosen.label}") for s in repeats]
    why = f"axial T2 TSE, {chosen.slices} slices over {chosen.extent_mm:.0f} mm"
    return T2wChoice(
        chosen,
        f"{why}, the later of the repeats" if repeats else why,
        others,
        [f"{chosen.label}, which is T2W for want of another, is {what}: look at the zones" for what in warnings],
    )


def _image_types(series: SeriesHeaders) -> set[str]:
    return {word for frame in series.frames for word in frame.image_type}


def _is_made_of_others(series: SeriesHeaders) -> bool:
    """More than DERIVED, which archives also write when they compress an image."""
    return not _MADE_OF_OTHERS.isdisjoint(_image_types(series))


def _is_fat_suppressed(series: SeriesHeaders) -> bool:
    return any(frame.fat_suppressed for frame in series.frames) or _says(series, _FAT_SUPPRESSED)


def _says(series: SeriesHeaders, words: re.Pattern[str]) -> bool:
    return bool(words.search(_NOT_SUPPRESSED.sub("", series.description)))


def _is_3d(series: SeriesHeaders) -> bool:
    said = series.frames[0].dimensions
    return said == "3D" or (said != "2D" and _step_mm(series) < _THINNEST_2D_MM)


def _shown_mm(series: SeriesHeaders) -> float:
    """How much of a prostate it can show along its normal."""
    return min(series.extent_mm, _PROSTATE_MM)


def _step_mm(series: SeriesHeaders) -> float:
    return series.extent_mm / max(series.slices, 1)


def _pixel_mm(series: SeriesHeaders) -> float:
    return max(series.frames[0].spacing_mm or (0.0,))


def _field_mm(series: SeriesHeaders) -> float:
    """The shorter side of the field of view."""
    frame = series.frames[0]
    spacing = frame.spacing_mm or (0.0, 0.0)
    return min(frame.shape[0] * spacing[0], frame.shape[1] * spacing[1])
