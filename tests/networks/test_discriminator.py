import torch
from torch import nn

from zonate.config import NetworkSettings
from zonate.networks.discriminator import Discriminator


def test_the_described_network_has_2_77_million_parameters() -> None:
    n = sum(parameter.numel() for parameter in Discriminator(NetworkSettings()).parameters())
    weights = 16 * (8 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert n == weights + 2 * (128 + 256 + 512) + 1
    assert round(n / 1e6, 2) == 2.77


def test_it_judges_30_by_30_patches_of_8_channels() -> None:
    network = Discriminator(NetworkSettings(base_channels=4))
    sizes: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, out: sizes.append(out.shape[-1]))
    assert network(torch.zeros(2, 3, 256, 256), torch.zeros(2, 5, 256, 256)).shape == (2, 1, 30, 30)
    assert sizes == [128, 64, 32, 31, 30]


def test_a_judgement_looks_at_70_by_70_pixels() -> None:
    torch.manual_seed(0)
    network = Discriminator(NetworkSettings(base_channels=4)).eval()  # batch statistics would look everywhere
    images, labels = torch.randn(1, 3, 256, 256, requires_grad=True), torch.zeros(1, 5, 256, 256)
    (gradient,) = torch.autograd.grad(network(images, labels)[0, 0, 15, 15], images)
    rows, columns = torch.nonzero(gradient.abs().sum(dim=(0, 1)), as_tuple=True)
    assert int(rows.max() - rows.min()) + 1 == 70
    assert int(columns.max() - columns.min()) + 1 == 70


def test_padding_is_that_of_tensorflow() -> None:
    """`same` is one pixel a side for the three halvings; then ZeroPadding2D(1) before each of the two `valid` ones."""
    padding = [m.padding for m in Discriminator(NetworkSettings(base_channels=4)).modules() if isinstance(m, nn.Conv2d)]
    assert padding == [(1, 1)] * 5
