import json
from pathlib import Path

from benchmarks.accuracy.curve import best, read_curve, unfinished


def test_a_run_that_still_climbs_is_unfinished() -> None:
    climbing = [(k, 0.5 + 0.01 * k) for k in range(1, 21)]
    assert unfinished(climbing, 20)
    flat = [(k, 0.7 + 0.0001 * k) for k in range(1, 21)]  # the last is the best, by little
    assert not unfinished(flat, 20)
    passed = [*climbing[:15], (16, 0.9), (17, 0.8), (18, 0.8), (19, 0.8), (20, 0.8)]
    assert not unfinished(passed, 20)
    assert best(passed) == (16, 0.9)


def test_the_first_of_two_that_are_as_good_is_the_best() -> None:
    assert best([(1, 0.7), (2, 0.9), (3, 0.9)]) == (2, 0.9)


def test_a_run_that_was_validated_too_rarely_is_unfinished() -> None:
    assert unfinished([], 5)
    assert unfinished([(1, 0.9)], 1)
    assert unfinished([(1, 0.9), (2, 0.8)], 2)


def test_the_curve_of_a_run_folder(tmp_path: Path) -> None:
    lines = [
        {"epoch": 1, "validation_mean_dice": None, "seconds": 2.5},
        {"epoch": 2, "validation_mean_dice": 0.75, "seconds": 4},
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert read_curve(tmp_path) == ([(2, 0.75)], 6.5)
