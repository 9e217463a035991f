"""A cohort as a department has one: many studies, some of them broken, a call that is interrupted, and a second one."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.verbs.standins import gland, t2w
from zonate.cli import commands
from zonate.cohort.attempts import _Attempt, _Case, _Cohort, each_on_cluster
from zonate.cohort.notices import OverMemory
from zonate.cohort.on_worker import Conditions
from zonate.cohort.set_aside import SetAside
from zonate.cohort.workers import Workers
from zonate.config import Settings
from zonate.io.nifti import write_volume
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.preprocessing.statistics import Statistics
from zonate.settings.learning import NetworkSettings
from zonate.settings.results import OutputSettings, PredictionSettings
from zonate.zones import ALL_ZONE_CODES

STUDIES = 40
BROKEN = ("study-07", "study-23")
SETTINGS = Settings(
    name="tiny",
    network=NetworkSettings(base_channels=4),
    prediction=PredictionSettings(samples=0),
    output=OutputSettings(images=False, surfaces=False, report=False),
)


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["zonate", *words])
    with pytest.raises(SystemExit) as stopped:
        commands.main()
    return int(stopped.value.code or 0)


@pytest.fixture
def cohort(tmp_path: Path) -> list[Path]:
    """Studies of T2W alone, each of another patient; one has no image, and the other half of one."""
    folders = []
    for number in range(STUDIES):
        folder = tmp_path / "in" / f"study-{number:02d}"
        folder.mkdir(parents=True)
        write_volume(folder / "t2w.nii.gz", t2w().with_values(np.roll(t2w().values, number, axis=2)))
        folders.append(folder)
    (folders[7] / "t2w.nii.gz").unlink()
    half = folders[23] / "t2w.nii.gz"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    return folders


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    file = tmp_path / "tiny.safetensors"
    statistics = Statistics((150.0, 0.0, 0.0), (40.0, 1.0, 1.0))
    Model(Generator(SETTINGS.network), SETTINGS, statistics, ALL_ZONE_CODES, {}).save(file)
    return file


@pytest.mark.slow
def test_the_good_ones_are_done_the_broken_listed_and_a_restart_does_what_is_missing(
    cohort: list[Path],
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    words = ("predict", *map(str, cohort), "-o", str(out), "--model", str(model), "--workers", "2", "--resume")
    assert call(monkeypatch, *words) == 1
    good = {folder.name for folder in cohort} - set(BROKEN)
    assert {folder.name for folder in out.iterdir()} == good
    printed = capsys.readouterr().err
    assert "2 failed (what is not named here is done):" in printed
    assert all(f"\n  {name}: " in printed for name in BROKEN)

    for name in ("study-00", "study-39"):
        shutil.rmtree(out / name)
    before = {folder: (folder / "zones.json").stat().st_mtime_ns for folder in out.iterdir()}
    write_volume(cohort[7] / "t2w.nii.gz", gland().with_values(t2w().values))  # it was fetched again
    assert call(monkeypatch, *words) == 1
    assert {folder.name for folder in out.iterdir()} == good | {"study-07"}
    assert {folder: (folder / "zones.json").stat().st_mtime_ns for folder in before} == before
    printed = capsys.readouterr().err
    assert "36 there already: study-01, study-02, study-03, study-04, study-05 and 31 more" in printed
    assert "1 failed (what is not named here is done):" in printed


def test_what_a_study_may_hold_is_settled_before_the_workers_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    free_gib = iter([6.0])  # asked for once
    monkeypatch.setattr("zonate.cohort.workers.usable_memory_gib", lambda: next(free_gib))
    started: list[Workers] = []

    def cluster_of(workers: Workers) -> AbstractContextManager[None]:
        started.append(workers)
        return nullcontext()

    def outcomes(cohort: _Cohort[None], *_: object) -> Iterator[tuple[str, SetAside]]:
        running = _Attempt("tcp://1", place="tcp://2", until_s=60.0)
        case = _Case[None]("P1", task=lambda: None, inputs=(), begun=[running] * 2, running=running)
        assert list(cohort._act_on(OverMemory("tcp://1"))) == []
        yield "P1", SetAside(cohort._why_it_died(case))

    monkeypatch.setattr("zonate.cohort.attempts.cluster_of", cluster_of)
    monkeypatch.setattr(_Cohort, "outcomes", outcomes)
    why = "case P1: it needs more memory than 3 GiB may hold, and was stopped twice (--memory-gib, or fewer --workers)"
    assert list(each_on_cluster({}, Workers(2), None, {})) == [("P1", SetAside(why))]
    assert started == [Workers(2, memory_gib=3.0)]


@dataclass
class StandInClient:
    """The part of Dask's that is asked."""

    at_work: dict[str, list[str]]

    def processing(self) -> dict[str, list[str]]:
        return self.at_work


@dataclass
class StandInFuture:
    key: str


@pytest.mark.parametrize(
    ("at_work", "over"),
    [({"tcp://1": ["key"]}, ["P1"]), ({}, []), ({"tcp://1": []}, []), ({"tcp://1": [], "tcp://3": ["key"]}, [])],
)
def test_a_case_is_over_time_where_its_worker_is_still_at_it(at_work: dict[str, list[str]], over: list[str]) -> None:
    cohort = _Cohort[None](StandInClient(at_work), Workers(scheduler="tcp://0"), Conditions("topic", 20, "0.1.0"))
    running = _Attempt("tcp://1", place="tcp://2", until_s=0.0)
    cohort._cases["key"] = _Case("P1", lambda: None, (), [running], running, StandInFuture("key"))
    assert cohort._seconds_left() == 0.0
    assert [case.case_id for case in cohort._over_time()] == over
    assert cohort._seconds_left() == (0.0 if over else None)  # it waits for a worker, which may come tomorrow
