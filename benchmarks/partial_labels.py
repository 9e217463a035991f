"""What coarse labels are worth: a model taught by mixed labels beside one taught by full labels, and by few.

    python -m benchmarks.partial_labels prepare WORK        simulated patients, in three kinds of annotation
    python -m benchmarks.partial_labels run WORK SEED...    three trainings a seed, each measured on the test patients
    python -m benchmarks.partial_labels table WORK          benchmarks/partial_labels.md from what has been run

The same patients train in `full` (four zones in all of them) and in `mixed` (a third of them with four zones, a third
with PZ and central gland, a third with the gland alone); `third` is the fully annotated third of `mixed` alone. All
three take the same number of steps of the same size. T2W only: the labels are what differs, not the images.
"""

import argparse
import csv
import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch

from benchmarks.machine import machine
from zonate.case import Case
from zonate.config import Settings, load_recipe
from zonate.dataset.cases import CaseRecord, Origin, write_case
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.splits import Split
from zonate.dataset.store import Dataset
from zonate.geometry import Volume
from zonate.metrics.bootstrap import mean_interval
from zonate.preprocessing.slices import slice_labelled
from zonate.simulation.study import draw_study
from zonate.verbs.evaluate import evaluate
from zonate.verbs.train import train
from zonate.zones import ALL_ZONE_CODES, ZONES_OF_CODE, LabelCode

STUDY_SEED = 4
N_TRAIN, N_TEST = 60, 24
STEPS, BATCH = 1600, 8
STRUCTURES = ("PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND")
ANNOTATIONS: dict[str, tuple[LabelCode, ...]] = {
    "four zones": ALL_ZONE_CODES,
    "PZ and central gland": (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND),
    "gland": (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND),
}
KINDS: dict[str, Callable[[int], str | None]] = {
    "full": lambda _: "four zones",
    "mixed": lambda patient: list(ANNOTATIONS)[patient % 3],
    "third": lambda patient: "four zones" if patient % 3 == 0 else None,
}
"""By run, how the n-th training patient is annotated; None leaves the patient out."""


def prepare(work: Path) -> None:
    """Draw the patients once, and write a dataset of each kind."""
    records: dict[str, list[PlacedRecord]] = {kind: [] for kind in KINDS}
    for k in range(N_TRAIN + N_TEST):
        study = draw_study(STUDY_SEED, k, "siemens")
        t2w = study.examination.t2w(study.examination.t2w_grid, np.random.default_rng([STUDY_SEED, k, 1]))
        labels = study.examination.labels()
        split: Split = "train" if k < N_TRAIN else "test"
        for kind, annotation_of in KINDS.items():
            annotation = annotation_of(k) if split == "train" else "four zones"
            if annotation is not None:
                codes = ANNOTATIONS[annotation]
                case, drawn = Case(study.case_id, t2w), coarsened(labels, codes)
                record = _write(work / kind, case, drawn, codes, study.patient_id)
                records[kind].append(PlacedRecord(record, split))
        print(f"{k + 1} of {N_TRAIN + N_TEST} patients drawn", file=sys.stderr)
    for kind, placed in records.items():
        write_index(work / kind, placed, settings_of(0, 1))


def coarsened(labels: Volume, codes: tuple[LabelCode, ...]) -> Volume:
    """What an annotator who only knows these codes would have drawn of four zones."""
    table = np.zeros(256, dtype=np.uint8)
    for zone_code in ALL_ZONE_CODES:
        table[zone_code] = next(code for code in codes if ZONES_OF_CODE[zone_code] <= ZONES_OF_CODE[code])
    return labels.with_values(table[labels.values])


def _write(dataset: Path, case: Case, labels: Volume, codes: tuple[LabelCode, ...], patient_id: str) -> CaseRecord:
    origin = Origin(patient_id, "simulated", "Apache-2.0", "any", codes, "", {"warnings": []})
    slices = slice_labelled(case, labels, Settings().slicing)
    return write_case(dataset, slices, labels, origin)


def settings_of(seed: int, epochs: int) -> Settings:
    """A small U-Net with Dice and cross-entropy that sees every code as often."""
    return load_recipe("unet").override(
        [
            "network.base_channels=16",
            "network.dropout=0.1",
            "optimiser.learning_rate=1e-3",
            "optimiser.beta_1=0.9",
            "optimiser.decay_from=0.4",
            "augmentation.rotate_90=false",
            "augmentation.flip_vertical=false",
            "normalisation=volume",
            "training.sampling=balanced",
            "training.precision=bf16-mixed",
            f"training.batch_size={BATCH}",
            f"training.epochs={epochs}",
            f"training.validate_every_epochs={epochs}",
            f"training.pictures_every_epochs={epochs}",
            f"training.seed={seed}",
        ]
    )


