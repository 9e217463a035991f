import asyncio
import subprocess
import sys
from dataclasses import dataclass

import pytest

from zonate.errors import ProcessError
from zonate.verbs.cluster import _kill, cluster_of
from zonate.verbs.workers import Workers


@dataclass
class StandInNanny:
    """The part of Dask's that is asked; its worker may be dead."""

    pid: int | None
    told_to_start_no_other: bool = False

    def close_gracefully(self) -> None:
        self.told_to_start_no_other = True


def test_a_worker_is_killed_and_where_there_is_none_this_process_is_not() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as worker:
        nannies = [StandInNanny(None), StandInNanny(worker.pid)]
        asyncio.run(_kill(nannies))
        assert worker.wait(timeout=10) == -9
    assert all(nanny.told_to_start_no_other for nanny in nannies)


def test_workers_that_do_not_start_in_time_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_slow(**_: object) -> None:
        raise TimeoutError("Nanny start timed out after 60s.")

    monkeypatch.setattr("zonate.verbs.cluster.LocalCluster", too_slow)
    with (
        pytest.raises(ProcessError, match=r"the worker processes \(3\) did not start in time: .*fewer --workers"),
        cluster_of(Workers(3)),
    ):
        pass
