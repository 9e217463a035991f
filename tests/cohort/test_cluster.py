import asyncio
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from zonate.cohort.cluster import _kill, cluster_of
from zonate.cohort.workers import Workers
from zonate.errors import ProcessError


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

    monkeypatch.setattr("zonate.cohort.cluster.LocalCluster", too_slow)
    with (
        pytest.raises(ProcessError, match=r"the worker processes \(3\) did not start in time: .*fewer --workers"),
        cluster_of(Workers(3)),
    ):
        pass


PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "clusters.md").read_text(encoding="utf-8")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def test_every_recipe_of_the_page_sets_the_threads_that_pytorch_reads_and_every_setting_is_one_of_dask() -> None:
    set_to = re.findall(r"\b(\w+_NUM_THREADS)(?:=|, value: )(\"?[$\w]+)", PAGE)
    assert set_to == [
        *((name, "4") for name in THREADS),
        *((name, "$SLURM_CPUS_PER_TASK") for name in THREADS),
        *((name, "4") for name in THREADS),
        *((name, '"4') for name in THREADS),
    ]
    settings = [name.lower().replace("__", ".") for name in re.findall(r"DASK_(\w+__\w+)", PAGE)]
    assert settings
    for setting in settings:
        dask.config.get(setting)  # which raises where there is none of that name


def threads() -> tuple[str | None, str | None, int]:
    import torch

    return os.environ.get(THREADS[0]), os.environ.get(THREADS[1]), torch.get_num_threads()


@pytest.mark.slow
def test_a_worker_that_is_started_as_the_page_says_has_the_threads_that_it_says() -> None:
    """Dask sets them to 1 where the environment does not say otherwise, and PyTorch takes the least of the two."""
    before = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    (exported,) = re.findall(r"^    export (.*)\n    dask worker", PAGE, re.MULTILINE)
    (options,) = re.findall(r"^    dask worker tcp:\S+ (.*?)(?:  #.*)?$", PAGE, re.MULTILINE)
    environment = before | dict(word.split("=") for word in exported.split()) | {"MKL_DYNAMIC": "FALSE"}
    own_port = {"dashboard_address": "127.0.0.1:0"}
    with LocalCluster(
        n_workers=0, dashboard_address=None, scheduler_kwargs=own_port, silence_logs=logging.CRITICAL
    ) as cluster:
        command = [sys.executable, "-m", "dask", "worker", cluster.scheduler_address, *options.split()]
        command[command.index("--nworkers") + 1] = "1"
        with (
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as nanny,
            Client(cluster, set_as_default=False) as client,
        ):
            try:
                client.wait_for_workers(1, timeout=60)
                assert list(client.run(threads).values()) == [("4", "4", 4)]
            finally:
                nanny.terminate()
