import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import SimpleITK as sitk

from zonate.errors import CorruptSeriesError
from zonate.verbs import parallel
from zonate.verbs.parallel import SetAside, attempt, cases_at_a_time, each_case

ROOT = Path(__file__).resolve().parents[2]


class UnpicklableError(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


def square(number: int) -> int:
    logging.getLogger("zonate.tests").warning("squaring %d", number)
    logging.getLogger("pydicom").warning("a header value that nobody may see")
    if number == 3:
        raise CorruptSeriesError("case 3: series 4 lacks a slice")
    if number == 4:
        raise UnpicklableError("Doe", "John")
    return number**2


def die(*places: Path) -> None:
    """Note that it was tried in the first of the places that is free, then die as a native library would."""
    next(place for place in places if not place.exists()).touch()
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(place: Path, result: int) -> int:
    if not place.exists():
        die(place)
    return result


def process_and_threads() -> tuple[int, str, int]:
    return os.getpid(), os.environ["OMP_NUM_THREADS"], sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()


def touch(place: Path) -> None:
    place.touch()


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_task_is_done_and_what_fails_is_set_aside(
    jobs: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING, "zonate")
    outcomes = dict(each_case({str(n): partial(square, n) for n in range(1, 6)}, jobs=jobs))
    assert outcomes == {
        "1": 1,
        "2": 4,
        "3": SetAside("case 3: series 4 lacks a slice"),
        "4": SetAside("case 4: unexpected UnpicklableError; run this case alone through the Python API to see where"),
        "5": 25,
    }
    said = [record.getMessage() for record in caplog.records if record.name.startswith("zonate")]
    assert sorted(said) == sorted(
        [
            *(f"squaring {n}" for n in range(1, 6)),
            "case 3 is set aside: case 3: series 4 lacks a slice",
            "case 4 is set aside: case 4: unexpected UnpicklableError; run this case alone through the Python API to "
            "see where",
        ]
    )
    assert "header value" not in "".join(capfd.readouterr())


def test_one_job_or_one_task_stays_in_this_process_and_in_order() -> None:
    here = os.getpid()
    assert [outcome for _, outcome in each_case({"b": os.getpid, "a": os.getpid}, jobs=1)] == [here, here]
    assert list(each_case({"a": os.getpid}, jobs=8)) == [("a", here)]
    assert list(each_case({}, jobs=8)) == []


def test_an_interrupt_is_no_failure_of_a_case() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt("a", interrupted)


def test_the_cores_are_divided_and_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.verbs.pool.usable_cores", lambda: 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    before = dict(os.environ)
    outcomes = dict(each_case({"a": process_and_threads, "b": process_and_threads}, jobs=2))
    for outcome in outcomes.values():
        assert not isinstance(outcome, SetAside)
        process, openmp, itk = outcome
        assert process != os.getpid()
        assert openmp == "3"
        assert itk == 3
    assert dict(os.environ) == before


def test_a_process_that_dies_ends_its_own_case_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    deaths = [tmp_path / "first", tmp_path / "second"]
    tasks: dict[str, Callable[[], int | None]] = {f"{n}": partial(square, n) for n in (1, 2, 5)}
    tasks = {"1": tasks["1"], "crash": partial(die, *deaths), **tasks}
    outcomes = dict(each_case(tasks, jobs=2))
    reason = (
        "case crash: the process that worked on it died, and again with nothing beside it: it needs more memory than "
        "there is, or its files crash a library"
    )
    assert outcomes == {"1": 1, "2": 4, "5": 25, "crash": SetAside(reason)}
    assert all(place.exists() for place in deaths)
    assert f"case crash is set aside: {reason}" in [record.getMessage() for record in caplog.records]


def test_a_case_that_needs_the_machine_for_itself_is_done_in_the_end(tmp_path: Path) -> None:
    tasks = {name: partial(die_once, tmp_path / "died", result) for name, result in (("a", 1), ("b", 4))}
    assert dict(each_case(tasks, jobs=2)) == {"a": 1, "b": 4}


def test_no_more_is_begun_than_one_beyond_the_jobs(tmp_path: Path) -> None:
    tasks = {str(n): partial(touch, tmp_path / str(n)) for n in range(9)}
    with closing(each_case(tasks, jobs=2)) as outcomes:
        next(outcomes)
        time.sleep(0.3)
        assert len(list(tmp_path.iterdir())) == 3


INTERRUPTED = """
import signal, sys, time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from zonate.io.files import atomic_path
from zonate.verbs.parallel import each_case

def write(target):
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        time.sleep(60)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started in the background
    tasks = {name: partial(write, Path(sys.argv[1]) / name) for name in "abcd"}
    with closing(each_case(tasks, jobs=2)) as outcomes:
        for outcome in outcomes:
            pass
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_stops_the_parent_stops_the_workers_and_nothing_is_left_half_written(
    tmp_path: Path, stop: signal.Signals
) -> None:
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(INTERRUPTED, encoding="utf-8")
    out.mkdir()
    with subprocess.Popen([sys.executable, str(script), str(out)], cwd=ROOT, stderr=subprocess.PIPE) as parent:
        try:
            _wait_until(lambda: len(list(out.iterdir())) == 2)
            parent.send_signal(stop)
            # Its workers hold the pipe, too: they are gone when it ends, long before they would have been done.
            _, said = parent.communicate(timeout=40)
        finally:
            parent.kill()
    assert parent.returncode == -stop
    assert list(out.iterdir()) == []
    assert said.count(b"Traceback") == (1 if stop == signal.SIGINT else 0)


def _wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


UNGUARDED = """
import os
from zonate.verbs.parallel import each_case
list(each_case({"a": os.getpid, "b": os.getpid}, jobs=2))
"""


def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    ended = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert b"no process can be started to work on several cases at a time" in ended.stderr


@pytest.mark.parametrize(
    ("jobs", "cases", "expected"), [(3, 10, 3), (3, 2, 2), (1, 10, 1), (0, 10, 6), (0, 2, 2), (5, 0, 1)]
)
def test_how_many_at_a_time(monkeypatch: pytest.MonkeyPatch, jobs: int, cases: int, expected: int) -> None:
    monkeypatch.setattr(parallel, "usable_cores", lambda: 16)
    monkeypatch.setattr(parallel, "usable_memory_gib", lambda: 10.0)  # six times 1.5 GiB
    assert cases_at_a_time(jobs, cases) == expected


def test_little_memory_still_lets_one_case_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "usable_memory_gib", lambda: 0.5)
    assert cases_at_a_time(0, 10) == 1


def test_unknown_memory_leaves_the_cores(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(parallel, "usable_cores", lambda: 4)
    monkeypatch.setattr(parallel, "usable_memory_gib", lambda: None)
    caplog.set_level(logging.INFO, "zonate")
    assert cases_at_a_time(0, 10) == 4
    assert caplog.messages == ["10 cases, 4 at a time"]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="jobs is -1"):
        cases_at_a_time(-1, 3)
