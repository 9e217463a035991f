"""Dropout at inference: a network thinned by chance, which is one draw of what it could have been."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def has_dropout(network: nn.Module) -> bool:
    """Whether anything in the network drops out."""
    return any(isinstance(module, _DROPOUT) and module.p > 0 for module in network.modules())


@contextmanager
def dropout_alone(network: nn.Module, place: torch.device) -> Iterator[None]:
    """Dropout on and everything else as for prediction: BatchNorm keeps the statistics that it learnt.

    Whoever enters seeds PyTorch's global generator inside. On leaving, that generator and the mode of every module
    are what they were.

    Source: Gal, Ghahramani, Dropout as a Bayesian Approximation, ICML 2016.
    """
    modes = [(module, module.training) for module in network.modules()]
    with torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        network.eval()
        for module in network.modules():
            if isinstance(module, _DROPOUT):
                module.training = True
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
