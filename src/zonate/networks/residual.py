"""A U-Net of residual blocks for slices of any size, thin where slices are large, so that a CPU can train it."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn.functional import conv2d

from zonate.networks.blocks import n_image_channels, norm
from zonate.settings.learning import NetworkSettings
from zonate.zones import N_ZONES

SIZE_MULTIPLE_PX = 32
"""Five halvings."""

_WIDTHS = (1, 2, 4, 8, 8, 8)  # of the levels, in base channels
_N_BLOCKS = (1, 1, 2, 2, 2, 2)  # residual blocks of each level of the encoder
_N_DROPOUT = 2  # levels of the encoder, and of the decoder, that drop out, from the bottom


class ResidualUNet(nn.Module):
    """A U-Net of six levels; 2.6 M parameters at 16 base channels and one slice.

    The encoder is made of residual blocks; the decoder doubles the size by repeating pixels after a 1×1 convolution
    and has one convolution a level. What is computed at full resolution costs most, which is why there is one residual
    block and one convolution there.

    Source: Ronneberger et al., U-Net, MICCAI 2015; He et al., Deep Residual Learning, CVPR 2016, with the shortcut of
        He et al., Bag of Tricks, CVPR 2019, section 4.2 (ResNet-D); Isensee et al., nnU-Net, Nature Methods 2021, for
        encoders deeper than decoders.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self._n_channels = n_image_channels(settings)
        widths = [settings.base_channels * width for width in _WIDTHS]
        bottom = len(widths) - 1
        self.down = nn.ModuleList()
        channels = self._n_channels
        for level, width in enumerate(widths):
            blocks: list[nn.Module] = [_ResidualBlock(channels, width, settings, halve=level > 0)]
            blocks += [_ResidualBlock(width, width, settings) for _ in range(_N_BLOCKS[level] - 1)]
            if level > bottom - _N_DROPOUT:
                blocks.append(nn.Dropout(settings.dropout))
            self.down.append(nn.Sequential(*blocks))
            channels = width
        self.enlarge, self.up = nn.ModuleList(), nn.ModuleList()
        for level in range(bottom - 1, -1, -1):
            width = widths[level]
            self.enlarge.append(
                nn.Sequential(nn.Conv2d(channels, width, 1, bias=False), nn.Upsample(scale_factor=2, mode="nearest"))
            )
            layers = _convolved(_JoiningConv(width), width, settings)
            if level >= bottom - _N_DROPOUT:
                layers.append(nn.Dropout(settings.dropout))
            self.up.append(layers)
            channels = width
        self.last = nn.Conv2d(channels, N_ZONES, 1)
        _initialise(self, settings.leaky_relu_slope)

    def forward(self, images: Tensor) -> Tensor:
        """From normalised slices to logits.

        Args:
            images: (B, C, H, W) float, C = 3 · (2 · neighbours + 1); height and width multiples of 32.

        Returns:
            (B, K, H, W): before softmax or sigmoid; `probabilities` applies the head.

        Raises:
            ValueError: The slices have another number of channels, or a size that five halvings do not fit.
        """
        return self.from_dropout(self.until_dropout(images))

    def until_dropout(self, images: Tensor) -> list[Tensor]:
        """What the levels of the encoder that drop nothing give to the decoder, and the output of the last of them.

        See `zonate.networks.inference.Staged`.

        Raises:
            ValueError: As `forward`.
        """
        if images.shape[1] != self._n_channels or any(size % SIZE_MULTIPLE_PX for size in images.shape[2:]):
            raise ValueError(
                f"the network takes slices (B, {self._n_channels}, H, W) with H and W multiples of {SIZE_MULTIPLE_PX}, "
                f"found {tuple(images.shape)}: set slicing.size_px, training.patch_px and network.neighbours to fit"
            )
        skips = self._descended(images, self.down[:-_N_DROPOUT])
        joined = [joining.of_skip(skip) for joining, skip in zip(self._joining, skips, strict=False)]
        return [*joined, skips[-1]]

    def from_dropout(self, features: Sequence[Tensor]) -> Tensor:
        """The logits, of what `until_dropout` gave."""
        *joined, last = features
        *deepest, x = self._descended(last, self.down[-_N_DROPOUT:])
        joined += [joining.of_skip(skip) for joining, skip in zip(self._joining[len(joined) :], deepest, strict=True)]
        levels = (cast("nn.Sequential", level) for level in self.up)
        below = zip(self.enlarge, levels, reversed(self._joining), reversed(joined), strict=True)
        for enlarge, level, joining, of_skip in below:
            x = level[1:](joining.joined(enlarge(x), of_skip))  # (B, 128, 10, 10), … (B, 16, 160, 160)
        return cast("Tensor", self.last(x))  # (B, K, H, W)

    @property
    def _joining(self) -> list["_JoiningConv"]:
        """The convolution of each level of the decoder, from level 0 down, as the encoder goes."""
        return [cast("_JoiningConv", cast("nn.Sequential", level)[0]) for level in reversed(self.up)]

    @staticmethod
    def _descended(x: Tensor, levels: nn.ModuleList) -> list[Tensor]:
        """The output of each level: at 160 px and 16 channels (B, 16, 160, 160), (B, 32, 80, 80), … (B, 128, 5, 5)."""
        outputs = []
        for level in levels:
            x = level(x)
            outputs.append(x)
        return outputs


class _ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, which is averaged and projected where size or width change."""

    def __init__(self, channels: int, width: int, settings: NetworkSettings, *, halve: bool = False) -> None:
        super().__init__()
        stride = 2 if halve else 1
        self.residual = nn.Sequential(
            *_convolved(nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False), width, settings),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            norm(width, settings),
        )
        projection = [nn.Conv2d(channels, width, 1, bias=False), norm(width, settings)] if channels != width else []
        self.shortcut = nn.Sequential(*([nn.AvgPool2d(2)] if halve else []), *projection)
        self.rectify = nn.LeakyReLU(settings.leaky_relu_slope, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return cast("Tensor", self.rectify(self.residual(x) + self.shortcut(x)))


class _JoiningConv(nn.Conv2d):
    """A convolution of what comes from below beside a skip, as the sum of one of each: the skip's can be kept."""

    def __init__(self, width: int) -> None:
        super().__init__(2 * width, width, 3, padding=1, bias=False)

    def of_skip(self, skip: Tensor) -> Tensor:
        """The skip's share."""
        return conv2d(skip, self.weight[:, self.out_channels :], padding=1)

    def joined(self, below: Tensor, of_skip: Tensor) -> Tensor:
        """The whole."""
        return conv2d(below, self.weight[:, : self.out_channels], self.bias, padding=1) + of_skip


def _convolved(convolution: nn.Conv2d, width: int, settings: NetworkSettings) -> nn.Sequential:
    return nn.Sequential(convolution, norm(width, settings), nn.LeakyReLU(settings.leaky_relu_slope, inplace=True))


def _initialise(network: nn.Module, slope: float) -> None:
    """Draw the weights so that variance is kept through each rectified convolution; offsets are 0.

    Source: He et al., Delving Deep into Rectifiers, ICCV 2015, eq. 15.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=slope, nonlinearity="leaky_relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