def run(work: Path, seed: int, kinds: list[str], steps: int) -> None:
    """Train and measure; what is there already is kept."""
    for kind in kinds:
        output = work / "runs" / f"{kind}-{seed}"
        if (output / "result.json").is_file():
            continue
        dataset = Dataset.open(work / kind)
        per_epoch = -(-sum(entry.slices for entry in dataset.split("train")) // BATCH)
        began = time.perf_counter()
        model = train(work / kind, output, settings_of(seed, max(1, round(steps / per_epoch))), overwrite=True)
        seconds = time.perf_counter() - began
        summary = evaluate(model, work / kind, output / "test", split="test", overwrite=True)
        dice = {name: summary.structures[name].measures["dice"].mean for name in STRUCTURES}
        missed = {name: summary.structures[name].n_missed for name in STRUCTURES}
        result = {"kind": kind, "seed": seed, "steps": steps, "seconds": seconds, "dice": dice, "missed": missed}
        (output / "result.json").write_text(json.dumps({**result, "n": summary.n_patients}), encoding="utf-8")
        print(json.dumps(result), flush=True)


def table(work: Path) -> str:
    """Mean and spread over the seeds of the mean Dice over the test patients."""
    results = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((work / "runs").glob("*/result.json"))]
    seeds = sorted({result["seed"] for result in results})
    lines = [
        "# What coarse labels are worth",
        "",
        f"`python -m benchmarks.partial_labels` ({date.today().isoformat()}, {machine()}, one thread a training):",
        f"{N_TRAIN} simulated training patients and {results[0]['n']} others to test on, T2W only;",
        f"{results[0]['steps']} steps of {BATCH} slices, seeds {', '.join(map(str, seeds))}.",
        "Mean Dice over the test patients; mean ± standard deviation over the seeds. Differences are paired by",
        "patient, with 95 % bootstrap intervals over the patients.",
        "Simulated patients: this shows that coarse labels are used rightly, not how accurate anything is on patients.",
        "",
        "| labels | " + " | ".join(name.replace("_", " ").lower() for name in STRUCTURES) + " |",
        "|---|" + "---|" * len(STRUCTURES),
    ]
    of_patient: dict[str, dict[str, dict[str, float]]] = {}
    for kind in KINDS:
        rows = [result["dice"] for result in results if result["kind"] == kind]
        of_patient[kind] = _dice_of_patients(work, kind)
        means = {name: fmean(row[name] for row in rows) for name in STRUCTURES}
        spread = {name: stdev([row[name] for row in rows]) if len(rows) > 1 else 0.0 for name in STRUCTURES}
        cells = (f"{means[name]:.3f} ± {spread[name]:.3f}" for name in STRUCTURES)
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    for other in ("full", "third"):
        cells = (_difference(of_patient["mixed"][name], of_patient[other][name]) for name in STRUCTURES)
        lines.append(f"| mixed − {other} | " + " | ".join(cells) + " |")
    seconds = fmean(result["seconds"] for result in results)
    return "\n".join([*lines, "", f"A training took {seconds / 60:.1f} minutes on one thread.", ""])


def _dice_of_patients(work: Path, kind: str) -> dict[str, dict[str, float]]:
    """By structure, the Dice of each test patient, mean over the seeds."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in STRUCTURES}
    for file in sorted((work / "runs").glob(f"{kind}-*/test/metrics.csv")):
        with file.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                found[row["structure"]].setdefault(row["case_id"], []).append(float(row["dice"] or "nan"))
    return {name: {case: fmean(values) for case, values in of.items()} for name, of in found.items()}


def _difference(one: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Mean over the patients of the difference, with its 95 % bootstrap interval."""
    values = [one[case] - other[case] for case in sorted(one)]
    low, high = mean_interval(values, sorted(one), samples=5000, seed=0) or (float("nan"), float("nan"))
    return f"{np.nanmean(values):+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> None:
    """Do one of the three parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["prepare", "run", "table"])
    parser.add_argument("work", type=Path)
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.part == "prepare":
        prepare(given.work)
    elif given.part == "run":
        for seed in given.seeds:
            run(given.work, seed, given.kind or list(KINDS), given.steps)
    else:
        (Path(__file__).parent / "partial_labels.md").write_text(table(given.work), encoding="utf-8")


if __name__ == "__main__":
    main()
