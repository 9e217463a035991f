from itertools import count
from pathlib import Path

import pytest

from benchmarks.gpu import runs
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.runs import described_run
from zonate.config import Settings
from zonate.progress import Progress


def test_a_run_is_extrapolated_from_whole_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = count()
    asked: list[tuple[int, int, bool]] = []

    def train(_: Path, __: Path, settings: Settings, *, overwrite: bool, progress: Progress) -> None:
        training = settings.training
        asked.append((training.epochs, training.batch_size, overwrite))
        for step in range(1, training.epochs * 42 + 1):
            for _look in range(4 if step > 42 else 0):  # steps and the validation before them
                next(looks)
            progress(step, training.epochs * 42, "")
        for _look in range(10):
            next(looks)

    monkeypatch.setattr(runs, "train", train)
    monkeypatch.setattr(runs, "perf_counter", lambda: float(next(looks)))
    found = described_run(Plan(timed_epochs=2), Path("data"), Path("work"))
    assert asked == [(3, 16, True)]
    assert found["timed_epochs"] == 2
    assert found["epoch_s"] == {"mean": 169.0, "low": 169.0, "high": 169.0}  # 42 steps of 4, and the look itself
    assert (found["first_s"], found["last_s"]) == (1.0, 11.0)
    assert found["extrapolated_s"] == 1 + 299 * 169 + 11
