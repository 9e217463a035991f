"""Whether bad results of the recipe that ships are flagged: by calibrations that never saw the patient.

    python -m benchmarks.accuracy.doubt --work WORK [--samples 10] [--copies 2]

The model of each fold is sampled on the patients that it left out, as they are and in worse copies
(`zonate.dataset.degradation`). Each patient is then judged by a calibration that was learnt from the other folds alone.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.accuracy.__main__ import write_page
from benchmarks.accuracy.job import RUN_NAME, Job, finished_jobs
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results, write_results
from zonate.dataset.degradation import AS_IT_IS, degrade, worse_copies
from zonate.doubt import cleaned, draw
from zonate.errors import ZonateError
from zonate.measures.calibration import JUDGED, Observed, calibrate_scores
from zonate.measures.uncertainty import agreement
from zonate.model import Model
from zonate.plausibility import disqualifying
from zonate.preprocessing.slices import LabelledSlices
from zonate.validation import structure_dices

NAME = "doubt"
"""Of the kept results."""
Row = dict[str, str]


def observe(folders: Sequence[Path], samples: int, copies: int) -> list[Row]:
    """A row for each patient of each fold, as they are and in each copy: what is said of the result, and its Dice."""
    rows: list[Row] = []
    number = 0
    for folder in folders:
        job, model = Job.read(folder), Model.load(folder / RUN_NAME)
        dataset = job.opened()
        for entry in dataset.split("test"):
            slices = dataset.slices(entry.case_id)
            for how in (AS_IT_IS, *worse_copies(number, copies)):
                about = {"name": job.name, "fold": str(job.fold), "patient_id": entry.patient_id, "how": how}
                worse = degrade(slices, how, seed=number)
                rows += [{**about, **found} for found in _observed(model, worse, samples)]
            number += 1
            print(f"{folder.name}: {entry.patient_id}", file=sys.stderr)
    return judge(rows)


def judge(rows: Sequence[Row]) -> list[Row]:
    """Add to each row the expected Dice and whether it is doubtful, by a calibration on the rows of all other folds."""
    judged: list[Row] = []
    for fold in dict.fromkeys(row["fold"] for row in rows):
        seen = [
            Observed(row["patient_id"], float(row["agreement"]), float(row["dice"]), impossible=bool(row["said"]))
            for row in rows
            if row["fold"] != fold
        ]
        calibration = calibrate_scores({JUDGED: seen}, {})
        for row in (row for row in rows if row["fold"] == fold):
            scores = {JUDGED: float(row["agreement"])}
            doubtful = bool(row["said"] or calibration.doubt(scores))
            expected = calibration.expected_dice(scores)[JUDGED]
            judged.append({**row, "expected": f"{expected:.4f}", "doubtful": "yes" if doubtful else ""})
    return judged


def _observed(model: Model, slices: LabelledSlices, samples: int) -> Iterator[Row]:
    segmentation = model.begin(slices)
    result = cleaned(segmentation)
    dice = structure_dices(slices.labels, result.zones.labels.values, [JUDGED]).get(JUDGED)
    if dice is not None:
        score = agreement(draw(segmentation, result.zones, samples).figures)[JUDGED]
        yield {"agreement": f"{score:.5f}", "dice": f"{dice:.5f}", "said": "; ".join(disqualifying(result.odd))}


def main() -> None:
    """Observe, judge, and make the page anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    folders = finished_jobs(given.work, OWN)
    if len(folders) < 2:
        parser.error(
            f"{given.work} holds models of {len(folders)} folds of {OWN}: two are the least, one judges another"
        )
    try:
        rows = observe(folders, given.samples, given.copies)
    except ZonateError as error:
        sys.exit(str(error))
    write_results(NAME, Results([{"name": OWN, "samples": given.samples, "copies": given.copies}], rows))
    write_page()


if __name__ == "__main__":
    main()
