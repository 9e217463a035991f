"""benchmarks/uncertainty.md from what `measure` and `unfit` wrote.

    python -m benchmarks.uncertainty.table WORK

It calibrates on one half of the patients and tests on the other, and the other way round, several times over with other
halves; copies stay with their patient.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.machine import machine
from benchmarks.uncertainty.measure import CLEAN_UPS, SIGNALS, read_rows
from benchmarks.uncertainty.unfit import UNFIT
from zonate.dataset.degradation import AS_IT_IS, DEGRADATIONS, MOVED
from zonate.doubt import LEAST_AGREEMENT
from zonate.measures.calibration import BAD_DICE, GOOD_DICE, Observed, calibrate_scores, needed_widening
from zonate.zones import STRUCTURES

SPLITS = 20
BINS = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)


@dataclass(frozen=True)
class Result:
    """A gland of a case or copy."""

    patient: str
    how: str
    dice: float
    signals: dict[str, float]
    said: str
    row: dict[str, str]


@dataclass(frozen=True)
class Judged:
    """A gland judged by a calibration that did not see its patient."""

    result: Result
    expected: float
    doubtful: bool


def table(work: Path) -> str:
    """The whole page."""
    lines = [
        "# Does a model know when it fails?",
        "",
        f"`python -m benchmarks.uncertainty.table` ({date.today().isoformat()}, {machine()}, one thread).",
        "Held-out patients, each as it is and in worse copies (`zonate.dataset.degradation`); the gland unless said",
        f"otherwise. Good is a Dice with the reader of {GOOD_DICE} or more, bad one below {BAD_DICE}.",
        f"Calibrated on one half of the patients, tested on the other, and swapped: {SPLITS} divisions, pooled. Shares",
        "and means weigh every patient alike.",
    ]
    for file in sorted(work.glob("*.csv")):
        if not file.stem.endswith(".unfit"):
            lines += ["", *_section(file.stem, read_rows(file))]
    return "\n".join([*lines, "", *_unfit_table(work), ""])


def _section(name: str, rows: list[dict[str, str]]) -> list[str]:
    glands = [result_of(row) for row in rows if row["structure"] == "GLAND"]
    patients = sorted({result.patient for result in glands})
    judged = list(judge(glands))
    return [
        f"## {name}: {len(patients)} patients, {len(glands)} results",
        "",
        f"Of {', '.join(sorted({row['dataset'] for row in rows}))}.",
        "",
        *_signal_table(glands),
        "",
        *_bin_table(judged),
        "",
        *_warning_table(judged),
        "",
        *_how_table(judged),
        "",
        *_interval_table(rows),
        "",
        *_clean_up_table(glands),
    ]


def result_of(row: dict[str, str]) -> Result:
    signals = {name: float(row[name]) for name in SIGNALS}
    return Result(row["patient"], row["how"], float(row["dice"]), signals, row["said"], row)


def judge(glands: Sequence[Result]) -> Iterator[Judged]:
    """Each division of the patients in two, both ways."""
    for half in _halves({result.patient for result in glands}):
        seen = [Observed(r.patient, r.signals["agreement"], r.dice) for r in glands if r.patient in half]
        calibration = calibrate_scores({"GLAND": seen}, {})
        for result in glands:
            if result.patient not in half:
                scores = {"GLAND": result.signals["agreement"]}
                doubtful = bool(result.said or calibration.doubt(scores))
                yield Judged(result, calibration.expected_dice(scores)["GLAND"], doubtful)


def _halves(patients: set[str]) -> Iterator[set[str]]:
    for seed in range(SPLITS):
        shuffled = np.random.default_rng(seed).permutation(sorted(patients)).tolist()
        yield set(shuffled[::2])
        yield set(shuffled[1::2])


def _signal_table(glands: Sequence[Result]) -> list[str]:
    dice = np.array([result.dice for result in glands])
    lines = [
        "What a case could be judged by: rank correlation with the Dice, and area under the curve for finding the bad.",
        "",
        "| signal | Spearman | area under the curve |",
        "|---|---|---|",
    ]
    columns = {name: np.array([result.signals[name] for result in glands]) for name in SIGNALS}
    columns["agreement × neighbours"] = columns["agreement"] * columns["neighbours"]
    columns["agreement × soft × neighbours"] = columns["agreement"] * columns["soft"] * columns["neighbours"]
    for name, values in columns.items():
        rank = float(stats.spearmanr(values, dice).statistic)
        lines.append(f"| {name} | {rank:.2f} | {_area(values, dice < BAD_DICE):.2f} |")
    return lines


def _area(values: npt.NDArray[np.float64], bad: npt.NDArray[np.bool_]) -> float:
    """How often a bad result scores below one that is not; a half is chance."""
    if bad.all() or not bad.any():
        return float("nan")
    u = stats.mannwhitneyu(values[~bad], values[bad]).statistic
    return float(u / (bad.sum() * (~bad).sum()))


def _bin_table(judged: Sequence[Judged]) -> list[str]:
    expected = np.array([one.expected for one in judged])
    dice = np.array([one.result.dice for one in judged])
    bare = np.array([one.result.signals["agreement"] for one in judged])
    weights = _weights([one.result.patient for one in judged])
    lines = [
        f"Expected against real Dice: mean absolute difference {np.average(abs(expected - dice), weights=weights):.3f} "
        f"(of the bare agreement {np.average(abs(bare - dice), weights=weights):.3f}), correlation "
        f"{np.corrcoef(expected, dice)[0, 1]:.2f}.",
        "",
        "| expected | share of results | expected, mean | real, mean | real, 10th to 90th percentile |",
        "|---|---|---|---|---|",
    ]
    for low, high in pairwise(BINS):
        inside = (expected >= low) & ((expected < high) | (high == BINS[-1]))
        if inside.any():
            p10, p90 = np.percentile(dice[inside], [10, 90])
            lines.append(
                f"| {low:.2f} to {high:.2f} | {weights[inside].sum():.0%} | "
                f"{np.average(expected[inside], weights=weights[inside]):.2f} | "
                f"{np.average(dice[inside], weights=weights[inside]):.2f} | {p10:.2f} to {p90:.2f} |"
            )
    return lines


def _warning_table(judged: Sequence[Judged]) -> list[str]:
    lines = [
        "Results that are called doubtful:",
        "",
        f"| by | of the bad (< {BAD_DICE}) | of those between | of the good (≥ {GOOD_DICE}) |",
        "|---|---|---|---|",
    ]
    ways: dict[str, list[bool | None]] = {
        "calibrated agreement and plausibility": [one.doubtful for one in judged],
        "the same, cases as they are": [one.doubtful if one.result.how == AS_IT_IS else None for one in judged],
        "plausibility alone": [bool(one.result.said) for one in judged],
        f"agreement below {LEAST_AGREEMENT}, uncalibrated, and plausibility": [
            one.result.signals["agreement"] < LEAST_AGREEMENT or bool(one.result.said) for one in judged
        ],
    }
    for name, flags in ways.items():
        asked = [(one.result, flag) for one, flag in zip(judged, flags, strict=True) if flag is not None]
        bad = [(r, flag) for r, flag in asked if r.dice < BAD_DICE]
        good = [(r, flag) for r, flag in asked if r.dice >= GOOD_DICE]
        between = [(r, flag) for r, flag in asked if BAD_DICE <= r.dice < GOOD_DICE]
        lines.append(f"| {name} | " + " | ".join(_share(group) for group in (bad, between, good)) + " |")
    return lines


def _share(group: Sequence[tuple[Result, bool]]) -> str:
    """Flagged among a group; every patient who has one in it weighs alike."""
    if not group:
        return "–"
    weights = _weights([result.patient for result, _ in group])
    n_results = len({(result.patient, result.row["case"], result.how) for result, _ in group})
    n_patients = len({result.patient for result, _ in group})
    share = float(np.average([flag for _, flag in group], weights=weights))
    return f"{share:.0%} of {n_results} ({n_patients} patients)"


def _how_table(judged: Sequence[Judged]) -> list[str]:
    lines = ["| copy | results | Dice, mean | expected, mean | doubtful |", "|---|---|---|---|---|"]
    groups: defaultdict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        groups[one.result.how].append(one)
    for how in (AS_IT_IS, *DEGRADATIONS, *MOVED):
        if group := groups.get(how):
            n = len({(one.result.patient, one.result.row["case"]) for one in group})
            lines.append(
                f"| {how} | {n} | {fmean(one.result.dice for one in group):.2f} | "
                f"{fmean(one.expected for one in group):.2f} | {fmean(one.doubtful for one in group):.0%} |"
            )
    return lines


def _interval_table(rows: Sequence[dict[str, str]]) -> list[str]:
    """Intervals as they are drawn, and widened by what was learnt on the other half of the patients."""
    lines = [
        "Volume intervals of cases as they are that are not called doubtful: how often they hold the reader's volume,",
        "their width in shares of the result's volume, and how often a calibration gives one at all.",
        "",
        "| structure | n | drawn: holds | width, median | calibrated: given | holds | width, median |",
        "|---|---|---|---|---|---|---|",
    ]
    of_gland = {(row["case"], row["how"]): float(row["agreement"]) for row in rows if row["structure"] == "GLAND"}
    divided = list(_halves({row["patient"] for row in rows}))
    for structure in STRUCTURES:
        found = [row for row in rows if row["structure"] == structure and row["reference_ml"]]
        drawn: list[tuple[bool, float]] = []
        widened: list[tuple[bool, float]] = []
        cases: set[str] = set()
        for half in divided if found else []:
            seen: dict[str, list[Observed]] = {
                name: [_observed(row, of_gland) for row in rows if row["structure"] == name and row["patient"] in half]
                for name in ("GLAND", structure)
            }
            calibration = calibrate_scores(seen, {})
            for row in found:
                agrees = {"GLAND": of_gland[row["case"], row["how"]]}
                doubtful = row["said"] or calibration.doubt(agrees)
                if row["patient"] not in half and row["how"] == AS_IT_IS and float(row["volume_ml"]) and not doubtful:
                    cases.add(row["case"])
                    interval = float(row["low_ml"]), float(row["high_ml"])
                    drawn.append(_held(row, interval))
                    widened.extend(_held(row, own) for own in calibration.widened({structure: interval}).values())
        if drawn:
            called = structure.replace("_", " ").lower() if structure in ("CENTRAL_GLAND", "GLAND") else structure
            given = f"{len(widened) / len(drawn):.0%} | {_summed_up(widened)}"
            lines.append(f"| {called} | {len(cases)} | {_summed_up(drawn)} | {given} |")
    return lines


def _summed_up(group: Sequence[tuple[bool, float]]) -> str:
    if not group:
        return "– | –"
    return f"{fmean(held for held, _ in group):.0%} | {np.median([width for _, width in group]):.0%}"


def _observed(row: dict[str, str], of_gland: dict[tuple[str, str], float]) -> Observed:
    widening = None
    if row["reference_ml"] and row["how"] == AS_IT_IS:
        widening = needed_widening((float(row["low_ml"]), float(row["high_ml"])), float(row["reference_ml"]))
    judged = of_gland[row["case"], row["how"]]
    score, dice = float(row["agreement"]), float(row["dice"])
    return Observed(row["patient"], score, dice, widening, judged, bool(row["said"]))


def _held(row: dict[str, str], interval_ml: tuple[float, float]) -> tuple[bool, float]:
    low_ml, high_ml = interval_ml
    return low_ml <= float(row["reference_ml"]) <= high_ml, (high_ml - low_ml) / float(row["volume_ml"])


def _clean_up_table(glands: Sequence[Result]) -> list[str]:
    lines = [
        "The gland after clean-up, mean over patients:",
        "",
        "| clean-up | Dice, as they are | HD95 (mm), as they are | Dice, worse copies | HD95 (mm), worse copies |",
        "|---|---|---|---|---|",
    ]
    clean = [result for result in glands if result.how == AS_IT_IS]
    worse = [result for result in glands if result.how != AS_IT_IS]
    for how in CLEAN_UPS:
        cells = []
        for group in (clean, worse):
            weights = _weights([result.patient for result in group])
            for figure, digits in (("dice", 3), ("hd95", 1)):
                values = np.array([float(result.row[f"{figure}_{how}"] or "nan") for result in group])
                known = np.isfinite(values)
                cells.append(f"{np.average(values[known], weights=weights[known]):.{digits}f}")
        lines.append(f"| `{how}` | " + " | ".join(cells) + " |")
    return lines


def _unfit_table(work: Path) -> list[str]:
    lines = [
        "## What is no prostate",
        "",
        f"Called doubtful by plausibility, or by an agreement below {LEAST_AGREEMENT}, of a model without calibration:",
        "",
        "| model of | shown | n | doubtful | of them for what was found | agreement, highest |",
        "|---|---|---|---|---|---|",
    ]
    for file in sorted(work.glob("*.unfit.csv")):
        rows = read_rows(file)
        for what in UNFIT:
            shown = [row for row in rows if row["what"] == what]
            if not shown:
                continue
            scores = [float(row["agreement"]) for row in shown]
            doubtful = [bool(row["said"]) or float(row["agreement"]) < LEAST_AGREEMENT for row in shown]
            said = sum(bool(row["said"]) for row in shown)
            name = file.name.removesuffix(".unfit.csv")
            lines.append(f"| {name} | {what} | {len(shown)} | {sum(doubtful)} | {said} | {max(scores):.2f} |")
    return lines


def _weights(patients: Sequence[str]) -> npt.NDArray[np.float64]:
    """Every patient weighs alike; all together 1."""
    counts = Counter(patients)
    return np.array([1 / counts[patient] for patient in patients]) / len(counts)


if __name__ == "__main__":
    page = table(Path(sys.argv[1]))
    (Path(__file__).parents[1] / "uncertainty.md").write_text(page, encoding="utf-8")
