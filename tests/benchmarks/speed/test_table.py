import json
import os
from pathlib import Path

import pytest

from benchmarks.speed import __main__ as bench
from benchmarks.speed.__main__ import BFLOAT16, PAGES, PLAIN, RESULTS
from benchmarks.speed.table import page
from benchmarks.speed.training import PARTS

TIMING = {"median_s": 2.0, "low_s": 1.5, "high_s": 2.5}
FOUND = {
    "date": "2026-11-25",
    "machine": "2 cores of X",
    "threads": 2,
    "commit": "abc",
    "torch": "2.13",
    "repeats": 5,
    "shape_shw": [19, 384, 384],
    "rates": {"gflop_s": {"float32": 200.0, "bfloat16": 800.0}, "gb_s": 70.0},
    "floors": {"float32": {"seconds": 1.6, "gflop": 320.0}},
    "stages": {"network": TIMING, "write": {"median_s": 6.0, "low_s": 6.0, "high_s": 6.0}},
    "rounding": {"PZ": 0.99794, "GLAND": 0.99886},
    "network": {"zonate": {"median_s": 0.5, "low_s": 0.5, "high_s": 0.5}, "MONAI, sliding window": TIMING},
    "commands": {"zonate predict, T2W alone": {**TIMING, "peak_mib": 900.4}},
    "step": {"plain loop, float32": TIMING, "zonate, float32": {"median_s": 1.25, "low_s": 1.0, "high_s": 1.5}},
    "step_parts": dict.fromkeys(PARTS, TIMING),
    "step_part_work": {"backward": {"gflop": 50.0, "gb": 1.0}, "optimisers": {"gflop": 0.0, "gb": 1.4}},
    "stage_gb": {"write": 0.35},
    "step_gflop": {"plain loop, float32": 87.7, "zonate": 81.3},
    "nnunet": {"patch": [20, 320, 256], "parameters_m": 30.8, "seconds": {"mirrored": [50.0], "plain": [6.0]}},
}


def test_ratios_are_those_of_medians() -> None:
    said = page(FOUND)
    assert "it takes 2.00 s, 1.2 times as long" in said  # 2.0 / 1.6
    assert "| MONAI, sliding window | 2 | 1.5 to 2.5 | 4.00 |" in said
    assert "| nnU-Net v2, one fold, its 8 mirror images, the default | 50.0 | – | 100 |" in said
    assert "| zonate, float32 | 1.25 | 1 to 1.5 | 0.406 | 1.60 |" in said  # 81.3 / 200
    assert "| `zonate predict`, T2W alone | 2 | 1.5 to 2.5 | 900 |" in said
    assert "in float32: PZ 0.9979, GLAND 0.9989." in said
    assert "| network | 2 | 1.5 to 2.5 | 25% | 1.6 |" in said
    assert "| write | 6 | 6 to 6 | 75% | 0.01 |" in said  # 2 · 0.35 / 70
    assert "| backward | 2 | 1.5 to 2.5 | 14% | 0.25 |" in said  # 50 / 200 is more than 1 / 70
    assert "| optimisers | 2 | 1.5 to 2.5 | 14% | 0.02 |" in said  # 1.4 / 70
    assert "| together | 14 | – | 100% | – |" in said


def test_what_was_not_measured_is_a_dash() -> None:
    older = {name: value for name, value in FOUND.items() if name not in ("step_part_work", "stage_gb")}
    said = page({**older, "step_parts": {"augmentation": TIMING, "whole step": TIMING}})
    assert "| write | 6 | 6 to 6 | 75% | – |" in said
    assert "| augmentation | 2 | 1.5 to 2.5 | – | – |" in said
    assert "| backward | – | – | – | – |" in said
    assert "| together | – | – | – | – |" in said


@pytest.mark.parametrize("name", [PLAIN, BFLOAT16])
def test_the_pages_are_what_the_kept_figures_give(name: str) -> None:
    if not (kept := RESULTS / f"{name}.json").is_file():
        pytest.skip("nothing was measured yet")
    assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == page(json.loads(kept.read_text(encoding="utf-8")))


def test_a_gpu_is_hidden_from_all_that_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr("sys.argv", ["bench", "--table"])
    monkeypatch.setattr(bench, "PAGES", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    (tmp_path / "speed.json").write_text(json.dumps(FOUND), encoding="utf-8")
    bench.main()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert (tmp_path / "speed.md").read_text(encoding="utf-8") == page(FOUND)
