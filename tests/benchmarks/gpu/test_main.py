import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu.__main__ import PAGE, RESULTS, main
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.table import page

ROOT = Path(__file__).parents[3]
NOT_THERE = ("SimpleITK", "pydicom", "highdicom", "gdcm", "distributed", "dask", "reportlab", "monai", "cryptography")
ALL_PARTS_WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({NOT_THERE!r}))  # None: the import fails
from benchmarks.gpu.__main__ import main
sys.exit(main(["--small", "--work", sys.argv[1]]))
"""


def test_every_part_runs_with_little_but_pytorch_and_toy_sizes_are_printed_alone(tmp_path: Path) -> None:
    before = [file.read_bytes() if file.is_file() else None for file in (PAGE, RESULTS)]
    command = [sys.executable, "-c", ALL_PARTS_WITHOUT, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "Toy sizes, of no meaning:\n\n# How fast on a GPU?" in ran.stdout
    assert "Not measured yet." not in ran.stdout
    assert "validated after each epoch on 1 patient:" in ran.stdout
    assert [file.read_bytes() if file.is_file() else None for file in (PAGE, RESULTS)] == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dice-0-0", "dice-1-0", "run", "slices-3"]


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "there is no GPU that PyTorch can use; --small runs the parts at toy size on the CPU\n"
    )


def test_a_part_is_kept_as_it_ends_and_one_that_fails_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept_before_idle: list[str] = []

    def fails(*_: Any) -> dict[str, Any]:
        raise RuntimeError("out of memory")

    def run(plan: Plan, device: str, work: Path) -> dict[str, Any]:
        assert (plan.train_slices, plan.dice_epochs, plan.seeds, device) == (669, 7, (1, 2), "cuda")
        kept_before_idle.extend(json.loads(gpu.RESULTS.read_text(encoding="utf-8")))
        return {"a": 2, "work": str(work)}

    monkeypatch.setattr(gpu, "PAGE", tmp_path / "gpu.md")
    monkeypatch.setattr(gpu, "RESULTS", tmp_path / "gpu.json")
    monkeypatch.setattr(gpu, "page", lambda kept: f"page of {', '.join(kept)}")
    monkeypatch.setattr(gpu, "forget_compiled", lambda _: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Fast One")
    monkeypatch.setattr(gpu, "_PARTS", {"step": lambda *_: {"a": 1}, "fast": fails, "run": run})
    asked = ["--dice-epochs", "7", "--seeds", "1", "2", "--commit", "abc", "--work", "here"]
    assert main(["--parts", "step", "fast", "run", *asked]) == 1
    assert "RuntimeError: out of memory" in capsys.readouterr().err
    assert kept_before_idle == ["step"]
    kept = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert list(kept) == ["step", "run"]
    assert {name: kept["run"][name] for name in ("part", "a", "work", "gpu", "commit")} == {
        "part": "run",
        "a": 2,
        "work": "here",
        "gpu": "Fast One",
        "commit": "abc",
    }
    assert (tmp_path / "gpu.md").read_text(encoding="utf-8") == "page of step, run"


@pytest.mark.skipif(not RESULTS.is_file(), reason="no GPU was measured yet")
def test_the_page_is_what_the_kept_figures_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(json.loads(RESULTS.read_text(encoding="utf-8")))
