import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pytest
import SimpleITK as sitk
from distributed import LocalCluster, get_worker

from zonate.cohort.cluster import _started
from zonate.cohort.parallel import each_case
from zonate.cohort.set_aside import SetAside
from zonate.cohort.workers import Workers
from zonate.errors import ConfigError, CorruptSeriesError, ProcessError
from zonate.progress import hearing_stages, stage

ROOT = Path(__file__).resolve().parents[2]
TWICE = "the process that worked on it died, twice: it needs more memory than there is, or its files crash a library"


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


def align_and_segment() -> str:
    stage("aligning")
    stage("segmenting")
    return "done"


def tell_place(places: Path) -> str:
    """Note the nanny of this worker, a file an attempt."""
    nanny = str(get_worker().nanny)
    (places / str(len(list(places.iterdir())))).write_text(nanny)
    return nanny


def die(places: Path) -> None:
    """As a native library would."""
    tell_place(places)
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(places: Path, result: int) -> int:
    if not list(places.iterdir()):
        die(places)
    tell_place(places)
    return result


def hang(places: Path) -> None:
    tell_place(places)
    time.sleep(600)


def hang_once(places: Path, result: int) -> int:
    if not list(places.iterdir()):
        hang(places)
    return result


def hold_more_and_more(places: Path) -> None:
    tell_place(places)
    held = []
    while True:
        held.append(b"x" * 20_000_000)
        time.sleep(0.05)


def surroundings() -> tuple[int, str, int, str]:
    itk_threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    return os.getpid(), os.environ["OMP_NUM_THREADS"], itk_threads, tempfile.gettempdir()


def touch_and_wait(place: Path) -> None:
    place.touch()
    time.sleep(0.5)


def new_folders(parent: Path, *names: str) -> list[Path]:
    folders = [parent / name for name in names]
    for folder in folders:
        folder.mkdir()
    return folders


def told(places: Path) -> list[str]:
    return [place.read_text() for place in sorted(places.iterdir())]


@pytest.mark.parametrize("number", [1, 3])
def test_each_task_is_done_and_what_fails_is_set_aside(
    number: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.WARNING, "zonate")
    outcomes = dict(each_case({str(n): partial(square, n) for n in range(1, 6)}, Workers(number)))
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


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_begun_of_a_case_is_told_here_by_its_name_until_it_has_ended(number: int) -> None:
    told: list[str] = []
    with hearing_stages(told.append):
        for case_id, outcome in each_case({"P1": align_and_segment, "P2": align_and_segment}, Workers(number)):
            assert outcome == "done"
            told.append(case_id)
    assert [said for said in told if "P1" in said] == ["P1: aligning", "P1: segmenting", "P1"]
    assert [said for said in told if "P2" in said] == ["P2: aligning", "P2: segmenting", "P2"]


def test_one_worker_is_this_process_and_keeps_the_order() -> None:
    here = os.getpid()
    assert [outcome for _, outcome in each_case({"b": os.getpid, "a": os.getpid}, Workers())] == [here, here]
    assert list(each_case({}, Workers(8))) == []


