"""What the networks share: the channels that they see, normalisation, and the first weights as Keras has them."""

from math import gcd

from torch import nn

from zonate.settings.learning import NetworkSettings

_N_SEQUENCES = 3  # T2W, DWI, ADC
_MAX_GROUPS = 8


def n_image_channels(settings: NetworkSettings) -> int:
    """Channels of what is shown: T2W, DWI and ADC of the slice and of its neighbours on either side."""
    return _N_SEQUENCES * (2 * settings.neighbours + 1)


def norm(channels: int, settings: NetworkSettings) -> nn.Module:
    """The generator's normalisation.

    Of groups and instances the epsilon is PyTorch's; instances have a learnt gain and offset, too.

    Source: Wu, He, Group Normalization, ECCV 2018; Ulyanov et al., Instance Normalization, arXiv 1607.08022, 2016.
    """
    if settings.normalisation == "group":
        return nn.GroupNorm(norm_groups(channels), channels)
    if settings.normalisation == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return batch_norm(channels, settings)


def norm_groups(channels: int) -> int:
    """How many groups are normalised: eight, or as many as divide both eight and the channels."""
    return gcd(_MAX_GROUPS, channels)


def batch_norm(channels: int, settings: NetworkSettings) -> nn.BatchNorm2d:
    """BatchNorm with Keras's epsilon and momentum, which are settings."""
    return nn.BatchNorm2d(channels, eps=settings.batch_norm_epsilon, momentum=settings.batch_norm_momentum)


def initialise(network: nn.Module, std: float) -> None:
    """Draw the weights of the convolutions from N(0, std²) and set their offsets to 0; BatchNorm starts as identity."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
