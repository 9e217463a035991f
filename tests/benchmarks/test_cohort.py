import os

import pytest

from benchmarks.cohort import Round, cores, table
from zonate.cohort.machine import usable_cores


def test_the_ratio_is_taken_within_a_round() -> None:
    text = table([Round({1: 100.0, 2: 50.0}), Round({1: 300.0, 2: 200.0}), Round({1: 90.0, 2: 60.0})], 40, 0)
    assert "| round 2 | 300.0 | 200.0 | 1.50 |" in text
    assert "| median | 100.0 | 60.0 | 1.50 |" in text
    assert "A study: 2.5 s on one worker, 1.5 s on two." in text


def test_a_worker_has_one_core() -> None:
    before = os.sched_getaffinity(0)
    with cores(1):
        assert usable_cores() == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(SystemExit, match="this needs 100000 cores"), cores(100_000):
        pass
