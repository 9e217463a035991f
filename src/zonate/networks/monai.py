"""MONAI's DynUNet and SegResNet in 2D, as the settings shape them; MONAI is imported when one is made."""

from typing import Any, cast

from torch import Tensor, nn

from zonate.errors import ConfigError
from zonate.networks.blocks import n_image_channels, norm_groups
from zonate.settings.learning import NetworkSettings
from zonate.zones import N_ZONES

DYNUNET_MULTIPLE_PX = 32
"""Five halvings."""
SEGRESNET_MULTIPLE_PX = 8
"""Three halvings."""

_DYNUNET_WIDTHS = (1, 2, 4, 8, 16, 16)  # nnU-Net's in 2D: 32 base channels grow to 512 and no further


class DynUNet(nn.Module):
    """MONAI's remake of nnU-Net's U-Net, without deep supervision, with dropout at the bottom alone.

    MONAI lists the blocks a second time, nested, which a model file cannot hold twice: they are called one by one
    here. Its own dropout would drop logits, too.

    Source: Isensee et al., nnU-Net, Nature Methods 2021; MONAI, monai.networks.nets.DynUNet.
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        halvings = [2] * (len(_DYNUNET_WIDTHS) - 1)
        whole: Any = _nets().DynUNet(
            spatial_dims=2,
            in_channels=n_image_channels(settings),
            out_channels=N_ZONES,
            kernel_size=[3] * len(_DYNUNET_WIDTHS),
            strides=[1, *halvings],
            upsample_kernel_size=halvings,
            filters=[settings.base_channels * width for width in _DYNUNET_WIDTHS],
            norm_name=_norm(settings),
            act_name=_rectifier(settings),
        )
        self.input_block, self.downsamples, self.bottleneck = whole.input_block, whole.downsamples, whole.bottleneck
        self.dropout = nn.Dropout(settings.dropout)
        self.upsamples, self.output_block = whole.upsamples, whole.output_block

    def forward(self, images: Tensor) -> Tensor:
        """From normalised slices (B, C, H, W), of a size that is a multiple of 32, to logits (B, K, H, W)."""
        x = self.input_block(images)
        skips = [x]
        for block in self.downsamples:
            x = block(x)
            skips.append(x)
        x = self.dropout(self.bottleneck(x))
        for block, skip in zip(self.upsamples, reversed(skips), strict=True):
            x = block(x, skip)
        return cast("Tensor", self.output_block(x))


def make_segresnet(settings: NetworkSettings) -> nn.Module:
    """MONAI's SegResNet in 2D, with dropout at the bottom; from (B, C, H, W), multiples of 8, to logits (B, K, H, W).

    Source: Myronenko, 3D MRI brain tumor segmentation using autoencoder regularization, BrainLes 2018, without the
        autoencoder; MONAI, monai.networks.nets.SegResNet.
    """
    network: Any = _nets().SegResNet(
        spatial_dims=2,
        init_filters=settings.base_channels,
        in_channels=n_image_channels(settings),
        out_channels=N_ZONES,
        act=_rectifier(settings),
        norm=_norm(settings),
    )
    network.down_layers[-1].append(nn.Dropout(settings.dropout))
    return cast("nn.Module", network)


def _nets() -> Any:
    try:
        from monai.networks import nets
    except ImportError:
        raise ConfigError(
            "the architectures dynunet and segresnet are MONAI's, which is not installed: pip install zonate[monai], "
            "or choose network.architecture = residual"
        ) from None
    return nets


def _norm(settings: NetworkSettings) -> tuple[str, dict[str, float]]:
    if settings.normalisation == "group":
        return "group", {"num_groups": norm_groups(settings.base_channels)}
    if settings.normalisation == "instance":
        return "instance", {"affine": True}
    return "batch", {"eps": settings.batch_norm_epsilon, "momentum": settings.batch_norm_momentum}


def _rectifier(settings: NetworkSettings) -> tuple[str, dict[str, float]]:
    return "leakyrelu", {"inplace": True, "negative_slope": settings.leaky_relu_slope}
