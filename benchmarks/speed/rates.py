"""What the machine can do: operations and bytes a second, measured; and the floor that follows for some work."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from zonate.networks.precision import has_bfloat16

_SIZE, _SIZE_ON_GPU = 2048, 8192
"""Of the matrices: on a GPU a smaller product is over before the next one is asked for."""
_CALLS_ON_GPU = 20
_MIB = 256
_UNCOUNTED, _UNCOUNTED_ON_GPU = 1, 5
"""Rounds: on a GPU, kernels are chosen or made and graphs recorded in the first ones."""


@dataclass(frozen=True)
class Rates:
    """Of all threads that PyTorch may use together.

    Attributes:
        gflop_s: Floating-point operations of a product of large matrices, by precision, in 1e9 a second.
        gb_s: Bytes read and written by a copy of a large array, in 1e9 a second.
    """

    gflop_s: dict[str, float]
    gb_s: float


@dataclass(frozen=True)
class Timing:
    """Seconds of some repeats.

    Attributes:
        median_s: Of them.
        low_s: Their first quartile.
        high_s: Their third quartile.
    """

    median_s: float
    low_s: float
    high_s: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Timing":
        low, _, high = quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
        return cls(median(seconds), low, high)


def median_and_range(values: Sequence[float]) -> str:
    """As a cell of a table: the median, and the smallest and the largest in brackets."""
    return f"{median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def measure_rates(device: str = "cpu") -> Rates:
    size = _SIZE_ON_GPU if _is_gpu(device) else _SIZE
    gflop_s = {}
    for name in precisions(device):
        dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
        a = torch.randn(size, size, device=device).to(dtype)
        with _products_in("high" if name == "tf32" else "highest"):
            gflop_s[name] = 2 * size**3 / best(lambda a=a: a @ a, device) / 1e9  # type: ignore[misc]
    source = torch.zeros(_MIB * 2**18, device=device)
    target = torch.empty_like(source)
    return Rates(gflop_s, 2 * source.nbytes / best(lambda: target.copy_(source), device) / 1e9)


@contextmanager
def _products_in(precision: str) -> Iterator[None]:
    """Let a GPU multiply matrices of float32 as they are (`highest`) or in TF32 (`high`)."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def precisions(device: str = "cpu") -> tuple[str, ...]:
    """What can be compared: bfloat16 only where the device has it, and does not imitate it; TF32 on a GPU."""
    of_gpu = ("tf32",) if _is_gpu(device) else ()
    return ("float32", *of_gpu, *(("bfloat16",) if has_bfloat16(torch.device(device)) else ()))


def best(work: Callable[[], Any], device: str = "cpu", repeats: int = 7) -> float:
    """Seconds of the quickest repeat: what the machine can do, whatever else it did meanwhile.

    On a GPU a repeat is many calls between two of its own events, so that asking for them takes no part in it.
    """
    once = _seconds_on_gpu if _is_gpu(device) else seconds_of
    return min(once(work) for _ in range(repeats + 1))


def _seconds_on_gpu(work: Callable[[], Any]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    work()
    began.record()
    for _ in range(_CALLS_ON_GPU):
        work()
    ended.record()
    ended.synchronize()
    return float(began.elapsed_time(ended)) / 1e3 / _CALLS_ON_GPU


def side_by_side(
    works: dict[str, Callable[[], Any]], repeats: int, device: str = "cpu", calls: int = 1
) -> dict[str, Timing]:
    """Time some works in turn, after rounds that do not count, so that what disturbs one disturbs all.

    Args:
        works: By name.
        repeats: Rounds that count.
        device: That is waited for before and after each repeat.
        calls: Of a work in each repeat, one after another; seconds are those of one.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    uncounted = _UNCOUNTED_ON_GPU if _is_gpu(device) else _UNCOUNTED
    for number in range(uncounted + repeats):
        for name, work in works.items():
            took = seconds_of(work, device, calls)
            if number >= uncounted:
                seconds[name].append(took)
    return {name: Timing.of(each) for name, each in seconds.items()}


def seconds_of(work: Callable[[], Any], device: str = "cpu", calls: int = 1) -> float:
    """Of one call; of several, their mean."""
    wait(device)
    began = time.perf_counter()
    for _ in range(calls):
        work()
    wait(device)
    return (time.perf_counter() - began) / calls


def wait(device: str) -> None:
    if _is_gpu(device):
        torch.cuda.synchronize()


def _is_gpu(device: str) -> bool:
    return device.startswith("cuda")


def operations(work: Callable[[], Any]) -> float:
    """Floating-point operations of convolutions and products, in 1e9."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops()) / 1e9


def bytes_of(network: nn.Module, work: Callable[[], Any]) -> float:
    """Bytes that some work moves at least, in 1e9: a convolution reads its input and weights and writes its output."""
    moved = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal moved
        moved += sum(tensor.nbytes for tensor in (*inputs, *module.parameters(recurse=False), output))

    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [part.register_forward_hook(count) for part in convolutions]
    work()
    for hook in hooks:
        hook.remove()
    return moved / 1e9


def floor_s(gflop: float, gb: float, rates: Rates, precision: str = "float32") -> float:
    """The longer of computing and moving at these rates."""
    return max(gflop / rates.gflop_s[precision], gb / rates.gb_s)
