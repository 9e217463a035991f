"""What was measured, kept small beside the code, so that a table can be made again without training.

benchmarks/results/NAME.csv     a row a run, case and structure
benchmarks/results/NAME.json    a run: settings, length, pace, curve, machine, commit
"""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.accuracy.job import RESULT_NAME, SCORES_NAME, is_done
from zonate.io.files import write_text
from zonate.metrics.tables import csv_text

RESULTS = Path(__file__).parents[1] / "results"
COMPARISON, LONGER = "accuracy", "longer"
"""Names of the kept results: every method at equal time, and the recipe that ships with more."""


@dataclass(frozen=True)
class Results:
    """Runs and their scores.

    Attributes:
        runs: As result.json has them, each with `name` and `fold`.
        rows: As scores.csv has them, each with `name`, `fold` and `patient_id`.
    """

    runs: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, str]]

    @property
    def names(self) -> list[str]:
        """Of the methods or variants, in the order in which they were kept."""
        return list(dict.fromkeys(str(run["name"]) for run in self.runs))

    def runs_of(self, name: str) -> list[Mapping[str, Any]]:
        """The runs of a method."""
        return [run for run in self.runs if run["name"] == name]

    def by_patient(self, name: str, structure: str, measure: str) -> dict[str, float]:
        """One measure of each patient whom a method was tested on, the mean of their cases; NaN where undefined."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for row in self.rows:
            if row["name"] == name and row["structure"] == structure:
                found[row["patient_id"]].append(float(row[measure] or "nan"))
        return {patient: _mean(values) for patient, values in sorted(found.items())}


def collect(folders: Iterable[Path]) -> Results:
    """The results of those job folders that are done."""
    runs: list[dict[str, Any]] = []
    rows: list[dict[str, str]] = []
    for folder in folders:
        if not is_done(folder):
            continue
        run = json.loads((folder / RESULT_NAME).read_text(encoding="utf-8"))
        patients = {case["case_id"]: case["patient_id"] for case in run["cases"]}
        runs.append(run)
        with (folder / SCORES_NAME).open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                about = {"name": run["name"], "fold": str(run["fold"]), "patient_id": patients[row["case_id"]]}
                rows.append({**about, **row})
    return Results(runs, rows)


def write_results(name: str, results: Results, folder: Path = RESULTS) -> None:
    """Keep results under a name."""
    columns = list(results.rows[0]) if results.rows else []
    write_text(folder / f"{name}.csv", csv_text([columns, *([row[c] for c in columns] for row in results.rows)]))
    lines = (json.dumps(run, ensure_ascii=False, allow_nan=False) for run in results.runs)
    write_text(folder / f"{name}.json", "[\n" + ",\n".join(lines) + "\n]\n")


def read_results(name: str, folder: Path = RESULTS) -> Results:
    """The results that are kept under a name; none where nothing is."""
    if not (folder / f"{name}.json").is_file():
        return Results([], [])
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    return Results(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), rows)


def read_longest(folder: Path = RESULTS) -> Results:
    """The cross-validation of the recipe that ships with as much time as it was given, where that is complete."""
    comparison, longer = read_results(COMPARISON, folder), read_results(LONGER, folder)
    return longer if covers(longer, comparison) else comparison


def covers(longer: Results, comparison: Results) -> bool:
    """Whether the longer runs tested every patient whom the recipe was tested on in the comparison."""
    tested, known = ({row["patient_id"] for row in r.rows if row["name"] in longer.names} for r in (comparison, longer))
    return bool(longer.runs) and tested == known


def _mean(values: Sequence[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return fmean(defined) if defined else math.nan
