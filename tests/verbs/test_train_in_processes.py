"""`zonate train --devices 2`: two processes on this machine, from the command line on."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.dataset_factory import a_dataset
from tests.processes import started, stderr_at_the_end
from zonate.config import Settings
from zonate.dataset.splits import Split
from zonate.verbs.train import train

pytestmark = pytest.mark.slow

SETTINGS = Settings().override(
    [
        "name=tiny",
        "slicing.size_px=64",
        "slicing.spacing_mm=2.0",
        "network.architecture=residual",
        "network.base_channels=2",
        "network.normalisation=group",
        "network.dropout=0",  # else each process draws its own
        "loss.adversarial=0",
        "loss.l1=0",
        "loss.dice=1",
        "loss.cross_entropy=1",
        "augmentation.rotation_deg=20",
        "augmentation.gamma=0.3",
        "training.batch_size=4",
        "training.epochs=1",
    ]
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine slices to learn from: batches of 4, 4 and 1."""
    splits: list[Split] = ["train", "train", "train", "validation", "validation", "validation"]
    return a_dataset(tmp_path_factory.mktemp("data") / "set", splits, slices=3, settings=SETTINGS)


def _command(dataset: Path, run: Path, *more: str) -> tuple[list[str], dict[str, str]]:
    recipe = run.with_suffix(".toml")
    recipe.write_text(_toml(SETTINGS), encoding="utf-8")
    words = ["--data", str(dataset), "-o", str(run), "--recipe", str(recipe), "--devices", "2", *more]
    return [sys.executable, "-P", "-m", "zonate", "train", *words], os.environ | {"OMP_NUM_THREADS": "1"}


def _train(dataset: Path, run: Path, *more: str) -> tuple[int, str]:
    """The exit code, and what was told."""
    with started(*_command(dataset, run, *more)) as command:
        told = stderr_at_the_end(command)
    return command.returncode, told


def _toml(settings: Settings) -> str:
    lines = [f'name = "{settings.name}"']
    for section in ("slicing", "network", "loss", "augmentation", "training"):
        values = {key: value for key, value in getattr(settings, section).model_dump().items() if value is not None}
        lines += [f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    return "\n".join(lines)


def _metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_two_processes_learn_what_one_does_and_each_goes_on_where_the_other_stopped(
    dataset: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    train(dataset, one, SETTINGS)
    code, told = _train(dataset, two)
    assert code == 0, told
    assert told.count("best model: ") == 1
    train(dataset, two, SETTINGS.override(["training.epochs=2"]), resume=True)
    code, told = _train(dataset, one, "--resume", "--set", "training.epochs=2")
    assert code == 0, told
    alone, together = _metrics(one), _metrics(two)
    assert [line["epoch"] for line in together] == [line["epoch"] for line in alone] == [1, 2]
    for a, b in zip(alone, together, strict=True):
        assert b["losses"] == pytest.approx(a["losses"], rel=1e-3)
        assert b["validation_dice"] == pytest.approx(a["validation_dice"], abs=0.02)
    assert {path.name for path in (two / "pictures").iterdir()} == {path.name for path in (one / "pictures").iterdir()}


def test_what_is_refused_is_told_once(dataset: Path, tmp_path: Path) -> None:
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    for folder in (here, temporary):
        folder.mkdir()
    (here / "random.py").write_text("raise SystemExit('a file of the working directory was run')")
    command, environment = _command(dataset, tmp_path / "run", "--set", "training.batch_size=1")
    with started(command, environment | {"TMPDIR": str(temporary)}, here) as process:
        told = stderr_at_the_end(process)
    assert process.returncode == 2, told
    assert told.strip() == (
        "error: batches of 1 cannot be shared by 2 processes, since each needs a slice: --set training.batch_size=2 "
        "or a multiple of it, or fewer processes"
    )
    assert not (tmp_path / "run").exists()
    assert list(temporary.iterdir()) == []


def test_a_process_that_dies_ends_the_run_and_what_was_learnt_is_kept(dataset: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started(*_command(dataset, run, "--set", "training.epochs=100000")) as command:
        _wait_for_an_epoch(command, run)
        _second_of(command.pid).kill()
        told = stderr_at_the_end(command)
    assert command.returncode == 1
    errors = [line for line in told.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in told
    assert "process 1 of 2 was ended by SIGKILL, often for want of memory, and the others with it" in errors[0]
    kept = len(_metrics(run))
    assert f"until the end of epoch {kept} is kept" in errors[0] or f"until the end of epoch {kept - 1} is" in errors[0]
    assert errors[0].endswith("go on with --resume")
    train(dataset, run, SETTINGS.override([f"training.epochs={kept + 1}"]), resume=True)
    assert [line["epoch"] for line in _metrics(run)] == list(range(1, kept + 2))


def test_no_process_outlives_a_launcher_that_is_killed(dataset: Path, tmp_path: Path) -> None:
    words, environment = _command(dataset, tmp_path / "run", "--set", "training.epochs=100000")
    with started(words, environment | {"TMPDIR": str(tmp_path)}) as command:
        _wait_for_an_epoch(command, tmp_path / "run")
        learning = psutil.Process(command.pid).children()
        command.kill()
        _, outliving = psutil.wait_procs(learning, timeout=60)
        for process in outliving:
            process.kill()
    assert len(learning) == 2
    assert [one for one in outliving if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def _wait_for_an_epoch(command: "subprocess.Popen[str]", run: Path) -> None:
    until = time.monotonic() + 300
    while command.poll() is None and not (run / "last.safetensors").is_file() and time.monotonic() < until:
        time.sleep(0.05)
    assert (run / "last.safetensors").is_file()


def _second_of(parent: int) -> psutil.Process:
    """The process of rank 1."""
    return next(one for one in psutil.Process(parent).children() if one.environ().get("RANK") == "1")
