import os
import signal
import sys
import time
from pathlib import Path

import pytest

from zonate.errors import StudyError
from zonate.helper import aside, helping


@pytest.fixture(autouse=True)
def _where_the_tests_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the other process finds what is put aside here."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


def own_process() -> int:
    return os.getpid()


def fails(case_id: str) -> None:
    raise StudyError(f"case {case_id}: nothing to read")


def ends_its_process(caller: int) -> int:
    """Unless it is the caller's own."""
    if os.getpid() != caller:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def prints() -> str:
    print("this is no answer")  # noqa: T201
    os.write(1, b"nor this")
    return "the answer"


class TwoSaidError(Exception):
    """Pickles, and cannot be made anew of what it pickles to."""

    def __init__(self, what: str, case_id: str) -> None:
        super().__init__(f"{what} of {case_id}")


def says_two() -> None:
    raise TwoSaidError("nothing", "P1")


def slept_until(file: Path) -> float:
    time.sleep(0.2)
    file.touch()
    return file.stat().st_mtime


def test_without_a_helper_it_is_done_here_when_it_is_asked_for(tmp_path: Path) -> None:
    with aside((tmp_path / "made").touch) as touched:
        assert not (tmp_path / "made").exists()
        touched.result()
    assert (tmp_path / "made").exists()
    assert aside(own_process).result() == os.getpid()


def test_one_process_does_all_that_is_put_aside() -> None:
    with helping("zonate.geometry"):
        with aside(own_process) as first, aside(own_process) as second:
            assert first.result() == second.result() != os.getpid()
        helper = first.result()
    assert aside(own_process).result() == os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(helper, 0)


def test_what_fails_there_is_raised_here_and_the_next_is_done() -> None:
    with helping(), aside(fails, "P1") as failing, aside(own_process) as next_one:
        with pytest.raises(StudyError, match="case P1: nothing to read"):
            failing.result()
        assert next_one.result() != os.getpid()


def test_what_a_process_that_dies_was_to_do_is_done_here() -> None:
    here = os.getpid()
    with helping(), aside(ends_its_process, here) as first, aside(own_process) as second:
        assert (first.result(), second.result()) == (here, here)


def test_a_helper_that_cannot_begin_costs_nothing() -> None:
    with helping("zonate.there_is_no_such_module"), aside(own_process) as work:
        assert work.result() == os.getpid()


def test_what_is_printed_is_no_answer() -> None:
    with helping(), aside(prints) as work:
        assert work.result() == "the answer"


@pytest.mark.parametrize("printed", ["clean", "Intel(R) oneAPI", "a line\\nand one without an end"])
def test_what_python_prints_when_it_starts_is_no_answer(
    printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`c` and `I` are such as an answer could begin with."""
    (tmp_path / "sitecustomize.py").write_text(f'import sys; sys.stdout.write("{printed}")', encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with helping(), aside(own_process) as work:
        assert work.result() != os.getpid()


def test_an_exception_that_does_not_travel_is_raised_by_doing_it_here() -> None:
    with helping(), aside(says_two) as failing, aside(own_process) as next_one:
        with pytest.raises(TwoSaidError, match="nothing of P1"):
            failing.result()
        assert next_one.result() != os.getpid()


def test_what_cannot_be_sent_is_done_here() -> None:
    with helping(), aside(lambda: os.getpid()) as work, aside(own_process) as next_one:
        assert work.result() == os.getpid() != next_one.result()


def test_much_is_sent_and_answered() -> None:
    """More than a pipe holds, both ways."""
    much = bytes(5_000_000)
    with helping(), aside(bytes.upper, much) as first, aside(bytes.upper, much) as second:
        assert first.result() == second.result() == much


def test_where_no_process_is_to_be_had_it_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/there/is/none")
    with helping(), aside(own_process) as work:
        assert work.result() == os.getpid()


def test_leaving_the_block_waits_for_what_has_begun(tmp_path: Path) -> None:
    """A folder that is half written can be removed then: nobody writes into it any more."""
    with helping():
        with pytest.raises(KeyError), aside(slept_until, tmp_path / "made"):
            raise KeyError
        assert (tmp_path / "made").exists()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_whoever_stops_this_process_does_not_wait_for_what_has_begun(stop: type[BaseException]) -> None:
    begun_s = time.monotonic()
    with pytest.raises(stop), helping(), aside(time.sleep, 60), aside(time.sleep, 60):
        raise stop
    assert time.monotonic() - begun_s < 5
