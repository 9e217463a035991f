"""The process that does one job: trains, or goes on where it was stopped, then measures.

python -m benchmarks.accuracy.work FOLDER [--probe SECONDS]
"""

import argparse
import fcntl
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.accuracy import volumetric
from benchmarks.accuracy.curve import best, read_curve, unfinished
from benchmarks.accuracy.job import JOB_NAME, RESULT_NAME, RUN_NAME, SCORES_NAME, Job, is_done, steps_per_epoch
from benchmarks.accuracy.measure import TOLERANCE_MM, Measured, Segment, measure_case
from benchmarks.accuracy.pace import measure_pace
from benchmarks.machine import circumstances
from zonate.config import Settings
from zonate.differing_settings import differing_settings
from zonate.io.files import write_json, write_text
from zonate.metrics.tables import scores_csv
from zonate.model import Model
from zonate.training.known_patients import require_unknown
from zonate.verbs.train import train


@dataclass(frozen=True)
class Trained:
    """What a run left."""

    network: nn.Module
    segment: Segment
    provenance: dict[str, Any]


def work(folder: Path) -> None:
    """Do the job of a folder; what is done already is kept."""
    job = Job.read(folder)
    torch.set_num_threads(job.threads)
    with _alone(folder / JOB_NAME):
        if is_done(folder):
            return
        trained = _trained(job, folder)
        dataset = job.opened()
        entries = dataset.split("test")
        remedy = "Begin from a model that did not learn from them"
        require_unknown(trained.provenance, dataset, entries, chosen_too=True, remedy=remedy)
        measured = [
            measure_case(trained.segment, dataset, entry, job.clean_up, t2w_alone=job.t2w_alone) for entry in entries
        ]
        scores = [score for one in measured for score in one.scores]
        write_text(folder / SCORES_NAME, scores_csv(scores, TOLERANCE_MM))
        write_json(folder / RESULT_NAME, {**_about(job), **_run(job, folder, trained), "cases": _cases(measured)})


def _trained(job: Job, folder: Path) -> Trained:
    if job.volumetric:
        network = volumetric.train(job.opened(), folder / RUN_NAME, job.settings)
        return Trained(network.network, network.segment, network.provenance)
    run = folder / RUN_NAME
    if job.weights_of is None:
        train(job.dataset, run, job.settings, fold=job.fold, init=job.init, resume=True)
        model = Model.load(run)
    else:
        model = _used(Model.load(job.weights_of / RUN_NAME), job.settings)
    return Trained(model.generator, model.segment, dict(model.provenance))


def _used(model: Model, settings: Settings) -> Model:
    """A model with other settings of its use."""
    return replace(model, settings=model.settings.model_copy(update={"prediction": settings.prediction}))


def _run(job: Job, folder: Path, trained: Trained) -> dict[str, Any]:
    """How the training went."""
    run = (job.weights_of or folder) / RUN_NAME
    curve, seconds = read_curve(run)
    settings = Job.read(job.weights_of).settings if job.weights_of else job.settings
    epochs = settings.training.epochs
    steps = epochs * steps_per_epoch(job.opened(), settings, volumetric=job.volumetric)
    epoch, dice = best(curve) if curve else (epochs, None)
    return {
        "parameters": sum(p.numel() for p in trained.network.parameters()),
        "epochs": epochs,
        "steps": steps,
        "batch_size": settings.training.batch_size,
        "seconds": round(seconds, 1),
        "best_epoch": epoch,
        "best_validation_dice": dice,
        "unfinished": unfinished(curve, epochs),
        "curve": [[epoch, round(dice, 4)] for epoch, dice in curve],
    }


def _about(job: Job) -> dict[str, Any]:
    """What was done, and on what."""
    return {
        "name": job.name,
        "fold": job.fold,
        "seed": job.settings.training.seed,
        "minutes": job.minutes,
        "clean_up": job.clean_up,
        **circumstances(job.threads, job.beside),
        "settings": {name: here for name, (_, here) in differing_settings(Settings(), job.settings).items()},
    }


def _cases(measured: list[Measured]) -> list[dict[str, Any]]:
    return [
        {
            "case_id": one.scores[0].case_id,
            "patient_id": one.scores[0].patient_id,
            "said": one.said,
            "seconds": round(one.seconds, 2),
        }
        for one in measured
    ]


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Make sure that no other process does this job: one whose parent was killed may still be at it."""
    with file.open(encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another process is at {file.parent}: wait for it, or end it")
        yield


def main() -> None:
    """Do a job, or find its pace."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--probe", type=float, metavar="SECONDS", help="only find the pace, within about this time")
    given = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    if given.probe is None:
        work(given.folder)
    else:
        write_json(given.folder / "pace.json", vars(measure_pace(Job.read(given.folder), given.probe)))


if __name__ == "__main__":
    main()
