"""Segment and sample held-out cases, and worse copies of them, beside what their readers drew.

    python -m benchmarks.uncertainty.measure WORK NAME RUN DATASET:SPLIT...

writes a line for each structure of each case and copy into WORK/NAME.csv; NAME says in the table what the patients are,
such as `real`. Patients that the model was trained on are refused. It goes on where it stopped.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from zonate.dataset.degradation import AS_IT_IS, degrade, worse_copies
from zonate.dataset.entry import Entry
from zonate.dataset.splits import Split
from zonate.dataset.store import Dataset
from zonate.doubt import Drawn, cleaned, draw
from zonate.measures.clean_up import CleanUp, clean_up
from zonate.measures.gland import label_pieces
from zonate.measures.uncertainty import agreement, intervals_ml
from zonate.metrics import structure_metrics
from zonate.model import Model
from zonate.plausibility import disqualifying
from zonate.preprocessing.slices import LabelledSlices
from zonate.validation import compared_structures, structure_dices
from zonate.verbs.calibrate import reader_volumes_ml
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode, structure_codes

SAMPLES, COPIES = 10, 4
SIGNALS = ("agreement", "soft", "neighbours", "piece")
CLEAN_UPS: tuple[CleanUp, ...] = ("none", "largest_component", "largest_component_and_holes")
COLUMNS = (
    *("case", "patient", "dataset", "how", "structure", "dice", "volume_ml", "reference_ml", "low_ml", "high_ml"),
    *("said", *SIGNALS),
    *(f"{figure}_{how}" for how in CLEAN_UPS for figure in ("dice", "hd95")),
)


def measure(work: Path, name: str, run: Path, sides: Sequence[str], samples: int, copies: int) -> None:
    """Write a line for each structure of each case and copy into WORK/NAME.csv."""
    model = Model.load(run)
    file = work / f"{name}.csv"
    work.mkdir(parents=True, exist_ok=True)
    done = {(row["case"], row["how"]) for row in read_rows(file)} if file.is_file() else set()
    cases = list(unseen(model, sides))
    for turn in range(copies + 1):  # all cases as they are first, so that a run that is broken off is of use
        for number, (dataset, entry) in enumerate(cases):
            how = (AS_IT_IS, *worse_copies(number, copies))[turn]
            if (entry.case_id, how) in done:
                continue
            began = time.perf_counter()
            lines = list(_lines(model, entry, degrade(dataset.slices(entry.case_id), how, seed=number), how, samples))
            _append(file, lines)
            gland = {line["structure"]: line for line in lines}.get("GLAND", {})
            seconds = time.perf_counter() - began
            print(entry.case_id, how, gland.get("dice"), gland.get("agreement"), f"{seconds:.0f} s", flush=True)


def unseen(model: Model, sides: Sequence[str]) -> Iterator[tuple[Dataset, Entry]]:
    trained = set(model.provenance["training_patients"])
    for side in sides:
        folder, _, split = side.rpartition(":")
        dataset = Dataset.open(Path(folder))
        for entry in dataset.split(cast("Split", split)):
            if entry.patient_id in trained:
                sys.exit(f"case {entry.case_id}: the model was trained on its patient")
            yield dataset, entry


def _lines(model: Model, entry: Entry, slices: LabelledSlices, how: str, samples: int) -> Iterator[dict[str, Any]]:
    segmentation = model.begin(slices)
    raw, result = segmentation.result(), cleaned(segmentation)
    zones = result.zones
    drawn = draw(segmentation, zones, samples)
    scores, volumes = agreement(drawn.figures), zones.volumes_ml()
    intervals = intervals_ml(drawn.figures, volumes)
    reference = reader_volumes_ml(slices, entry.codes)
    said = " | ".join(disqualifying(result.odd))
    structures = compared_structures(entry.codes, model.codes)
    for structure, dice in structure_dices(slices.labels, zones.labels.values, structures).items():
        low, high = intervals[structure]
        yield {
            "case": entry.case_id,
            "patient": entry.patient_id,
            "dataset": entry.dataset,
            "how": how,
            "structure": structure,
            "dice": dice,
            "volume_ml": volumes[structure],
            "reference_ml": reference.get(structure),
            "low_ml": low,
            "high_ml": high,
            "said": said,
            "agreement": scores[structure],
            **_other_signals(zones, drawn, structure),
            **(_cleaned(raw, slices.labels) if structure == "GLAND" else {}),
        }


def _other_signals(zones: ZoneMap, drawn: Drawn, structure: str) -> dict[str, float]:
    """What might be judged by in place of agreement: each 1 where nothing is doubtful."""
    members = structure_codes(structure, zones.codes) or ()
    mask = np.isin(zones.labels.values, members)
    if not mask.any():
        return {"soft": 0.0, "neighbours": 0.0, "piece": 0.0}
    p = drawn.mean[[zones.codes.index(code) for code in members]].sum(axis=0)
    _, sizes = label_pieces(mask)
    pair = mask[:-1] & mask[1:]
    return {
        "soft": float(2 * p[mask].sum() / (p.sum() + mask.sum())),
        "neighbours": 2 * int(pair.sum()) / max(1, int(mask[:-1].sum()) + int(mask[1:].sum())),
        "piece": float(sizes.max() / sizes.sum()),
    }


def _cleaned(zones: ZoneMap, reference: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Dice and HD95 of the gland before and after each clean-up."""
    figures: dict[str, float] = {}
    for how in CLEAN_UPS:
        labels, _ = clean_up(zones.labels, zones.codes, how)
        known = reference != LabelCode.NOT_ANNOTATED
        drawn, found = (reference != LabelCode.BACKGROUND) & known, labels.values != LabelCode.BACKGROUND
        compared = structure_metrics(drawn, found, zones.labels.grid.spacing_mm, 2.0, known)
        figures |= {f"dice_{how}": compared.dice, f"hd95_{how}": compared.hd95_mm}
    return figures


def read_rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _append(file: Path, lines: list[dict[str, Any]]) -> None:
    new = not file.is_file()
    with file.open("a", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows(lines)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("sides", nargs="+", metavar="DATASET:SPLIT")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--copies", type=int, default=COPIES)
    given = parser.parse_args()
    torch.set_num_threads(1)
    measure(given.work, given.name, given.run, given.sides, given.samples, given.copies)


if __name__ == "__main__":
    main()
