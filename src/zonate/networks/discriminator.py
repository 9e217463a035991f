"""The discriminator of pix2pix: is this the label that belongs to this image, judged patch by patch, at some scales."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from zonate.errors import ConfigError
from zonate.networks.blocks import batch_norm, initialise, n_image_channels
from zonate.settings.learning import NetworkSettings
from zonate.zones import N_ZONES

_SMALLEST_PX = 24  # three halvings and two valid convolutions leave one patch


class Judgement(NamedTuple):
    """What one discriminator says of a label.

    Attributes:
        logits: (B, 1, h, w), above 0 for a patch taken as real; 30×30 patches of 256 px.
        features: What it looked at, of each layer but the last: (B, 64, 128, 128), … (B, 512, 31, 31).
    """

    logits: Tensor
    features: tuple[Tensor, ...]


class Discriminator(nn.Module):
    """70×70 PatchGANs on image and label together, each at half the resolution of the one before.

    A single one has 2.77 M parameters at 64 base channels.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, section 6.1; Wang
        et al., High-Resolution Image Synthesis with Conditional GANs, CVPR 2018, section 3.2, for the scales; Miyato et
        al., Spectral Normalization for GANs, ICLR 2018.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.layers = _patch_gan(settings)
        self.coarser = nn.ModuleList([_patch_gan(settings) for _ in range(settings.discriminators - 1)])
        initialise(self, settings.init_std)
        if settings.spectral_norm:
            for module in list(self.modules()):
                if isinstance(module, nn.Conv2d):
                    parametrizations.spectral_norm(module)

    def forward(self, images: Tensor, labels: Tensor) -> list[Judgement]:
        """Judge labels.

        Args:
            images: (B, C, H, W), normalised, C = 3 · (2 · neighbours + 1).
            labels: (B, K, H, W), one-hot or probabilities; 0 throughout where nothing is annotated.

        Returns:
            Of each discriminator, from the finest on.
        """
        pair = torch.cat([images, labels], dim=1)  # (B, C + K, H, W)
        judgements = [_judge(self.layers, pair)]
        for layers in self.coarser:
            pair = functional.avg_pool2d(pair, 2)  # (B, C + K, H / 2, W / 2)
            judgements.append(_judge(layers, pair))
        return judgements


def check_judged_size(settings: NetworkSettings, size_px: int) -> None:
    """Refuse slices or patches of which the coarsest discriminator would see too little.

    Raises:
        ConfigError: They are too small.
    """
    smallest = _SMALLEST_PX * 2 ** (settings.discriminators - 1)
    if size_px < smallest:
        raise ConfigError(
            f"{settings.discriminators} discriminators need slices or patches of {smallest} px at least, found "
            f"{size_px} (slicing.size_px, training.patch_px): lower network.discriminators or set loss.adversarial = 0"
        )


def _patch_gan(settings: NetworkSettings) -> nn.Sequential:
    base, slope = settings.base_channels, settings.leaky_relu_slope
    return nn.Sequential(
        nn.Conv2d(n_image_channels(settings) + N_ZONES, base, kernel_size=4, stride=2, padding=1, bias=False),
        nn.LeakyReLU(slope),  # (B, 64, 128, 128)
        nn.Conv2d(base, 2 * base, kernel_size=4, stride=2, padding=1, bias=False),
        batch_norm(2 * base, settings),
        nn.LeakyReLU(slope),  # (B, 128, 64, 64)
        nn.Conv2d(2 * base, 4 * base, kernel_size=4, stride=2, padding=1, bias=False),
        batch_norm(4 * base, settings),
        nn.LeakyReLU(slope),  # (B, 256, 32, 32)
        nn.Conv2d(4 * base, 8 * base, kernel_size=4, stride=1, padding=1, bias=False),
        batch_norm(8 * base, settings),
        nn.LeakyReLU(slope),  # (B, 512, 31, 31)
        nn.Conv2d(8 * base, 1, kernel_size=4, stride=1, padding=1),  # (B, 1, 30, 30)
    )


def _judge(layers: nn.Module, pair: Tensor) -> Judgement:
    features = []
    x = pair
    for layer in layers.children():
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            features.append(x)
    return Judgement(x, tuple(features))
