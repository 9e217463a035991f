"""Make the weights that ship: every permitted patient, by the recipe that won, with a calibration by the folds.

    python -m benchmarks.weights --data DATA --accuracy WORK --work WORK -o src/zonate/weights/zonate.safetensors

`make accuracy` comes first: its models of the folds annotate the patients without labels, and what they do on the
patients that they left out is what the calibration learns from. Each step is kept, and a run that was stopped goes on.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.accuracy.folds import dataset_folder
from benchmarks.accuracy.job import RUN_NAME, finished_jobs
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.shapes import FOUR_ZONES, make_images
from benchmarks.accuracy.unlabelled import UNLABELLED, annotate
from benchmarks.weights.cases import write_cases
from zonate.cli.terminal import progress_bar
from zonate.config import load_recipe
from zonate.model import Model
from zonate.verbs.calibrate import calibrate
from zonate.verbs.prepare import prepare
from zonate.verbs.train import train

NOT_VALIDATED = ("DPU", "AFS")
"""What a single patient shows is learnt, and not known."""


def main() -> None:
    """Annotate, prepare, train, calibrate, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of real data, see benchmarks/accuracy")
    parser.add_argument("--accuracy", type=Path, required=True, help="the --work of benchmarks.accuracy")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="manifests of further cases, which train")
    parser.add_argument("--work", type=Path, required=True, help="what is kept between steps")
    parser.add_argument("--epochs", type=int, default=None, help="in place of the recipe's")
    parser.add_argument("--copies", type=int, default=2, help="worse copies of each case to calibrate on")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    settings = load_recipe(OWN).override(["split.validation_fraction=0", "split.test_fraction=0"])
    if given.epochs is not None:
        settings = settings.override([f"training.epochs={given.epochs}"])
    folds = [folder / RUN_NAME for folder in finished_jobs(given.accuracy, OWN)]
    if len(folds) < settings.split.folds:
        parser.error(
            f"{given.accuracy} holds {len(folds)} finished models of {settings.split.folds} folds: run "
            "`python -m benchmarks.accuracy --methods zonate` to its end first"
        )
    annotated = given.work / "unlabelled"
    if not (annotated / "manifest.csv").is_file():
        annotate(given.data / UNLABELLED, folds, annotated)
    shaped = make_images(given.data, given.work / "shapes", n=1, only=FOUR_ZONES)
    manifest = write_cases(given.data, [annotated / "manifest.csv", *shaped, *given.also], given.work / "cases.csv")
    with progress_bar("prepare") as progress:
        prepared = prepare(given.work / "dataset", manifests=[manifest], settings=settings, progress=progress)
    if prepared.failed:
        sys.exit("; ".join(prepared.failed.values()))
    with progress_bar("train") as progress:
        train(given.work / "dataset", given.work / "run", settings, resume=True, progress=progress)
    calibrated = given.work / "calibrated.safetensors"
    with progress_bar("calibrate") as progress:
        done = calibrate(
            given.work / "run",
            dataset_folder(given.accuracy, settings.slicing),
            calibrated,
            fold_runs=folds,
            copies=given.copies,
            overwrite=True,
            progress=progress,
        )
    write(calibrated, given.output)
    print(f"{given.output}: calibrated on {done.n_results} results of {done.n_patients} patients")


def write(trained: Path, output: Path) -> None:
    """The model with what is not known of it, in half precision: half the size, and no voxel in a thousand changes."""
    model = Model.load(trained)
    model = replace(model, provenance={**model.provenance, "not_validated": list(NOT_VALIDATED)})
    model.generator.to(torch.float16)
    if not all(torch.isfinite(tensor).all() for tensor in model.generator.state_dict().values()):
        sys.exit("a weight is too large for half precision: train again, or keep it in single precision")
    model.save(output)


if __name__ == "__main__":
    main()
