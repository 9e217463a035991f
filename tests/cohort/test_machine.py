import os
from pathlib import Path

import pytest

from zonate.cohort import machine
from zonate.cohort.machine import usable_cores, usable_memory_gib


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight cores, 16 GiB free, and the control group /queue/job."""
    (tmp_path / "groups" / "queue" / "job").mkdir(parents=True)
    (tmp_path / "cgroup").write_text("4:memory:/elsewhere\n0::/queue/job\n", encoding="utf-8")
    (tmp_path / "meminfo").write_text("MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n", encoding="ascii")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "_OWN_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)), raising=False)
    return tmp_path / "groups"


def test_without_limits_everything_may_be_used(lent: Path) -> None:
    (lent / "queue" / "job" / "cpu.max").write_text("max 100000\n", encoding="ascii")
    (lent / "queue" / "job" / "memory.max").write_text("max\n", encoding="ascii")
    assert usable_cores() == 8
    assert usable_memory_gib() == 16.0


@pytest.mark.parametrize(("group", "quota", "cores"), [("queue/job", 350000, 3), ("queue", 50000, 1), ("", 200000, 2)])
def test_the_quota_of_any_group_around_counts(lent: Path, group: str, quota: int, cores: int) -> None:
    (lent / group / "cpu.max").write_text(f"{quota} 100000\n", encoding="ascii")
    assert usable_cores() == cores


def test_the_least_of_the_memory_limits_counts(lent: Path) -> None:
    (lent / "queue" / "memory.max").write_text(f"{3 * 2**30}\n", encoding="ascii")
    (lent / "memory.max").write_text(f"{64 * 2**30}\n", encoding="ascii")
    assert usable_memory_gib() == 3.0


def test_a_system_that_tells_nothing(lent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_OWN_CGROUP", lent / "none")
    monkeypatch.setattr(machine, "_MEMINFO", lent / "none")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1
    assert usable_memory_gib() is None
