import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from zonate.errors import OutputError
from zonate.io.alone import alone_in

ASK = """
import sys
from pathlib import Path
from zonate.io.alone import alone_in

with alone_in(Path(sys.argv[1]), "training"):
    pass
"""


def ask(folder: Path) -> str:
    """What another process is told that asks for the folder: the last line of its error, or nothing."""
    said = subprocess.run([sys.executable, "-c", ASK, str(folder)], capture_output=True, text=True, check=False).stderr
    return said.strip().rpartition("\n")[2]


def test_another_process_is_kept_out_until_the_block_ends_and_no_file_is_left(tmp_path: Path) -> None:
    with alone_in(tmp_path, "training"):
        assert ask(tmp_path) == (
            f"zonate.errors.OutputError: another training is at work in {tmp_path}: wait until it has ended, or give "
            "another folder"
        )
    assert ask(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_where_the_file_system_locks_no_folder_the_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", flock)
    done = False
    with alone_in(tmp_path, "training"):
        done = True
    assert done


def test_what_fails_within_is_raised_and_lets_others_in(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="full"), alone_in(tmp_path, "training"):
        raise OutputError("full")
    assert ask(tmp_path) == ""
