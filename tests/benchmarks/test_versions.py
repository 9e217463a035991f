import sys
from pathlib import Path

import pytest

from benchmarks import versions
from benchmarks.versions import OURS, page, rounds


def test_both_versions_run_in_turn_and_the_first_round_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, bool]] = []

    def once(command: list[str], *, watched: bool = True) -> tuple[float, float]:
        called.append((command[1], watched))
        assert command[2:-1] == [sys.executable, "-P", "-m", "zonate", "predict", "study", "-o"]
        return float(len(called)), 100.0 * len(called) * watched

    monkeypatch.setattr(versions, "once", once)
    taken = rounds(Path("study"), tmp_path, 2)
    sources = [f"PYTHONPATH={checkout / 'src'}" for checkout in (tmp_path.resolve(), OURS)]
    assert called == [(name, number == 0) for number in range(3) for name in sources]
    assert taken == {"other": ([3.0, 5.0], 100.0), "this": ([4.0, 6.0], 200.0)}


def test_ratios_are_taken_within_a_round() -> None:
    how = {"date": "2026-11-30", "machine": "2 cores", "threads": 2, "commit": "new"}
    runs = {"other": ([10.0, 20.0, 30.0], 950.0), "this": ([5.0, 12.0, 9.0], 710.0)}
    table = page({"P1": runs}, "old", how).splitlines()
    assert "| study | old, s | new, s | ratio | old, MiB | new, MiB |" in table
    # 5 / 10, 12 / 20 and 9 / 30
    assert table[-1] == "| P1 | 20 (10 to 30) | 9 (5 to 12) | 0.5 (0.3 to 0.6) | 950 | 710 |"
