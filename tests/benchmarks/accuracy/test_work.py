import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.accuracy.work import work
from tests.benchmarks.accuracy.toy import trained_folds


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A job that is done; a job sets the number of threads, which is put back."""
    threads = torch.get_num_threads()
    (done,) = trained_folds(tmp_path, [0])
    yield done
    torch.set_num_threads(threads)


def test_what_is_done_is_not_done_again(folder: Path) -> None:
    work(folder)
    assert (folder / "result.json").read_text(encoding="utf-8") == "{}"
    assert not (folder / "scores.csv").exists()


def test_two_processes_are_never_at_one_job(folder: Path) -> None:
    with (folder / "job.json").open(encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SystemExit, match=r"another process is at .*zonate-fold0: wait for it"):
            work(folder)
