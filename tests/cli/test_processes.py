import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import call
from zonate.cli.processes import leave
from zonate.errors import ConfigError, DatasetError, ProcessError
from zonate.training.own_place import LOST

SECOND_OF_TWO = {
    "TORCHELASTIC_RUN_ID": "run",
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.cli.processes._SECONDS_TO_TELL", 0.0)


class _Ended(SystemExit):
    """As `os._exit` would end it: nothing of the interpreter is taken down."""


def _end(code: int) -> None:
    raise _Ended(code)


def _as_second(monkeypatch: pytest.MonkeyPatch, run_id: str = "run") -> None:
    for name, value in (SECOND_OF_TWO | {"TORCHELASTIC_RUN_ID": run_id}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os._exit", _end)


def test_several_devices_of_this_machine_are_started_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], int, Path]] = []

    def launch(arguments: list[str], devices: int, run: Path) -> int:
        started.append((arguments, devices, run))
        return 1

    monkeypatch.setattr("zonate.training.torchrun.launch", launch)
    words = ["train", "--data", str(tmp_path), "-o", str(tmp_path / "run"), "--devices", "3"]
    assert call(monkeypatch, *words) == 1
    assert started == [(words, 3, tmp_path / "run")]


def test_a_process_that_torchrun_started_starts_no_others_and_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _as_second(monkeypatch)
    asked: list[tuple[object, object]] = []
    monkeypatch.setattr("zonate.verbs.train.train", lambda *_a, **n: asked.append((n["devices"], n["nodes"])))
    words = ("train", "--data", str(tmp_path), "-o", str(tmp_path / "run"))
    assert call(monkeypatch, *words, "--devices", "2", "--nodes", "1") == 0
    assert asked == [(2, 1)]
    assert call(monkeypatch, *words, "--recipe", "no-such-recipe") == 2  # the first one of the machine tells
    assert capsys.readouterr().err == ""


def test_whose_fellow_has_told_what_failed_leaves_in_silence_with_its_exit_code() -> None:
    for error, code in ((ConfigError("a setting"), 2), (DatasetError("no patient"), 1), (RuntimeError("OSError"), 1)):
        with pytest.raises(SystemExit) as left:
            leave(ProcessError("process 0 has ended the run", told=error))
        assert left.value.code == code


def test_whose_fellow_is_gone_tells_so_unless_zonate_started_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lose(*_arguments: object, **_named: object) -> None:
        raise ProcessError("another process is gone")

    monkeypatch.setattr("zonate.verbs.train.train", lose)
    words = ("train", "--data", str(tmp_path), "-o", str(tmp_path / "run"))
    _as_second(monkeypatch)
    assert call(monkeypatch, *words) == 1
    assert capsys.readouterr().err == "error: another process is gone\n"
    _as_second(monkeypatch, "zonate-train")
    assert call(monkeypatch, *words) == LOST
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("sys.exit(2)", 2, ""),
        ("raise RuntimeError('CUDA out of memory')", 1, "RuntimeError: CUDA out of memory"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
    ],
)
def test_one_of_several_ends_at_once_and_what_it_told_is_there(what: str, code: int, told: str) -> None:
    """Whatever else the interpreter has to take down, such as threads of gloo that wait for the others."""
    ended = _ended(what, SECOND_OF_TWO)
    assert (ended.returncode, ended.stdout) == (code, "begun\n")
    assert ended.stderr.strip().endswith(told)


def test_one_alone_or_without_an_error_is_taken_down_in_order() -> None:
    for what, environment, code in (("sys.exit(2)", {}, 2), ("sys.exit(0)", SECOND_OF_TWO, 0)):
        ended = _ended(what, environment)
        assert (ended.returncode, ended.stdout) == (code, "begun\ntaken down\n")


def _ended(what: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    lines = [
        "import atexit, sys",
        "from zonate.cli import processes",
        "atexit.register(print, 'taken down')",
        "print('begun')",
        "with processes.ending_at_once():",
        f"    {what}",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