def test_the_cores_are_divided_and_this_process_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.cohort.cluster.usable_cores", lambda: 7)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    before = dict(os.environ), dask.config.get("distributed.scheduler.allowed-failures"), tempfile.gettempdir()
    outcomes = dict(each_case({"a": surroundings, "b": surroundings}, Workers(2)))
    for outcome in outcomes.values():
        assert not isinstance(outcome, SetAside)
        process, openmp, itk, temporary = outcome
        assert process != os.getpid()
        assert openmp == "3"
        assert itk == 3
        assert temporary != tempfile.gettempdir()
        assert not Path(temporary).exists()  # it went with the worker
    assert before == (
        dict(os.environ),
        dask.config.get("distributed.scheduler.allowed-failures"),
        tempfile.gettempdir(),
    )
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(
    ("task", "outcome"),
    [(die, SetAside(f"case crash: {TWICE}")), (partial(die_once, result=7), 7)],
)
def test_a_worker_that_dies_ends_its_own_case_alone_after_a_second_attempt_elsewhere(
    task: Callable[[Path], int | None], outcome: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tasks: dict[str, Callable[[], int | None]] = {"1": partial(square, 1), "crash": partial(task, tmp_path)}
    tasks |= {"2": partial(square, 2), "5": partial(square, 5)}
    assert dict(each_case(tasks, Workers(2))) == {"1": 1, "2": 4, "5": 25, "crash": outcome}
    assert len(set(told(tmp_path))) == len(told(tmp_path)) == 2
    assert (f"case crash is set aside: case crash: {TWICE}" in caplog.messages) == isinstance(outcome, SetAside)


@pytest.mark.parametrize(
    ("task", "why"),
    [
        (hang, "it took longer than 8 s and was stopped, twice (--timeout-s)"),
        (
            hold_more_and_more,
            "it needs more memory than 0.5 GiB may hold, and was stopped twice (--memory-gib, or fewer --workers)",
        ),
    ],
)
@pytest.mark.slow
def test_what_takes_too_long_or_too_much_is_stopped_and_tried_once_more(
    task: Callable[[Path], None], why: str, tmp_path: Path
) -> None:
    tasks: dict[str, Callable[[], int | None]] = {"bad": partial(task, tmp_path), "2": partial(square, 2)}
    outcomes = dict(each_case(tasks, Workers(2, memory_gib=0.5, timeout_s=8.0)))
    assert outcomes == {"2": 4, "bad": SetAside(f"case bad: {why}")}
    assert len(set(told(tmp_path))) == len(told(tmp_path)) == 2


@pytest.mark.slow
def test_a_limit_is_kept_for_one_worker_too(tmp_path: Path) -> None:
    (places,) = new_folders(tmp_path, "slow")
    ((case_id, outcome),) = each_case({"slow": partial(hang, places)}, Workers(timeout_s=2.0))
    assert case_id == "slow"
    assert isinstance(outcome, SetAside)
    assert len(told(places)) == 2  # there is no other worker: on the same one


def test_no_more_is_begun_than_there_are_workers(tmp_path: Path) -> None:
    tasks = {str(n): partial(touch_and_wait, tmp_path / str(n)) for n in range(9)}
    with closing(each_case(tasks, Workers(2))) as outcomes:
        next(outcomes)
        time.sleep(1)
        assert len(list(tmp_path.iterdir())) == 2


def test_processes_that_none_is_left_of_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own: list[LocalCluster] = []

    def started(*given: Any) -> LocalCluster:
        own.append(_started(*given))
        return own[0]

    monkeypatch.setattr("zonate.cohort.cluster._started", started)
    monkeypatch.setattr("zonate.cohort.attempts._LOOK_S", 0.2)
    monkeypatch.setattr("zonate.cohort.attempts._NONE_LEFT_S", 0.4)
    tasks: dict[str, Callable[[], int | None]] = {"1": partial(square, 1), "slow": partial(hang, tmp_path)}
    outcomes = each_case(tasks, Workers(1, timeout_s=600.0))
    assert next(outcomes) == ("1", 1)
    (nanny,) = own[0].workers.values()

    def end_it() -> None:
        _wait_until(lambda: bool(told(tmp_path)))
        own[0].sync(nanny.close)

    ender = threading.Thread(target=end_it)
    ender.start()
    with pytest.raises(ProcessError, match=r"no worker process is left, .*: what is done is kept, .*\(--resume\)"):
        next(outcomes)
    ender.join()


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A cluster that somebody else has started."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=2,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else 8787, which another run of the tests may have
        silence_logs=logging.CRITICAL,
    ) as it:
        yield it


def test_a_cluster_that_exists_is_used_and_left_running(cluster: LocalCluster, tmp_path: Path) -> None:
    workers = Workers(scheduler=cluster.scheduler_address).fitted(5)
    output, places = new_folders(tmp_path, "out", "places")
    nannies = {nanny.address: nanny.pid for nanny in cluster.workers.values()}
    tasks: dict[str, Callable[[], int | str]] = {"2": partial(square, 2), "place": partial(tell_place, places)}
    inputs = {"2": [places, tmp_path / "never was here"]}
    outcomes = dict(each_case(tasks, workers, output=output, inputs=inputs))
    assert outcomes.pop("place") in nannies
    assert outcomes == {"2": 4}
    assert list(output.iterdir()) == []  # not even the token
    (hanging,) = new_folders(tmp_path, "hanging")
    two: dict[str, Callable[[], int | None]] = {"slow": partial(hang, hanging), "5": partial(square, 5)}
    with closing(each_case(two, workers)) as left_early:
        assert next(left_early) == ("5", 25)
        _wait_until(lambda: bool(told(hanging)))
    assert dict(each_case({"1": partial(square, 1)}, workers)) == {"1": 1}
    (stopped,) = told(hanging)
    assert {nanny.address for nanny in cluster.workers.values() if nanny.pid != nannies[nanny.address]} == {stopped}


