"""What a report says of how DWI and ADC came onto the T2W."""

from collections.abc import Iterator

from zonate.case import NO_ALIGNMENT, AlignmentRecord
from zonate.report.content import Fact, KeyFigure, sentence

_VERDICTS = {"none": "not usable", "header": "not registered", "given": "as given"}
_CANDIDATES = {"header": "by the scanner's geometry", "rigid": "rigid", "bspline": "B-spline"}


def alignment_verdict(record: AlignmentRecord) -> str:
    """As the command line says it: `good`, `as given`, `not registered`, `not usable` or `not needed`."""
    return "not needed" if record == NO_ALIGNMENT else _VERDICTS.get(record.chosen, "good")


def alignment_figure(record: AlignmentRecord) -> KeyFigure:
    """The verdict, with the estimated error where one was measured."""
    error_mm = record.figures.get("estimated_error_mm")
    note = f"estimated error {error_mm:.1f} mm" if error_mm is not None else "no error was estimated"
    if record == NO_ALIGNMENT:
        note = "no DWI and no ADC"
    return KeyFigure("Alignment of DWI and ADC", alignment_verdict(record), note)


def alignment_facts(record: AlignmentRecord) -> tuple[Fact, ...]:
    """The verdict with its reason, the estimated errors, and how far the gland was moved."""
    return tuple(_facts(record))


def _facts(record: AlignmentRecord) -> Iterator[Fact]:
    verdict = alignment_verdict(record)
    yield "Verdict", f"{verdict[0].upper()}{verdict[1:]}: {sentence(record.reason, capital=False)}"
    figures = record.figures
    tried = [
        f"{words} {figures[f'{name}_estimated_error_mm']:.1f} mm"
        for name, words in _CANDIDATES.items()
        if f"{name}_estimated_error_mm" in figures
    ]
    if not tried and "estimated_error_mm" in figures:
        tried = [f"{figures['estimated_error_mm']:.1f} mm"]
    if tried:
        limit = f"; good up to {figures['error_limit_mm']:.2f} mm" if "error_limit_mm" in figures else ""
        yield "Estimated error in the gland", f"{', '.join(tried)}{limit}."
    if record.registered_on is not None and "mean_displacement_mm" in figures:
        yield (
            "Moved",
            f"{figures['mean_displacement_mm']:.1f} mm on average, {figures['max_displacement_mm']:.1f} mm at most; "
            f"registered on {record.registered_on}.",
        )
