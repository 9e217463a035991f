"""Dropout at inference by masks of its own: a seed says what drops out, and no global generator is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def has_dropout(network: nn.Module) -> bool:
    """Whether anything in the network drops out."""
    return any(module.p > 0 for module in _dropouts(network))


@contextmanager
def dropping_out(network: nn.Module, seed: int, *, alike: bool) -> Iterator[None]:
    """Dropout on in a network that is otherwise in evaluation.

    The masks are drawn on the CPU, so that they are the same on every device. On leaving, the network is what it was.

    Args:
        network: In evaluation, where its own dropout does nothing.
        seed: Of the masks, 0 to 2⁶⁴ - 1.
        alike: Whether every slice, of whichever batch, is thinned by the same masks: one draw of what the network could
            have been. Otherwise each slice has its own.

    Source: Gal, Ghahramani, Dropout as a Bayesian Approximation, ICML 2016.
    """
    random = torch.Generator().manual_seed(seed)
    kept: dict[nn.Module, Tensor] = {}

    def drop(module: nn.Dropout, _inputs: tuple[Tensor, ...], values: Tensor) -> Tensor:
        if not alike:
            return values * _mask(values.shape, module.p, random).to(values)
        if module not in kept:
            kept[module] = _mask(values[:1].shape, module.p, random).to(values)
        return values * kept[module]

    hooks = [module.register_forward_hook(drop) for module in _dropouts(network)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _dropouts(network: nn.Module) -> list[nn.Dropout]:
    return [module for module in network.modules() if isinstance(module, nn.Dropout)]


def _mask(shape: torch.Size, p: float, random: torch.Generator) -> Tensor:
    """0 with probability p, else 1 / (1 - p), so that the mean is 1."""
    return (torch.rand(shape, generator=random) >= p) / (1 - p)
