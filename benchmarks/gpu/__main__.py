"""What a training takes on a GPU: `python -m benchmarks.gpu`.

    python -m benchmarks.gpu [--parts step fast run idle dice] [--work FOLDER] [--dice-epochs 30] [--seeds 0]
        [--commit NAME] [--small] [--table]

step    a training step at batch 1: the plain loop, ours, ours compiled
fast    a slice by `--fast` against a slice of the plain loop
run     the described run by `--fast`: some real epochs, extrapolated to 300
idle    the share of the time in which the device waits
dice    validation Dice as described and by `--fast`: the longest by far

Each part is kept as it ends, in benchmarks/results/gpu.json, beside what other parts found earlier, and the page
benchmarks/gpu.md is made anew; `--table` does that alone. One that fails leaves the others. The simulated slices stay
in FOLDER for the next call. `--small` runs everything at toy size, on a CPU too, and prints its page: nothing is kept.
"""

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.idle import idle_shares
from benchmarks.gpu.plan import SMALL, Plan
from benchmarks.gpu.runs import described_run, dice_compared
from benchmarks.gpu.slices import simulated_slices
from benchmarks.gpu.steps import at_batch_1, by_fast, forget_compiled
from benchmarks.gpu.table import page
from benchmarks.machine import circumstances
from zonate.io.files import write_json, write_text

_ROOT = Path(__file__).parents[1]
PAGE, RESULTS = _ROOT / "gpu.md", _ROOT / "results" / "gpu.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; the exit code."""
    given = _arguments(arguments)
    if given.table:
        write_text(PAGE, page(_kept()))
        return 0
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not given.small:
        print("there is no GPU that PyTorch can use; --small runs the parts at toy size on the CPU", file=sys.stderr)
        return 2
    plan = SMALL if given.small else replace(Plan(), dice_epochs=given.dice_epochs, seeds=tuple(given.seeds))
    about = circumstances(torch.get_num_threads())  # before any file changes
    about |= {"torch": torch.__version__, "gpu": torch.cuda.get_device_name() if device == "cuda" else "no GPU"}
    about |= {} if given.commit is None else {"commit": given.commit}
    found, failed = {}, 0
    with tempfile.TemporaryDirectory(prefix="zonate-gpu-") as temporary:
        work = given.work or Path(temporary)
        for part in given.parts:
            try:
                found[part] = {**about, "part": part, **_PARTS[part](plan, device, work)}
                if not given.small:
                    write_json(RESULTS, {**_kept(), part: found[part]}, indent=1)
                    write_text(PAGE, page(_kept()))
                forget_compiled(device)
            except Exception:  # noqa: BLE001  (the others are worth having)
                traceback.print_exc()
                failed = 1
            else:
                print(f"{part}: done", flush=True)
    if given.small:
        print(f"Toy sizes, of no meaning:\n\n{page(found)}")
    return failed


_PARTS: dict[str, Callable[[Plan, str, Path], dict[str, Any]]] = {
    "step": lambda plan, device, _: at_batch_1(plan, device),
    "fast": lambda plan, device, _: by_fast(plan, device),
    "run": lambda plan, _, work: described_run(plan, _slices(plan, work), work),
    "idle": lambda plan, _, work: {"trainings": idle_shares(plan, _slices(plan, work))},
    "dice": lambda plan, _, work: dice_compared(plan, _slices(plan, work), work),
}


def _slices(plan: Plan, work: Path) -> Path:
    return simulated_slices(work / f"slices-{plan.train_slices}", plan)


def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    return kept


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(_PARTS), default=list(_PARTS))
    parser.add_argument("--work", type=Path, help="where slices and runs are kept; else nowhere")
    parser.add_argument("--dice-epochs", type=int, default=Plan.dice_epochs)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(Plan.seeds), help="of the part dice")
    parser.add_argument("--commit", help="said to be measured, where there is no checkout")
    parser.add_argument("--small", action="store_true", help="toy sizes; nothing is kept")
    parser.add_argument("--table", action="store_true", help="make the page anew from what is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
