"""What more slices, pixels, studies and processes cost `zonate predict`, and more processes `zonate train`.

    python -m benchmarks.costs [--quick] [--table]

Studies are DICOM of T2W alone: one simulated scan in other voxels. Every command runs as a whole, in a process of its
own; memory is that of all its processes together. The figures are kept in benchmarks/results/costs.json, from which
benchmarks/costs.md and docs/pictures/costs.png are made; `--table` makes both anew. `--quick` measures a few small
sizes, prints their page and keeps nothing. Nothing else should run on the machine.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.costs.picture import draw
from benchmarks.costs.plan import QUICK, Plan
from benchmarks.costs.predicting import Predicting
from benchmarks.costs.studies import scanned
from benchmarks.costs.table import page
from benchmarks.costs.training import by_processes
from benchmarks.machine import circumstances
from zonate.io.files import write_json, write_text

_ROOT = Path(__file__).parents[2]
PAGE = _ROOT / "benchmarks" / "costs.md"
RESULTS = _ROOT / "benchmarks" / "results" / "costs.json"
PICTURE = _ROOT / "docs" / "pictures" / "costs.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few small sizes; nothing is kept")
    parser.add_argument("--table", action="store_true", help="page and picture anew from what is kept")
    given = parser.parse_args()
    if given.quick:
        print(page(measured(QUICK)))
        return
    if not given.table:
        write_json(RESULTS, measured(Plan()), indent=1)
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    write_text(PAGE, page(found))
    draw(found, PICTURE)


def measured(plan: Plan) -> dict[str, Any]:
    """Everything that the page shows."""
    about = circumstances(torch.get_num_threads())  # before cores are taken away
    with tempfile.TemporaryDirectory(prefix="zonate-costs-") as name:
        predicting = Predicting(plan, Path(name), scanned())
        predicting.warm_up()
        curves: dict[str, Any] = {}
        curves["slices"], curves["matrix"] = predicting.by_shape()
        print("slices and matrix: done")
        curves["cohort"] = predicting.by_cohort()
        print("cohort: done")
        curves["workers"] = predicting.by_workers()
        print("workers: done")
        training, curves["training"] = by_processes(plan, Path(name))
    return {
        **about,
        "torch": torch.__version__,
        "plan": asdict(plan),
        "training": training,
        "curves": {name: [asdict(point) for point in points] for name, points in curves.items()},
    }


if __name__ == "__main__":
    main()
