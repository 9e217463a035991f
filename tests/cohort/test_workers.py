from typing import Any

import pytest

from zonate.cohort import workers
from zonate.cohort.workers import Workers


@pytest.mark.parametrize(
    ("number", "cases", "expected"), [(3, 10, 3), (3, 2, 2), (1, 10, 1), (0, 10, 2), (0, 2, 2), (5, 0, 1)]
)
def test_how_many_at_a_time(monkeypatch: pytest.MonkeyPatch, number: int, cases: int, expected: int) -> None:
    monkeypatch.setattr(workers, "usable_cores", lambda: 16)
    monkeypatch.setattr(workers, "usable_memory_gib", lambda: 10.0)  # two and a half times 4 GiB
    assert Workers(number).fitted(cases).number == expected


def test_what_a_study_may_hold_says_how_many_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "usable_cores", lambda: 16)
    monkeypatch.setattr(workers, "usable_memory_gib", lambda: 10.0)
    assert Workers(0, memory_gib=3.0).fitted(10).number == 3
    assert Workers(4).study_memory_gib == 2.5
    assert Workers(4, memory_gib=1.0).study_memory_gib == 1.0


def test_little_memory_still_lets_one_case_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "usable_memory_gib", lambda: 0.5)
    assert Workers(0).fitted(10).number == 1


def test_unknown_memory_leaves_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "usable_cores", lambda: 4)
    monkeypatch.setattr(workers, "usable_memory_gib", lambda: None)
    assert Workers(0).fitted(10).number == 4
    assert Workers(4).study_memory_gib is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"number": -1}, "workers is -1"),
        ({"memory_gib": 0.0}, "memory_gib is 0.0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"number": 4, "scheduler": "tcp://somewhere:8786"}, "give one of the two"),
        ({"scheduler": "tcp://somewhere:8786", "memory_gib": 4.0}, "dask worker --memory-limit"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Workers(**given)


def test_a_limit_needs_a_process_of_its_own() -> None:
    assert Workers().here
    assert Workers(8).fitted(1).here
    assert not Workers(2).here
    assert not Workers(memory_gib=4.0).here
    assert not Workers(timeout_s=60.0).here
    assert not Workers(scheduler="tcp://somewhere:8786").fitted(3).here


def test_one_worker_that_the_machine_chose_keeps_the_limits_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "usable_cores", lambda: 8)
    monkeypatch.setattr(workers, "usable_memory_gib", lambda: 7.5)
    crew = Workers(0).fitted(10)
    assert crew == Workers(1, timeout_s=3600.0)
    assert not crew.here
    assert crew.study_memory_gib == 7.5  # all that is free
    assert Workers(0, timeout_s=60.0).fitted(10) == Workers(1, timeout_s=60.0)
    assert Workers(0, memory_gib=5.0).fitted(10) == Workers(1, memory_gib=5.0)
    assert Workers(0).fitted(1) == Workers(1)


def test_a_number_is_short_for_workers() -> None:
    assert Workers.of(3) == Workers(3)
    assert Workers.of(Workers(3, timeout_s=60.0)).study_timeout_s == 60.0
    assert Workers.of(3).study_timeout_s == 3600.0