def test_a_scheduler_that_goes_away_is_told(tmp_path: Path) -> None:
    (places,) = new_folders(tmp_path, "places")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as cluster:
        workers = Workers(scheduler=cluster.scheduler_address).fitted(2)
        outcomes = each_case({"slow": partial(hang, places), "next": partial(hang, places)}, workers)

        def end_it() -> None:
            _wait_until(lambda: bool(told(places)))
            cluster.close()

        ender = threading.Thread(target=end_it)
        ender.start()
        with pytest.raises(ProcessError, match=r"the Dask scheduler is gone: .*\(--resume\)"):
            list(outcomes)
        ender.join()


def test_a_case_whose_worker_has_gone_waits_for_another_one_without_limit(tmp_path: Path) -> None:
    (places,) = new_folders(tmp_path, "places")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as cluster:
        (nanny,) = cluster.workers.values()

        def replace_it() -> None:
            _wait_until(lambda: bool(told(places)))
            cluster.sync(nanny.close, timeout=0.2)  # as at the end of a job
            time.sleep(1)
            cluster.scale(2)  # the first still counts

        with ThreadPoolExecutor(1) as another:
            replaced = another.submit(replace_it)
            workers = Workers(scheduler=cluster.scheduler_address, timeout_s=0.8).fitted(1)
            assert dict(each_case({"one": partial(hang_once, places, 7)}, workers)) == {"one": 7}
            replaced.result()


def test_a_cluster_tries_no_more_often_than_twice(cluster: LocalCluster, tmp_path: Path) -> None:
    (places,) = new_folders(tmp_path, "places")  # its own `allowed-failures` are 3
    outcomes = dict(each_case({"crash": partial(die, places)}, Workers(scheduler=cluster.scheduler_address).fitted(1)))
    assert outcomes == {"crash": SetAside(f"case crash: {TWICE}")}
    assert len(told(places)) <= 3


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.cohort.cluster._CONNECT_S", 0.5)
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        list(each_case({"a": os.getpid}, Workers(scheduler="tcp://127.0.0.1:9").fitted(1)))


INTERRUPTED = """
import signal, sys, time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from zonate.io.files import atomic_path, remove_half_written
from zonate.cohort.parallel import each_case
from zonate.cohort.workers import Workers

def write(target):
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        time.sleep(60)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started in the background
    tasks = {name: partial(write, Path(sys.argv[1]) / name) for name in "abcd"}
    try:
        with closing(each_case(tasks, Workers(2))) as outcomes:
            for outcome in outcomes:
                pass
    finally:
        remove_half_written(Path(sys.argv[1]), tasks)
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(
    ("stop", "status"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_whoever_stops_this_process_stops_the_workers(tmp_path: Path, stop: signal.Signals, status: int) -> None:
    script, out = tmp_path / "script.py", tmp_path / "out"
    script.write_text(INTERRUPTED, encoding="utf-8")
    out.mkdir()
    with subprocess.Popen(
        [sys.executable, str(script), str(out)], cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True
    ) as parent:
        try:
            _wait_until(lambda: len(list(out.iterdir())) == 2)
            # As Ctrl-C does, to all of them; others send to the one that they know.
            os.killpg(parent.pid, stop) if stop == signal.SIGINT else parent.send_signal(stop)
            # Its workers hold the pipe, too: they are gone when it ends, long before they would have been done.
            _, said = parent.communicate(timeout=40)
        finally:
            parent.kill()
    assert parent.returncode == status
    if stop == signal.SIGKILL:  # nobody is left to clear up: the next call does
        assert all(path.name[:1] == "." for path in out.iterdir())
    else:
        assert list(out.iterdir()) == []
    assert said.count(b"Traceback") == (1 if stop == signal.SIGINT else 0)


def _wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


UNGUARDED = """
import os
from zonate.cohort.parallel import each_case
from zonate.cohort.workers import Workers
list(each_case({"a": os.getpid, "b": os.getpid}, Workers(2)))
"""


def test_a_script_without_a_guard_is_told(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, encoding="utf-8")
    ended = subprocess.run([sys.executable, str(script)], check=False, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert b"no process can be started to work on several cases at a time" in ended.stderr
