"""A trained network made quick to use: a copy that cannot learn, laid out as convolutions are quickest."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # also SyncBatchNorm, by which several GPUs learn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@runtime_checkable
class Staged(Protocol):
    """A network whose dropout lies deep: what comes before it is the same for every draw of what drops out."""

    def until_dropout(self, images: Tensor) -> Sequence[Tensor]:
        """From slices (B, C, H, W) to the features that the rest needs; nothing in between drops out."""

    def from_dropout(self, features: Sequence[Tensor]) -> Tensor:
        """From these features, which stay as they are, to logits (B, K, H, W)."""


class ReadyNetwork:
    """A copy of a network in evaluation, which leaves the network itself as it is.

    On two cores of a CPU with AVX-512 the `zonate` network takes half the time so; see `benchmarks/speed-bfloat16.md`.

    Attributes:
        module: The copy; masks of dropout may be hung into it.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        dtype: torch.dtype = torch.float32,
        by_batch_statistics: bool = False,
    ) -> None:
        """Copy the network.

        Args:
            network: In any mode.
            device: Where it is to compute.
            dtype: In which it computes; logits come in it, too.
            by_batch_statistics: Whether BatchNorm uses each batch's own statistics, as while learning. Otherwise it is
                folded into the convolution before it, which changes logits by rounding alone.
        """
        module = deepcopy(network)
        _leave_processes(module)
        module.eval().requires_grad_(requires_grad=False)
        if by_batch_statistics:
            _normalise_by_batch(module)
        else:
            _fold_batch_norm(module)
        self.module = module.to(device, dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device, self._dtype = device, dtype

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """What no dropout changes, of slices (B, C, H, W) on any device.

        Of a network that is not `Staged` these are the slices themselves.
        """
        shown = images.to(self._device, self._dtype).contiguous(memory_format=torch.channels_last)
        return self.module.until_dropout(shown) if isinstance(self.module, Staged) else (shown,)

    def logits(self, features: Sequence[Tensor]) -> Tensor:
        """The logits (B, K, H, W) of what `features` gave, which stays as it is."""
        if isinstance(self.module, Staged):
            return self.module.from_dropout(features)
        return cast("Tensor", self.module(features[0]))


def _leave_processes(module: nn.Module) -> None:
    """Put BatchNorm of one process where that of several stands, whose batches each would wait for all the others."""
    for part in list(module.modules()):
        for name, norm in list(part.named_children()):
            if isinstance(norm, nn.SyncBatchNorm):
                how = norm.eps, norm.momentum, norm.affine, norm.track_running_stats
                alone = nn.BatchNorm2d(norm.num_features, *how, device="meta")
                alone.load_state_dict(norm.state_dict(), assign=True)
                part.add_module(name, alone)


def _fold_batch_norm(module: nn.Module) -> None:
    """Fold each BatchNorm of a network in evaluation into the convolution that stands before it in a sequence."""
    for sequence in [part for part in module.modules() if isinstance(part, nn.Sequential)]:
        for place in range(len(sequence) - 1):
            convolution, norm = sequence[place], sequence[place + 1]
            if isinstance(norm, _BatchNorm) and isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                sequence[place] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
                sequence[place + 1] = nn.Identity()


def _normalise_by_batch(module: nn.Module) -> None:
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            norm.training, norm.track_running_stats = True, False
