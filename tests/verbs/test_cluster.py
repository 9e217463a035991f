import asyncio
import subprocess
import sys
from dataclasses import dataclass

from zonate.verbs.cluster import _kill


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
