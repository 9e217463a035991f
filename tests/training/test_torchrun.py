import faulthandler
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.processes import run_in_processes
from zonate.errors import ConfigError, ProcessError
from zonate.training.own_place import LOST, Place, own_place
from zonate.training.torchrun import check_devices, exit_code, joined

SECOND = Place(rank=5, local_rank=1, devices=4, nodes=2, ours=False)


def test_the_place_among_processes_is_what_torchrun_says() -> None:
    environment = {
        "TORCHELASTIC_RUN_ID": "run",
        "RANK": "5",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "8",
        "LOCAL_WORLD_SIZE": "4",
    }
    assert own_place(environment) == SECOND
    ours = own_place({**environment, "TORCHELASTIC_RUN_ID": "zonate-train"})
    assert ours is not None
    assert ours.ours
    assert own_place({**environment, "WORLD_SIZE": "1"}) is None
    assert own_place({"RANK": "0", "WORLD_SIZE": "2"}) is None  # others use these names, too


def test_without_torchrun_there_is_one_process() -> None:
    with joined("32-true", None, None) as fabric:
        assert (fabric.world_size, fabric.global_rank) == (1, 0)
    with joined("bf16-mixed", 1, 1) as fabric:
        assert fabric.world_size == 1


@pytest.mark.slow
def test_a_group_is_left_though_gloo_still_waits_for_the_interpreter() -> None:
    assert run_in_processes(2, _leave_in_haste) == ["left", "left"]


def _leave_in_haste() -> str:
    faulthandler.dump_traceback_later(60, exit=True)
    sys.setswitchinterval(60)
    _learn_in_haste()
    _learn_in_haste()  # as a script does that trains a model a fold
    faulthandler.cancel_dump_traceback_later()
    return "left"


def _learn_in_haste() -> None:
    """Gloo's threads can't let go of what they exchanged, since this one lets nobody else have the interpreter."""
    with joined("32-true", None, None) as fabric:
        network = fabric.setup(nn.Linear(3, 1))
        network(torch.ones(2, 3)).sum().backward()
        for _ in range(8):
            torch.distributed.all_reduce(torch.ones(1), async_op=True)
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass


def test_several_machines_need_torchrun_whose_command_is_said() -> None:
    with pytest.raises(ConfigError) as raised, joined("32-true", 4, 2):
        pass
    assert str(raised.value).endswith(
        "torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-id RUN --rdzv-endpoint FIRST_MACHINE:29500 "
        "-m zonate train ..."
    )
    with pytest.raises(ConfigError, match=r"`zonate train --devices 2`.* torchrun --nproc-per-node 2 --standalone"):
        check_devices(None, 2, None)


def test_other_numbers_than_torchrun_has_started_are_refused() -> None:
    with pytest.raises(ConfigError, match="torchrun started 4 processes on each of 2 machines, asked for were 8 on 2"):
        check_devices(SECOND, 8, 2)
    with pytest.raises(ConfigError, match="asked for were 4 on 1"):
        check_devices(SECOND, None, 1)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ConfigError, match="this machine has 2 GPUs, asked for were 4"):
        check_devices(SECOND, None, None)


def test_whoever_died_first_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"process 1 of 2 was ended by SIGKILL, often for want of memory") as raised:
        exit_code({0: -15, 1: -9}, 2, tmp_path)
    assert str(raised.value).endswith(
        "No epoch had been finished: train again, with --resume where the run folder is there"
    )
    with pytest.raises(ProcessError, match="process 1 of 3 was ended by SIGSEGV, and the others with it"):
        exit_code({0: LOST, 1: -11, 2: 1}, 3, tmp_path)
    with pytest.raises(ProcessError, match="process 0 of 2 was ended by signal 40, and the others with it"):
        exit_code({0: -40, 1: -15}, 2, tmp_path)  # a real-time signal, which has no name
    with pytest.raises(ProcessError, match="lost each other"):
        exit_code({0: LOST, 1: -15}, 2, tmp_path)


def test_a_process_that_has_told_why_it_failed_gives_the_exit_code(tmp_path: Path) -> None:
    assert exit_code({0: 2, 1: -15}, 2, tmp_path) == 2
    assert exit_code({0: LOST, 1: 1}, 2, tmp_path) == 1
