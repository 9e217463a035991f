"""The part of benchmarks/accuracy.md on whether bad results are flagged."""

from collections.abc import Mapping, Sequence

from benchmarks.accuracy.cells import values_of
from benchmarks.accuracy.figures import LEAST_DICE
from benchmarks.accuracy.results import Results
from zonate.dataset.degradation import AS_IT_IS
from zonate.measures.calibration import GOOD_DICE


def doubt_section(results: Results) -> list[str]:
    """Its lines."""
    plain = [row for row in results.rows if row["how"] == AS_IT_IS]
    worse = [row for row in results.rows if row["how"] != AS_IT_IS]
    lines = [
        "## Are bad results flagged?",
        "",
        f"`python -m benchmarks.accuracy.doubt`: {values_of(results.runs, 'samples')} samples of each result, of "
        f"{len(plain)} patients as they are and of {len(worse)} worse copies of them",
        "(`zonate.dataset.degradation`). Doubtful by shape, or by a calibration on the patients of the other folds. "
        "The gland's Dice is on the slices' grid here.",
        "",
        f"| | gland Dice < {LEAST_DICE} | of them doubtful | gland Dice ≥ {GOOD_DICE} | of them doubtful |",
        "|---|---|---|---|---|",
        _line("as they are", plain),
        _line("worse copies", worse),
    ]
    missed = [row for row in plain if float(row["dice"]) < LEAST_DICE and not row["doubtful"]]
    lines += [
        f"\n**Not flagged**: {row['patient_id']}, gland Dice {float(row['dice']):.2f}, expected {row['expected']}."
        for row in missed
    ]
    return lines


def _line(title: str, rows: Sequence[Mapping[str, str]]) -> str:
    cells = []
    for group in (
        [row for row in rows if float(row["dice"]) < LEAST_DICE],
        [row for row in rows if float(row["dice"]) >= GOOD_DICE],
    ):
        cells += [str(len(group)), str(sum(bool(row["doubtful"]) for row in group)) if group else "–"]
    return f"| {title} | " + " | ".join(cells) + " |"
