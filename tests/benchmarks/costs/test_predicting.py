from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.costs import predicting
from benchmarks.costs.plan import Plan
from benchmarks.costs.predicting import Predicting, fitting

PLAN = Plan(
    slices=(6, 9), matrix_px=(32, 64), usual_slices=6, usual_matrix_px=32, cohort=(1, 2), processes=(1, 2), shared=3
)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Predicting, list[list[str]]]:
    """What would measure, and the commands that it runs, which do nothing."""
    ran: list[list[str]] = []

    def once(command: list[str]) -> tuple[float, float]:
        ran.append(command[3:])
        return float(len(ran)), 100.0

    def in_turn(commands: Sequence[Callable[[], list[str]]], repeats: int) -> list[tuple[list[float], float]]:
        return [([once(command())[0]] * repeats, 100.0) for command in commands]

    monkeypatch.setattr(predicting, "write_study", lambda folder, *_: folder)
    monkeypatch.setattr(predicting, "once", once)
    monkeypatch.setattr(predicting, "in_turn", in_turn)
    monkeypatch.setattr(predicting, "usable_cores", lambda: 1)
    scan: Any = SimpleNamespace()
    return Predicting(PLAN, tmp_path, scan), ran


def test_a_shape_on_both_curves_is_measured_once(measured: tuple[Predicting, list[list[str]]]) -> None:
    over_slices, over_matrix = measured[0].by_shape()
    assert [(point.x, point.seconds) for point in over_slices] == [(6, [1.0, 1.0]), (9, [2.0, 2.0])]
    assert [(point.x, point.seconds) for point in over_matrix] == [(32, [1.0, 1.0]), (64, [3.0, 3.0])]


def test_a_cohort_goes_through_one_process(measured: tuple[Predicting, list[list[str]]]) -> None:
    assert [point.x for point in measured[0].by_cohort()] == [1, 2]
    _, two = measured[1]
    assert [Path(part).name for part in two[:4]] == ["predict", "cohort-000", "cohort-001", "-o"]
    assert two[-4:] == ["--samples", "0", "--workers", "1"]


def test_every_worker_has_a_limit_and_so_a_process(measured: tuple[Predicting, list[list[str]]]) -> None:
    assert [point.x for point in measured[0].by_workers()] == [1]
    (command,) = measured[1]
    assert [Path(part).name for part in command[1:5]] == ["cohort-000", "cohort-001", "cohort-002", "-o"]
    assert command[-4:] == ["--workers", "1", "--timeout-s", "3600"]


def test_outputs_are_new_each_time(measured: tuple[Predicting, list[list[str]]]) -> None:
    measured[0].by_cohort()
    measured[0].by_workers()
    outputs = [command[command.index("-o") + 1] for command in measured[1]]
    assert len(set(outputs)) == 3


def test_no_more_processes_than_cores_or_than_there_is_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "usable_cores", lambda: 4)
    assert fitting((1, 2, 4, 8), 10) == [1, 2, 4]
    assert fitting((1, 2, 4, 8), 3) == [1, 2]
