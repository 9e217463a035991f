import torch
from torch import nn

from zonate.config import NetworkSettings
from zonate.networks.discriminator import Discriminator


def test_the_described_discriminator_has_2_77_million_parameters() -> None:
    parameters = sum(p.numel() for p in Discriminator(NetworkSettings()).parameters())
    assert parameters == 2_770_689
    assert round(parameters / 1e6, 2) == 2.77


def test_it_judges_30_by_30_patches() -> None:
    discriminator = Discriminator(NetworkSettings(base_channels=2))
    assert discriminator(torch.zeros(1, 3, 256, 256), torch.zeros(1, 5, 256, 256)).shape == (1, 1, 30, 30)


def test_each_judgement_sees_70_by_70_pixels() -> None:
    """By gradient; BatchNorm is taken out, since in training it lets every pixel see every other."""
    torch.manual_seed(0)
    discriminator = Discriminator(NetworkSettings(base_channels=2))
    for number, layer in enumerate(discriminator.layers):
        if isinstance(layer, nn.BatchNorm2d):
            discriminator.layers[number] = nn.Identity()
    images = torch.randn(1, 3, 256, 256, requires_grad=True)
    discriminator(images, torch.randn(1, 5, 256, 256))[0, 0, 15, 15].backward()
    assert images.grad is not None
    rows, columns = torch.nonzero(images.grad.abs().sum(dim=(0, 1)), as_tuple=True)
    assert (rows.max() - rows.min() + 1).item() == 70
    assert (columns.max() - columns.min() + 1).item() == 70
