import pytest
import torch
from torch import nn

from zonate.config import NetworkSettings
from zonate.networks.generator import Generator


def test_the_described_generator_has_54_4_million_parameters() -> None:
    parameters = sum(p.numel() for p in Generator(NetworkSettings()).parameters())
    assert parameters == 54_418_053
    assert round(parameters / 1e6, 1) == 54.4


def test_widths_norms_and_dropout_are_the_described_ones() -> None:
    generator = Generator(NetworkSettings())
    down = [next(m for m in block.modules() if isinstance(m, nn.Conv2d)) for block in generator.down]
    up = [next(m for m in block.modules() if isinstance(m, nn.ConvTranspose2d)) for block in generator.up]
    assert [c.out_channels for c in down] == [64, 128, 256, 512, 512, 512, 512, 512]
    assert [c.out_channels for c in up] == [512, 512, 512, 512, 256, 128, 64]
    assert [_has(block, nn.BatchNorm2d) for block in generator.down] == [False, *[True] * 6, False]
    assert all(_has(block, nn.BatchNorm2d) for block in generator.up)
    assert [_has(block, nn.Dropout) for block in generator.up] == [True, True, True, False, False, False, False]
    assert all(m.p == 0.5 for m in generator.modules() if isinstance(m, nn.Dropout))
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}  # Keras's 0.99


def test_weights_start_at_a_standard_deviation_of_0_02() -> None:
    torch.manual_seed(0)
    block = Generator(NetworkSettings()).down[3]
    weights = torch.cat([m.weight.flatten() for m in block.modules() if isinstance(m, nn.Conv2d)])
    assert weights.mean().item() == pytest.approx(0, abs=1e-4)
    assert weights.std().item() == pytest.approx(0.02, rel=1e-2)


def test_a_slice_becomes_five_maps_at_batch_one_in_training() -> None:
    generator = Generator(NetworkSettings(base_channels=2)).train()
    assert generator(torch.zeros(1, 3, 256, 256)).shape == (1, 5, 256, 256)


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, 3, 256, 256\), found \(1, 3, 128, 128\)"):
        Generator(NetworkSettings(base_channels=1))(torch.zeros(1, 3, 128, 128))


def test_padding_is_tensorflows_same() -> None:
    """For 4×4, stride 2 and an even size TensorFlow pads one pixel before and one after."""
    block = Generator(NetworkSettings(base_channels=1)).down[0]
    conv = next(m for m in block.modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 0, 0] = 1  # takes the pixel one before the even pixels
    image = torch.zeros(1, 3, 256, 256)
    image[0, 0, 1, 1] = 5
    response = conv(image)
    assert response[0, 0, 1, 1].item() == 5
    assert response.sum().item() == 5


def _has(block: nn.Module, kind: type[nn.Module]) -> bool:
    return any(isinstance(module, kind) for module in block.modules())
