from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric

from tests.processes import run_in_processes
from zonate.errors import ConfigError, ProcessError
from zonate.processes import Processes, share_of
from zonate.training.torchrun import joined


def test_things_are_shared_in_order_and_the_first_have_one_more() -> None:
    assert [share_of(5, rank, 2) for rank in range(2)] == [slice(0, 3), slice(3, 5)]
    assert [share_of(8, rank, 3) for rank in range(3)] == [slice(0, 3), slice(3, 6), slice(6, 8)]
    assert [share_of(1, rank, 2) for rank in range(2)] == [slice(0, 1), slice(1, 1)]


@given(st.integers(0, 40), st.integers(1, 9))
def test_nothing_is_shared_twice_or_lost(n: int, number: int) -> None:
    shares = [list(range(n))[share_of(n, rank, number)] for rank in range(number)]
    assert [thing for share in shares for thing in share] == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_single_process_does_everything_alone() -> None:
    alone = Processes(Fabric(accelerator="cpu", devices=1))
    values = torch.ones(2, requires_grad=True)
    assert (alone.world_size, alone.rank, alone.is_first) == (1, 0, True)
    assert alone.all_reduce_sum(values) is values
    assert alone.mean(values, 1.0) is values
    assert alone.all_gather("a") == ["a"]
    assert alone.agree(lambda: 3) == 3
    alone.broadcast(values)
    with pytest.raises(ValueError, match="mine"), alone.telling_of_loss(str):
        alone.agree(lambda: (_ for _ in ()).throw(ValueError("mine")))


def test_a_lost_process_is_told_with_what_to_do() -> None:
    several = Processes(Fabric(accelerator="cpu", devices=1))
    several.world_size, several.rank = 2, 1
    said = r"another of the 2 .* so that process 1 ends, too: go on"
    with pytest.raises(ProcessError, match=said) as raised, several.telling_of_loss(lambda: "go on"):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4711")
    assert raised.value.told is None


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[/pytorch/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:15241. GLHF!"),
        RuntimeError("[/gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:32652: Connection reset by peer"),
        RuntimeError("[/pytorch/gloo/transport/tcp/pair.cc:323] writev [127.0.0.1]:32652: Broken pipe"),
        RuntimeError("[/gloo/transport/tcp/pair.cc:537] Read error [10.0.0.2]:32652: Connection timed out"),
        RuntimeError("[/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 1800000ms for recv operation"),
        RuntimeError("Application timeout caused pair closure"),
        torch.distributed.DistBackendError(
            "NCCL error in: /pytorch/NCCLUtils.hpp:268, remote process exited or there was a network error\n"
            "ncclRemoteError: A call failed possibly due to a network error or a remote process exiting prematurely."
        ),
        torch.distributed.DistBackendError(
            "ncclInternalError: Internal check failed.\nLast error:\nNet : Connection closed by remote peer a<50260>"
        ),
        RuntimeError("NCCL communicator was aborted on rank 1."),
        torch.distributed.DistBackendError("[Rank 3] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9)"),
        torch.distributed.DistNetworkError("Failed to recv, got 0 bytes."),
        torch.distributed.DistStoreError("wait timeout after 300000ms, keys: /default_pg/0//cuda//1"),
    ],
)
def test_what_gloo_nccl_and_the_store_say_of_a_lost_process(error: RuntimeError) -> None:
    several = Processes(Fabric(accelerator="cpu", devices=1))
    several.world_size = 2
    with pytest.raises(ProcessError) as raised, several.telling_of_loss(lambda: "go on"):
        raise error
    assert raised.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("the shapes do not fit"),
        RuntimeError("Expected to have finished reduction in the prior iteration: torch.nn.parallel.Distributed..."),
        RuntimeError("[enforce fail at /pytorch/gloo/transport/tcp/pair.cc:446] op.nbytes <= size. 12 vs 8"),
        torch.distributed.DistBackendError("NCCL error, unhandled cuda error\nncclUnhandledCudaError: out of memory"),
        torch.distributed.DistBackendError("ncclInvalidUsage: Duplicate GPU detected : rank 1 and rank 0"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB by /torch/distributed/"),
    ],
)
def test_an_error_of_one_s_own_is_not_taken_for_a_lost_process(error: RuntimeError) -> None:
    several = Processes(Fabric(accelerator="cpu", devices=1))
    several.world_size = 2
    with pytest.raises(type(error)) as raised, several.telling_of_loss(str):
        raise error
    assert raised.value is error


@pytest.mark.slow
def test_what_two_processes_do_together() -> None:
    first, second = run_in_processes(2, _together)
    assert first["places"] == [(0, 2, True), (1, 2, False)]
    for found in (first, second):
        assert found["total"] == [1.0 + 2, 10.0 + 20]
        assert found["gradient"] == [2 * 3.0, 2 * 3.0]  # as often as there are processes
        assert found["mean"] == 0.75 * 5 + 0.25 * 1
        assert found["taken"] == 7
    assert [first["own"], second["own"]] == [0, 10]
    assert first["failed"] == ("ProcessError", "process 1 of 2 has ended the run: a wrong setting", "ConfigError")
    assert second["failed"] == ("ConfigError", "a wrong setting", "")
    assert first["both"][0] == "OSError"
    assert second["both"] == ("ProcessError", "process 0 of 2 has ended the run: OSError", "RuntimeError")


def _together() -> dict[str, Any]:
    with joined("32-true", None, None) as fabric:
        processes = Processes(fabric)
        rank = processes.rank
        values = torch.tensor([1.0, 10.0]) * (rank + 1)
        values.requires_grad_()
        total = processes.all_reduce_sum(values)
        (gradient,) = torch.autograd.grad((3 * total).sum(), values)
        taken = torch.tensor(7 if rank == 0 else 8)
        processes.broadcast(taken)
        return {
            "places": processes.all_gather((rank, processes.world_size, processes.is_first)),
            "total": total.tolist(),
            "gradient": gradient.tolist(),
            "mean": processes.mean(torch.tensor([5.0, 1.0])[rank], [0.75, 0.25][rank]).item(),
            "taken": taken.item(),
            "own": processes.agree(lambda: 10 * rank),
            "failed": _error_of(processes, [None, ConfigError("a wrong setting")]),
            "both": _error_of(processes, [OSError("/a/path"), ConfigError("later")]),
        }


def _error_of(processes: Processes, errors: list[Exception | None]) -> tuple[str, str, str]:
    def fail() -> None:
        error = errors[processes.rank]
        if error is not None:
            raise error

    try:
        processes.agree(fail)
    except (ConfigError, OSError) as error:
        return type(error).__name__, str(error), ""
    except ProcessError as error:
        return "ProcessError", str(error), type(error.told).__name__
    raise AssertionError("nothing failed")
