"""The generator of pix2pix: a U-Net of eight halvings, from a slice to a logit a zone."""

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn

from zonate.networks.blocks import initialise, n_image_channels, norm
from zonate.settings.learning import NetworkSettings
from zonate.zones import N_ZONES

SIZE_PX = 256
"""Eight halvings take this to one pixel."""

_WIDTHS = (1, 2, 4, 8, 8, 8, 8, 8)  # of the down blocks, in base channels
_N_DROPOUT = 3  # up blocks with dropout, from the bottleneck


class Generator(nn.Module):
    """A U-Net 256 with skip connections; 54.4 M parameters at 64 base channels.

    There is no normalisation at the 1×1 bottleneck: over a single value at batch 1 it yields its own offset alone.
    TensorFlow's `same` padding of a 4×4 kernel at stride 2 is one pixel a side on an even size, transposed too.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, section 6.1.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self._n_channels = n_image_channels(settings)
        widths = [settings.base_channels * width for width in _WIDTHS]
        self.down = nn.ModuleList()
        channels = self._n_channels
        for level, width in enumerate(widths):
            normalised = 0 < level < len(widths) - 1
            self.down.append(_down_block(channels, width, settings, normalised=normalised))
            channels = width
        self.up = nn.ModuleList()
        for level, width in enumerate(reversed(widths[:-1])):
            self.up.append(_up_block(channels, width, settings, dropout=level < _N_DROPOUT))
            channels = 2 * width  # the skip connection lies beside it
        self.last = nn.ConvTranspose2d(channels, N_ZONES, kernel_size=4, stride=2, padding=1)
        initialise(self, settings.init_std)

    def forward(self, images: Tensor) -> Tensor:
        """From normalised slices to logits.

        Args:
            images: (B, C, 256, 256) float, C = 3 · (2 · neighbours + 1).

        Returns:
            (B, K, 256, 256): before softmax or sigmoid; `probabilities` applies the head.

        Raises:
            ValueError: The slices have another size or number of channels.
        """
        return self.from_dropout(self.until_dropout(images))

    def until_dropout(self, images: Tensor) -> list[Tensor]:
        """The outputs of the down blocks, which drop nothing, see `zonate.networks.inference.Staged`.

        Raises:
            ValueError: As `forward`.
        """
        if images.shape[1:] != (self._n_channels, SIZE_PX, SIZE_PX):
            raise ValueError(
                f"the generator takes slices (B, {self._n_channels}, {SIZE_PX}, {SIZE_PX}), found "
                f"{tuple(images.shape)}: its eight halvings fit no other size (slicing.size_px = {SIZE_PX})"
            )
        x = images
        skips = []
        for block in self.down:
            x = block(x)  # (B, 64, 128, 128), (B, 128, 64, 64), … (B, 512, 1, 1)
            skips.append(x)
        return skips

    def from_dropout(self, features: Sequence[Tensor]) -> Tensor:
        """The logits, of what `until_dropout` gave."""
        x = features[-1]
        for block, skip in zip(self.up, reversed(features[:-1]), strict=True):
            x = torch.cat([block(x), skip], dim=1)  # (B, 1024, 2, 2), … (B, 128, 128, 128)
        return cast("Tensor", self.last(x))  # (B, K, 256, 256)


def probabilities(logits: Tensor, head: Literal["softmax", "sigmoid"]) -> Tensor:
    """Apply the head to the generator's logits (B, K, H, W), in float32.

    Returns:
        (B, K, H, W) from 0 to 1; they sum to 1 over K by the softmax head, not by the sigmoid one.
    """
    return logits.float().softmax(dim=1) if head == "softmax" else logits.float().sigmoid()


def _down_block(channels: int, width: int, settings: NetworkSettings, *, normalised: bool) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1, bias=False)]
    if normalised:
        layers.append(norm(width, settings))
    layers.append(nn.LeakyReLU(settings.leaky_relu_slope))
    return nn.Sequential(*layers)


def _up_block(channels: int, width: int, settings: NetworkSettings, *, dropout: bool) -> nn.Module:
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(channels, width, kernel_size=4, stride=2, padding=1, bias=False),
        norm(width, settings),
    ]
    if dropout:
        layers.append(nn.Dropout(settings.dropout))
    layers.append(nn.ReLU())
    return nn.Sequential(*layers)
