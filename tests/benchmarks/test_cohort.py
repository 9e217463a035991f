import os
from pathlib import Path

import pytest

from benchmarks.cohort import Round, break_off, cores, empty, refuse_unfinished, table
from zonate.cohort.machine import usable_cores


def test_the_ratio_is_taken_within_a_round() -> None:
    text = table([Round({1: 100.0, 2: 50.0}), Round({1: 300.0, 2: 200.0}), Round({1: 90.0, 2: 60.0})], 52, 0)
    assert "| round 2 | 300.0 | 200.0 | 1.50 |" in text
    assert "| median | 100.0 | 60.0 | 1.50 |" in text
    assert "A study: 2.0 s on one worker, 1.2 s on two." in text
    assert "2 of the studies are broken: in every call all 50 others were done and these listed." in text


LISTED = "2 failed (what is not named here is done):\n  one: it is cut short\n  two: it is empty\n"


@pytest.mark.parametrize(
    ("done", "code", "said", "why"),
    [
        (["three"], 1, LISTED, "exit code 1, 1 studies were not done"),
        (["three", "four"], 0, LISTED, "exit code 0, 0 studies were not done"),
        (["three", "four"], 1, "two: reading\n2 failed:\n  one: it is cut short\n", r"\['two'\] were not listed"),
    ],
)
def test_a_cohort_is_measured_only_where_the_good_are_done_and_the_broken_listed(
    done: list[str], code: int, said: str, why: str
) -> None:
    studies = [Path(name) for name in ("one", "two", "three", "four")]
    refuse_unfinished(studies, ["three", "four"], 1, "one: reading\n" + LISTED)
    with pytest.raises(SystemExit, match=why):
        refuse_unfinished(studies, done, code, said)


def test_an_interrupted_copy_leaves_half_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "1.dcm").write_bytes(b"12345")
    break_off(tmp_path)
    assert (tmp_path / "series" / "1.dcm").read_bytes() == b"12"
    empty(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_has_one_core() -> None:
    before = os.sched_getaffinity(0)
    with cores(1):
        assert usable_cores() == 1
    assert os.sched_getaffinity(0) == before
    with pytest.raises(SystemExit, match="this needs 100000 cores"), cores(100_000):
        pass
