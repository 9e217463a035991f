import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.costs.__main__ import PAGE, PICTURE, RESULTS
from benchmarks.costs.picture import draw
from benchmarks.costs.table import page


def _points(*rows: tuple[int, list[float], float]) -> list[dict[str, Any]]:
    return [{"x": x, "seconds": seconds, "peak_mib": peak_mib} for x, seconds, peak_mib in rows]


FOUND: dict[str, Any] = {
    "date": "2026-11-25",
    "machine": "2 cores of X",
    "threads": 2,
    "beside": 1,
    "commit": "abc",
    "torch": "2.13",
    "plan": {
        "usual_slices": 19,
        "usual_matrix_px": 384,
        "shared": 10,
        "small": [12, 256],
        "samples": 0,
        "repeats": 3,
    },
    "training": {"recipe": "zonate", "batch_size": 8, "patch_px": 160, "steps": 8, "epochs": 4},
    "curves": {
        "slices": _points((10, [7.0, 8.0, 9.0], 700.0), (20, [11.0, 11.0, 11.0], 760.0), (40, [17.0] * 3, 880.0)),
        "matrix": _points((200, [9.0], 800.0), (400, [15.0], 920.0)),
        "cohort": _points((1, [9.0], 700.0), (5, [21.0], 710.0), (10, [36.0], 711.0)),
        "workers": _points((1, [60.0], 600.0), (2, [40.0], 900.0)),
        "training": _points((1, [1.0, 1.2, 0.8], 500.0), (2, [0.5, 0.6, 0.4], 1000.0)),
    },
}


def test_what_more_slices_cost() -> None:
    said = page(FOUND)
    assert "| 10 | 8 | 7 to 9 | 700 |" in said
    # Slope of (10, 8), (20, 11), (40, 17): 0.3 s; of (10, 700), (20, 760), (40, 880): 6 MiB; all three lie on them.
    assert "By least squares: 0.3 s and 6 MiB a slice, on top of 5 s and 640 MiB. The lines are off by 0% and" in said


def test_the_lines_say_how_far_they_are_off() -> None:
    bent = {**FOUND["curves"], "slices": _points((0, [10.0], 100.0), (1, [13.0], 100.0), (2, [10.0], 100.0))}
    # The line lies at 11 s throughout: off by 1 in 10, and by 2 in 13.
    assert "on top of 11 s and 100 MiB. The lines are off by 15% and 0% at most." in page({**FOUND, "curves": bent})


def test_what_more_pixels_cost() -> None:
    said = page(FOUND)
    assert "| 400 × 400 | 15 | 15 to 15 | 920 |" in said
    # 40,000 and 160,000 pixels: 6 s and 120 MiB for 120,000.
    assert "By least squares: 5 s and 100 MiB for each 100,000 pixels of a slice, on top of 7 s and 760 MiB." in said


def test_what_more_studies_cost() -> None:
    said = page(FOUND)
    assert "| 5 | 21 | 4.2 | 710 |" in said
    assert "By least squares a further study takes 3 s and 1.2 MiB." in said
    assert "The most memory with 10 studies is +11 MiB against one study and +1 MiB against 5 studies." in said


def test_what_more_processes_give() -> None:
    said = page(FOUND)
    assert "| 2 | 40 | 15.0 | 1.50 | 900 |" in said
    assert "2 workers do 1.50 times as many studies in a time, in 1.50 times the memory." in said
    assert "| 2 | 0.5 | 0.4 to 0.6 | 1000 | 2.00 |" in said
    assert "2 processes do 2.00 times as many steps in a time, in 2.00 times the memory." in said


def test_a_machine_of_one_core() -> None:
    alone = {name: FOUND["curves"][name][:1] for name in ("workers", "training")}
    said = page({**FOUND, "curves": {**FOUND["curves"], **alone}})
    assert "There is no core for more workers." in said
    assert "There is no core for more processes." in said


def test_the_picture_is_small(tmp_path: Path) -> None:
    draw(FOUND, tmp_path / "new" / "costs.png")
    assert 10_000 < (tmp_path / "new" / "costs.png").stat().st_size < 150_000


def test_the_page_is_what_the_kept_figures_give() -> None:
    if not RESULTS.is_file():
        pytest.skip("nothing was measured yet")
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(RESULTS.read_text(encoding="utf-8")))
    assert PICTURE.stat().st_size < 150_000
