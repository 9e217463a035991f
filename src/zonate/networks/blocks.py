"""What generator and discriminator share: normalisation and the first weights, as Keras has them."""

from torch import nn

from zonate.config import NetworkSettings


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
