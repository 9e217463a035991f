"""What the machine can do: operations and bytes a second, measured; and the floor that follows for some work."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from zonate.networks.precision import has_bfloat16

_SIZE = 2048
_MIB = 256


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
    gflop_s = {}
    for name in precisions(device):
        dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
        a = torch.randn(_SIZE, _SIZE, device=device).to(dtype)
        seconds = best(lambda a=a: a @ a, device)  # type: ignore[misc]
        gflop_s[name] = 2 * _SIZE**3 / seconds / 1e9
    source = torch.zeros(_MIB * 2**18, device=device)
    target = torch.empty_like(source)
    return Rates(gflop_s, 2 * source.nbytes / best(lambda: target.copy_(source), device) / 1e9)


def precisions(device: str = "cpu") -> tuple[str, ...]:
    """What can be compared: bfloat16 only where the device has it, and does not imitate it."""
    return ("float32", "bfloat16") if has_bfloat16(torch.device(device)) else ("float32",)


def best(work: Callable[[], Any], device: str = "cpu", repeats: int = 7) -> float:
    """Seconds of the quickest repeat: what the machine can do, whatever else it did meanwhile."""
    return min(seconds_of(work, device) for _ in range(repeats + 1))


def side_by_side(works: dict[str, Callable[[], Any]], repeats: int, device: str = "cpu") -> dict[str, Timing]:
    """Time some works in turn, after one round that does not count, so that what disturbs one disturbs all."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(repeats + 1):
        for name, work in works.items():
            took = seconds_of(work, device)
            if number:
                seconds[name].append(took)
    return {name: Timing.of(each) for name, each in seconds.items()}


def seconds_of(work: Callable[[], Any], device: str = "cpu") -> float:
    wait(device)
    began = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - began


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


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
