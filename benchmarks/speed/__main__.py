"""How fast, against the floor of this machine and against what a user would pick instead: `make bench`.

    python -m benchmarks.speed STUDY [--t2w-only STUDY] [--repeats 5] [--readers .venv-readers/bin/python]

STUDY is a DICOM study with T2W, DWI and ADC, such as those of `zonate simulate` or of a public collection; the page
names its matrix and number of slices. A GPU is left alone: `python -m benchmarks.gpu` is for that. With the Python of
`make readers`, nnU-Net's predictor is timed on its T2W, too. The page is benchmarks/speed.md, on a processor that
computes in bfloat16 benchmarks/speed-bfloat16.md; its figures are kept in benchmarks/results, and `--table` makes the
pages anew from them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import circumstances
from benchmarks.speed.prediction import network_floor, rivals, rounding, stages
from benchmarks.speed.rates import measure_rates
from benchmarks.speed.table import page
from benchmarks.speed.training import part_times, part_work, step_operations, step_times
from benchmarks.speed.whole import whole
from zonate.io.files import write_text
from zonate.io.nifti import write_volume
from zonate.load import load_case
from zonate.preprocessing.slices import slice_case
from zonate.segmenter import Segmenter
from zonate.shipped import model_path

PAGES = Path("benchmarks")
RESULTS = Path("benchmarks/results")
PLAIN, BFLOAT16 = "speed", "speed-bfloat16"
"""What a page and its figures are called, by what the processor computes in."""
_NNUNET = Path(__file__).with_name("nnunet_predictor.py")
_NNUNET_REPEATS = 1  # minutes each


def main() -> None:
    """Measure and write the page, or the pages alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, nargs="?")
    parser.add_argument("--t2w-only", type=Path, default=None, help="a study of T2W alone")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--readers", type=Path, default=None, help="the Python of `make readers`")
    parser.add_argument("--table", action="store_true", help="make the pages anew from what is kept")
    given = parser.parse_args()
    # Here and in the commands that are started: ours would take a GPU by itself, the others would not.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if not given.table:
        if given.study is None:
            parser.error("give a study, or --table")
        found = measured(given)
        name = BFLOAT16 if "bfloat16" in found["rates"]["gflop_s"] else PLAIN
        write_text(RESULTS / f"{name}.json", json.dumps(found, indent=1) + "\n")
    for name in (PLAIN, BFLOAT16):
        if (kept := RESULTS / f"{name}.json").is_file():
            write_text(PAGES / f"{name}.md", page(json.loads(kept.read_text(encoding="utf-8"))))


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Everything that the page shows."""
    segmenter = Segmenter.load(model_path(None))
    case = load_case(given.study, segmenter.settings)
    slices = slice_case(case, segmenter.settings.slicing)
    rates = measure_rates()
    floors = {name: network_floor(segmenter.model, slices, rates, name) for name in rates.gflop_s}
    by_stage = stages(given.study, given.repeats)
    found: dict[str, Any] = {
        **circumstances(torch.get_num_threads()),
        "torch": torch.__version__,
        "repeats": given.repeats,
        "shape_shw": list(case.t2w.grid.shape),
        "rates": asdict(rates),
        "floors": {name: {"seconds": seconds, "gflop": gflop} for name, (seconds, gflop) in floors.items()},
        "stages": _timings(by_stage.timings),
        "stage_gb": by_stage.gb,
        "rounding": rounding(segmenter.model, slices),
        "network": _timings(rivals(segmenter.model, slices, given.repeats)),
        "commands": commands(given.study, given.t2w_only, given.repeats),
        "step": _timings(step_times(given.repeats)),
        "step_parts": _timings(part_times(given.repeats)),
        "step_part_work": part_work(),
        "step_gflop": step_operations(),
    }
    if given.readers is not None:
        found["nnunet"] = nnunet(given.readers, case.t2w)
    return found


def commands(study: Path, t2w_only: Path | None, repeats: int) -> dict[str, Any]:
    """Commands from their start to their end, each in a process of its own."""
    zonate = [sys.executable, "-m", "zonate"]
    studies = {"zonate predict": study} | ({} if t2w_only is None else {"zonate predict, T2W alone": t2w_only})
    found = {"zonate --help": whole([*zonate, "--help"], repeats)}
    with tempfile.TemporaryDirectory() as folder:
        for name, each in studies.items():
            output = ["-o", f"{folder}/{len(found)}", "--overwrite"]
            found[name] = whole([*zonate, "predict", str(each), *output], repeats)
    return {name: {**asdict(it.timing), "peak_mib": it.peak_mib} for name, it in found.items()}


def nnunet(python: Path, t2w: Any) -> dict[str, Any]:
    """What nnU-Net's predictor takes for the same T2W."""
    with tempfile.TemporaryDirectory() as folder:
        volume = Path(folder) / "t2w.nii.gz"
        write_volume(volume, t2w)
        command = [str(python), str(_NNUNET), str(volume), str(_NNUNET_REPEATS)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def _timings(found: dict[str, Any]) -> dict[str, Any]:
    return {name: asdict(timing) for name, timing in found.items()}


if __name__ == "__main__":
    main()
