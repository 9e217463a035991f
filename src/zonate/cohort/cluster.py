"""A Dask cluster: one of processes on this machine, or one that exists."""

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import dask
import psutil
from distributed import Client, LocalCluster

from zonate.cohort.machine import environment_kept, usable_cores
from zonate.cohort.unwinding import unwound_by_signals
from zonate.cohort.workers import Workers
from zonate.errors import ConfigError, ProcessError

_THREAD_LIMITS = (
    "OMP_NUM_THREADS",  # PyTorch, and most of what is compiled
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "ZARR_THREADING__MAX_WORKERS",
)
"""Read by libraries as they are loaded."""
_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 0,  # who is tried again, and where, is decided in `cohort`
    "distributed.deploy.lost-worker-timeout": "1 hour",  # who needs more than its 15 s to start again would be given up
    "distributed.worker.memory.target": False,  # no array of a study is Dask's to write to disk
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 1.0,
    "distributed.scheduler.http.routes": [],  # nothing is to be asked of it by others on this machine
    "distributed.worker.http.routes": [],
}
_SILENT = logging.CRITICAL + 1
_CONNECT_S = 30.0
_RESTART_S = 60.0
_GIB = 2**30


@contextmanager
def cluster_of(workers: Workers) -> Iterator[Client]:
    """A client of the workers for as long as the block lasts.

    Where the block raises, or is left by closing a generator, processes of this machine are killed at once.

    Raises:
        ConfigError: No scheduler answers at the address.
        ProcessError: Processes of this machine cannot be started, or not in time.
    """
    with _existing(workers.scheduler) if workers.scheduler is not None else _of_processes(workers) as client:
        yield client


def restart(client: Client, addresses: Iterable[str]) -> None:
    """Kill workers with whatever they do; their nannies start others in their place."""
    known = client.scheduler_info(n_workers=-1)["workers"]
    if there := [address for address in addresses if address in known]:
        with suppress(OSError, ValueError, KeyError):  # one may be gone meanwhile, which Dask meets with a KeyError
            client.restart_workers(there, timeout=_RESTART_S, raise_for_error=False)


@contextmanager
def _existing(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {address} ({type(error).__name__}): give its address, such as "
            "tcp://10.0.0.1:8786, and see that it runs"
        ) from None
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            logging.getLogger(__name__).warning("the cluster at %s has no worker yet: waiting for one", address)
        yield client


@contextmanager
def _of_processes(workers: Workers) -> Iterator[Client]:
    """Worker processes that share the cores of this machine.

    They speak TLS, with a key that is made for them alone: whoever may speak to a scheduler may run code as its user,
    and a port of this machine is open to everybody on it.
    """
    # Its own workers are killed, and Dask would tell each closed connection as an error, after the cluster's end too.
    logging.getLogger("distributed").setLevel(_SILENT)
    memory_gib = workers.study_memory_gib
    threads = str(max(1, usable_cores() // workers.number))
    limits = {"distributed.nanny.pre-spawn-environ": dict.fromkeys(_THREAD_LIMITS, threads)}
    with environment_kept(), unwound_by_signals(), dask.config.set(_SETTINGS | limits):
        for name in _THREAD_LIMITS:  # Dask prefers what is in the environment to its settings
            os.environ.pop(name, None)
        with _started(workers.number, memory_gib) as cluster, Client(cluster, set_as_default=False) as client:
            try:
                yield client
            finally:  # what is still under way is unwanted, and who is idle has nothing to lose
                cluster.sync(_kill, list(cluster.workers.values()))


def _started(number: int, memory_gib: float | None) -> LocalCluster:
    try:
        return LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            memory_limit=0 if memory_gib is None else int(memory_gib * _GIB),
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else 8787, which another cohort may have
            security=True,
            silence_logs=_SILENT,
            preload="zonate.cohort.on_worker",
        )
    except TimeoutError:
        raise ProcessError(
            f"the worker processes ({number}) did not start in time: this machine has too little memory for them, or "
            "too much else to do: ask for fewer --workers, or start again when it has room"
        ) from None
    except RuntimeError as error:
        raise ProcessError(
            "no process can be started to work on several cases at a time: a script that asks for that needs "
            '`if __name__ == "__main__":` around its own calls; or ask for one worker'
        ) from error


async def _kill(nannies: Iterable[Any]) -> None:
    """Kill workers and what they have started, without another in their place."""
    for nanny in nannies:
        nanny.close_gracefully()
        pid = nanny.pid
        if pid is None:  # its worker has died and the next one has not begun; to psutil, None would be this process
            continue
        with suppress(psutil.NoSuchProcess):
            worker = psutil.Process(pid)
            for process in [worker, *worker.children(recursive=True)]:
                process.kill()
