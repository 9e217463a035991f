import sys

import pytest

from benchmarks.speed.whole import once, whole


def test_memory_of_all_processes_together() -> None:
    held = "import time; a = bytearray(100 * 2**20); time.sleep(0.6)"
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {held!r}]); {held}"
    found = whole([sys.executable, "-c", child], repeats=1)
    assert 200 < found.peak_mib < 300
    assert found.timing.median_s > 0.6


def test_what_is_timed_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []

    def held(pid: int) -> float:
        looked_at.append(pid)
        return 7.0

    monkeypatch.setattr("benchmarks.speed.whole._held_mib", held)
    found = whole([sys.executable, "-c", "import time; time.sleep(0.1)"], repeats=3)
    assert found.peak_mib == 7.0
    assert len(set(looked_at)) == 1  # of four processes


def test_a_command_that_fails_is_said() -> None:
    with pytest.raises(RuntimeError, match="ended with 3: gone"):
        whole([sys.executable, "-c", "print('gone'); raise SystemExit(3)"], repeats=1)


def test_memory_of_a_process_that_a_thread_started() -> None:
    held = "import time; a = bytearray(100 * 2**20); time.sleep(0.6)"
    child = (
        "import subprocess, sys, threading; "
        f"threading.Thread(target=subprocess.run, args=([sys.executable, '-c', {held!r}],)).start()"
    )
    assert 100 < once([sys.executable, "-c", child])[1] < 200


def test_a_command_that_says_much_ends() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3: x{200000}$"):
        once([sys.executable, "-c", "print('x' * 200_000, end=''); raise SystemExit(3)"])
