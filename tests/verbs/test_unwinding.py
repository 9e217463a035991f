import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from zonate.verbs.unwinding import unwound_by_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_was_unpacked_is_removed(number: signal.Signals, code: int, tmp_path: Path) -> None:
    lines = [
        "import os, tempfile",
        "from zonate.verbs.unwinding import unwound_by_signals",
        "with unwound_by_signals(), tempfile.TemporaryDirectory():",
        f"    os.kill(os.getpid(), {int(number)})",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], env=os.environ | {"TMPDIR": str(tmp_path)}, check=False
    )
    assert ended.returncode == code
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def _unhandled() -> Iterator[None]:
    """PyTorch's launcher leaves its own handlers behind in a process that it was used in."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_unhandled")
def test_a_signal_is_taken_for_the_block_alone_and_only_if_nobody_has_it() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    with unwound_by_signals():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("_unhandled")
def test_in_another_thread_nothing_changes() -> None:
    found = []

    def work() -> None:
        with unwound_by_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]
