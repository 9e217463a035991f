import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zonate.cohort.unwinding import unwound_by_signals

if os.name == "nt":
    pytest.skip("POSIX signals", allow_module_level=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_was_unpacked_is_removed(number: signal.Signals, code: int, tmp_path: Path) -> None:
    lines = [
        "import os, signal, tempfile",
        "from zonate.cohort.unwinding import unwound_by_signals",
        f"signal.signal({int(number)}, signal.SIG_DFL)",  # nohup has it ignored
        "with unwound_by_signals(), tempfile.TemporaryDirectory():",
        "    try:",
        f"        os.kill(os.getpid(), {int(number)})",
        "    finally:",
        f"        os.kill(os.getpid(), {int(number)})",  # a closed terminal sends it twice
        "        print('cleared up')",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    ended = subprocess.run(command, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stdout) == (code, b"cleared up\n")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_is_taken_for_the_block_alone_and_only_if_nobody_has_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with unwound_by_signals():
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_in_another_thread_nothing_changes() -> None:
    found = []

    def work() -> None:
        with unwound_by_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
