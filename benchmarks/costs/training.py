"""`zonate train` as a whole command, by one process and by several that share the same batches."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.cohort import cores
from benchmarks.costs.plan import Plan
from benchmarks.costs.points import Point
from benchmarks.costs.predicting import fitting
from benchmarks.reading import made, stored
from benchmarks.speed.whole import once
from zonate.config import load_recipe
from zonate.run_folder import METRICS_NAME

RECIPE = "zonate"


def by_processes(plan: Plan, work: Path) -> tuple[dict[str, Any], list[Point]]:
    """What is learnt from, and a point a number of processes of one core: seconds of a step in each epoch, memory."""
    settings = load_recipe(RECIPE)
    cases, slices, epochs = plan.training
    batch = settings.training.batch_size
    size_px = settings.slicing.size_px
    stored(work / "dataset", [made(f"case{number}", slices, size_px, seed=number) for number in range(cases)])
    steps = -(-cases * slices // batch)
    points = []
    for processes in fitting(plan.processes, batch):
        run = work / f"run-{processes}"
        with cores(processes):
            _, peak_mib = once(_command(work / "dataset", run, epochs, processes))
        lines = (run / METRICS_NAME).read_text(encoding="utf-8").splitlines()
        points.append(Point(processes, [json.loads(line)["seconds"] / steps for line in lines[1:]], peak_mib))
    about = {
        "recipe": RECIPE,
        "batch_size": batch,
        "patch_px": settings.training.patch_px or size_px,
        "steps": steps,
        "epochs": epochs,
    }
    return about, points


def _command(dataset: Path, run: Path, epochs: int, processes: int) -> list[str]:
    command = [sys.executable, "-m", "zonate", "train", "--recipe", RECIPE, "--data", str(dataset), "-o", str(run)]
    changes = [f"training.epochs={epochs}", "slicing.spacing_mm=0.5"]  # as the made slices are
    return [*command, "--devices", str(processes), *(part for change in changes for part in ("--set", change))]
