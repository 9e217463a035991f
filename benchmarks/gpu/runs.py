"""Whole trainings through `zonate.verbs.train`: how long the described one takes, and what `--fast` costs in Dice."""

import json
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

from benchmarks.gpu.plan import DESCRIBED_EPOCHS, Plan
from zonate.config import Settings
from zonate.fast import fast
from zonate.run_folder import METRICS_NAME
from zonate.verbs.train import train

AS_DESCRIBED, FAST = "as described", "--fast"
_VALIDATED = 6
"""How often each of the trainings whose Dice is compared is validated."""


def described_run(plan: Plan, dataset: Path, work: Path) -> dict[str, Any]:
    """Seconds of real epochs by `--fast`, from the end of an epoch's steps to that of the next.

    Between two ends lie what `zonate train` does: validation, pictures in every tenth, both files of weights, reading.
    """
    settings = fast(plan.settings()).override([f"training.epochs={plan.timed_epochs + 1}"])
    ends_s: list[float] = []

    def progress(done: int, total: int, text: str) -> None:  # noqa: ARG001  (named as it is called)
        if done % (total // settings.training.epochs) == 0:  # the losses have just been read: nothing is going on
            ends_s.append(perf_counter())

    began_s = perf_counter()
    train(dataset, work / "run", settings, overwrite=True, progress=progress)
    ended_s = perf_counter()
    epochs_s = [after - before for before, after in pairwise(ends_s)]
    low_s, _, high_s = quantiles(epochs_s, n=4, method="inclusive") if len(epochs_s) > 1 else epochs_s * 3
    mean_s, first_s, last_s = sum(epochs_s) / len(epochs_s), ends_s[0] - began_s, ended_s - ends_s[-1]
    return {
        "train_slices": plan.train_slices,
        "validation_cases": plan.validation_cases,
        "timed_epochs": len(epochs_s),
        "epoch_s": {"mean": mean_s, "low": low_s, "high": high_s},
        "first_s": first_s,
        "last_s": last_s,
        "epochs": DESCRIBED_EPOCHS,
        "extrapolated_s": first_s + (DESCRIBED_EPOCHS - 1) * mean_s + last_s,
    }


def dice_compared(plan: Plan, dataset: Path, work: Path) -> dict[str, Any]:
    """Validation Dice of the same trainings as described and by `--fast`, from the same seeds."""
    found = []
    for seed in plan.seeds:
        changes = [
            f"training.seed={seed}",
            f"training.epochs={plan.dice_epochs}",
            f"training.validate_every_epochs={max(1, plan.dice_epochs // _VALIDATED)}",
        ]
        settings = {AS_DESCRIBED: plan.settings(), FAST: fast(plan.settings())}
        runs = {
            name: trained(dataset, work / f"dice-{number}-{seed}", each.override(changes))
            for number, (name, each) in enumerate(settings.items())
        }
        found.append({"seed": seed, "runs": runs})
    return {
        "train_slices": plan.train_slices,
        "validation_cases": plan.validation_cases,
        "epochs": plan.dice_epochs,
        "by_seed": found,
    }


def trained(dataset: Path, run: Path, settings: Settings) -> dict[str, Any]:
    """Seconds of a training, and the Dice of its best validation: that of the model which is kept."""
    began_s = perf_counter()
    train(dataset, run, settings, overwrite=True)
    seconds = perf_counter() - began_s
    lines = [json.loads(line) for line in (run / METRICS_NAME).read_text(encoding="utf-8").splitlines()]
    best = max((line for line in lines if line["validation_dice"]), key=lambda line: line["validation_mean_dice"])
    return {
        "seconds": seconds,
        "epoch": best["epoch"],
        "mean_dice": best["validation_mean_dice"],
        "dice": best["validation_dice"],
    }
