import json

import pytest

from benchmarks.speed.__main__ import PAGE, RESULTS
from benchmarks.speed.table import page

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
    "step_parts": {"whole step": TIMING},
    "step_gflop": {"plain loop, float32": 87.7, "zonate": 81.3},
    "nnunet": {"patch": [20, 320, 256], "parameters_m": 30.8, "seconds": {"mirrored": [50.0], "plain": [6.0]}},
}


def test_ratios_are_those_of_medians() -> None:
    said = page(FOUND)
    assert "it takes 2.00 s, 1.2 times as long" in said  # 2.0 / 1.6
    assert "| MONAI, sliding window | 2 | 1.5 to 2.5 | 4.00 |" in said
    assert "| nnU-Net v2, one fold, its 8 mirror images, the default | 50.0 | – | 100 |" in said
    assert "| zonate, float32 | 1.25 | 1 to 1.5 | 1.60 |" in said
    assert "| `zonate predict`, T2W alone | 2 | 1.5 to 2.5 | 900 |" in said
    assert "in float32: PZ 0.9979, GLAND 0.9989." in said
    assert "| network | 2 | 1.5 to 2.5 | 25% |" in said


def test_the_page_is_what_the_kept_figures_give() -> None:
    if not RESULTS.is_file():
        pytest.skip("nothing was measured yet")
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(RESULTS.read_text(encoding="utf-8")))
