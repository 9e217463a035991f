"""Training on several devices: taking one's place among the processes of torchrun, and starting them on one machine."""

import atexit
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from zonate.errors import ConfigError, ProcessError
from zonate.networks.precision import usable_precision
from zonate.run_folder import how_to_resume
from zonate.training.own_place import LOST, OURS, Place, own_place

if TYPE_CHECKING:
    from torch.distributed.launcher.api import LaunchConfig

_LAUNCHER = "ZONATE_LAUNCHER"
"""The variable that tells a process who has started it."""


@contextmanager
def joined(asked: Literal["32-true", "bf16-mixed"], devices: int | None, nodes: int | None) -> Iterator[Fabric]:
    """Take one's place among the processes that torchrun started; without torchrun, be the only one.

    The group of processes stays until this one ends, also for the next training. Who lets go of it last ends gloo's
    threads; were that DDP's reducer, it would wait for them holding the interpreter's lock (the GIL), while they may
    wait for that lock to let go of the tensors of their last exchange: for ever.

    Args:
        asked: The precision, as Fabric names it; see `usable_precision`.
        devices: Processes a machine that there should be; None: as many as there are.
        nodes: Machines that there should be; None: as many as there are.

    Raises:
        ConfigError: There are other numbers of them, or fewer GPUs.
    """
    place = own_place()
    check_devices(place, devices, nodes)
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"  # where Model segments, too
    precision: Any = usable_precision(asked, torch.device(accelerator))
    if place is None:
        yield Fabric(accelerator=accelerator, devices=1, precision=precision)
        return
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Of a stride along an axis of length 1, which means nothing.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    fabric = Fabric(
        accelerator=accelerator,
        devices=place.devices,
        num_nodes=place.nodes,
        precision=precision,
        strategy=_OwnBuffers(),
        plugins=[TorchElasticEnvironment()],
    )
    if place.ours:
        Thread(target=_end_with_the_launcher, daemon=True).start()
    fabric.launch()
    atexit.register(_leave)
    try:
        yield fabric
    except BaseException:
        atexit.unregister(_leave)  # the others may be gone, and would be waited for
        raise


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _end_with_the_launcher() -> None:
    """One that is killed ends nobody: they would learn on, beside those who resume the run. Windows does not tell."""
    launcher = int(os.environ.get(_LAUNCHER, os.getppid()))  # torchrun's own, given the run's id by hand
    while os.getppid() == launcher:
        time.sleep(1)
    os._exit(LOST)


def check_devices(place: Place | None, devices: int | None, nodes: int | None) -> None:
    """Refuse numbers of processes that there are not.

    Args:
        place: Of this process; None: it is the only one.
        devices: Processes a machine that there should be; None: as many as there are.
        nodes: Machines that there should be; None: as many as there are.

    Raises:
        ConfigError: There are other numbers of them, or fewer GPUs on this machine.
    """
    there = (1, 1) if place is None else (place.devices, place.nodes)
    asked = (devices or there[0], nodes or there[1])
    if place is None and asked != there:
        if asked[1] == 1:
            raise ConfigError(
                f"{asked[0]} processes are started by `zonate train --devices {asked[0]}`, or in Python by torchrun: "
                f"torchrun --nproc-per-node {asked[0]} --standalone SCRIPT"
            )
        raise ConfigError(
            f"{asked[0]} processes on each of {asked[1]} machines are started by torchrun, on each by the command "
            f"torchrun --nnodes {asked[1]} --nproc-per-node {asked[0]} --rdzv-backend c10d --rdzv-id RUN "
            "--rdzv-endpoint FIRST_MACHINE:29500 -m zonate train ..."
        )
    if asked != there:
        raise ConfigError(
            f"torchrun started {there[0]} processes on each of {there[1]} machines, asked for were {asked[0]} on "
            f"{asked[1]}: leave --devices and --nodes away, or give torchrun the same numbers"
        )
    check_gpus(asked[0])


def check_gpus(devices: int) -> None:
    """Refuse more processes than this machine has GPUs, where it has one at all.

    Raises:
        ConfigError: It has fewer.
    """
    if torch.cuda.is_available() and devices > torch.cuda.device_count():
        raise ConfigError(
            f"this machine has {torch.cuda.device_count()} GPUs, asked for were {devices}: each process needs its own"
        )


def launch(arguments: Sequence[str], devices: int, run: Path) -> int:
    """Start this command once a device on this machine, and wait for its end; one that dies ends the others.

    Args:
        arguments: Of `zonate`.
        devices: How many.
        run: Folder of the run.

    Returns:
        The exit code: of a process that has failed and told why, else 0.

    Raises:
        ConfigError: The machine has fewer GPUs.
        ProcessError: A process died.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    check_gpus(devices)
    # What it says of processes that end is said here, once.
    logging.getLogger("torch.distributed").handlers = [logging.NullHandler()]
    with TemporaryDirectory(prefix="zonate-") as logs:  # of torchrun, which would leave one behind
        config = on_this_machine(devices, OURS, logs)
        os.environ[_LAUNCHER] = str(os.getpid())
        try:
            elastic_launch(config, sys.executable)("-P", "-m", "zonate", *arguments)  # -P: import nothing from here
        except ChildFailedError as error:
            return exit_code({rank: failure.exitcode for rank, failure in error.failures.items()}, devices, run)
        except SignalException as stopped:
            return 128 + int(stopped.sigval)
        finally:
            del os.environ[_LAUNCHER]
    return 0


def on_this_machine(number: int, run_id: str, logs: str) -> "LaunchConfig":
    """How torchrun starts processes that meet on this machine alone, none of them a second time.

    Args:
        number: How many.
        run_id: Of torchrun.
        logs: A folder for what torchrun writes.
    """
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
    from torch.distributed.launcher.api import LaunchConfig

    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=number,
        run_id=run_id,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=logs),
    )


def exit_code(codes: Mapping[int, int], devices: int, run: Path) -> int:
    """What becomes of a run some of whose processes have failed.

    Args:
        codes: By rank, the exit code; the negative number of the signal that ended it.
        devices: How many processes there were.
        run: Folder of the run.

    Returns:
        The exit code of one that has told why.

    Raises:
        ProcessError: None has.
    """
    for rank, code in sorted(codes.items()):
        if code < 0 and -code != signal.SIGTERM:  # which is how the others are ended after the first
            name = _name_of(-code)
            why = ", often for want of memory" if name == "SIGKILL" else ""
            raise ProcessError(
                f"process {rank} of {devices} was ended by {name}{why}, and the others with it. {how_to_resume(run)}"
            )
    told = [code for code in codes.values() if code > 0 and code != LOST]
    if not told:
        raise ProcessError(f"the {devices} processes were ended, or have lost each other. {how_to_resume(run)}")
    return told[0]


def _name_of(number: int) -> str:
    """Of a signal; those of real time have none but the first and the last."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


class _OwnBuffers(DDPStrategy):
    """DDP that leaves each process its buffers until `Learner.share_buffers`.

    Else it would replace them between the two passes of the discriminator, whose gradients still need them.
    """

    def setup_module(self, module: nn.Module) -> DistributedDataParallel:
        parallel: Any = super().setup_module(module)
        parallel.broadcast_buffers = False
        return parallel  # type: ignore[no-any-return]
