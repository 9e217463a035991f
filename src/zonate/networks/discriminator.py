"""The discriminator of pix2pix: is this the label that belongs to this image, judged patch by patch."""

from typing import cast

import torch
from torch import Tensor, nn

from zonate.config import NetworkSettings
from zonate.networks.blocks import batch_norm, initialise
from zonate.zones import N_ZONES

_N_CHANNELS = 3  # T2W, DWI, ADC


class Discriminator(nn.Module):
    """A 70×70 PatchGAN on image and label together; 2.77 M parameters at 64 base channels.

    Source: Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, CVPR 2017, section 6.1.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        base, slope = settings.base_channels, settings.leaky_relu_slope
        self.layers = nn.Sequential(
            nn.Conv2d(_N_CHANNELS + N_ZONES, base, kernel_size=4, stride=2, padding=1, bias=False),
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
        initialise(self, settings.init_std)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Judge labels.

        Args:
            images: (B, 3, 256, 256), normalised.
            labels: (B, K, 256, 256), one-hot or probabilities; 0 throughout where nothing is annotated.

        Returns:
            (B, 1, 30, 30) logits, above 0 for a patch taken as real.
        """
        return cast("Tensor", self.layers(torch.cat([images, labels], dim=1)))  # of (B, 8, 256, 256)
