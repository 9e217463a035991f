import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.costs import training
from benchmarks.costs.plan import Plan

PLAN = Plan(processes=(1,), training=(2, 6, 3))


def test_seconds_of_a_step_after_the_first_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def once(command: list[str]) -> tuple[float, float]:
        commands.append(command)
        run = Path(command[command.index("-o") + 1])
        run.mkdir()
        lines = [json.dumps({"seconds": seconds}) for seconds in (50.0, 4.0, 6.0)]
        (run / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return 99.0, 700.0

    def stored(folder: Path, cases: list[Any]) -> None:
        assert folder == tmp_path / "dataset"
        assert [case.images.shape for case in cases] == [(6, 3, 256, 256)] * 2

    monkeypatch.setattr(training, "once", once)
    monkeypatch.setattr(training, "stored", stored)
    about, points = training.by_processes(PLAN, tmp_path)
    assert about == {"recipe": "zonate", "batch_size": 8, "patch_px": 160, "steps": 2, "epochs": 3}
    assert [(point.x, point.seconds, point.peak_mib) for point in points] == [(1, [2.0, 3.0], 700.0)]
    assert commands[0][-6:] == ["--devices", "1", "--set", "training.epochs=3", "--set", "slicing.spacing_mm=0.5"]
