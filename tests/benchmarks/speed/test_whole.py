import sys

import pytest

from benchmarks.speed.whole import whole


def test_memory_of_all_processes_together() -> None:
    held = "import time; a = bytearray(100 * 2**20); time.sleep(0.6)"
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {held!r}]); {held}"
    found = whole([sys.executable, "-c", child], repeats=1)
    assert 200 < found.peak_mib < 300
    assert found.timing.median_s > 0.6


def test_a_command_that_fails_is_said() -> None:
    with pytest.raises(RuntimeError, match="ended with 3: gone"):
        whole([sys.executable, "-c", "print('gone'); raise SystemExit(3)"], repeats=1)
