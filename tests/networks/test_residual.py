import pytest
import torch
from torch import nn

from zonate.networks.dropout import dropping_out, has_dropout
from zonate.networks.residual import ResidualUNet
from zonate.settings.learning import NetworkSettings

SMALL = NetworkSettings(architecture="residual", base_channels=4, leaky_relu_slope=0.01, dropout=0.2)


def _settings(**changes: object) -> NetworkSettings:
    return NetworkSettings.model_validate({**SMALL.model_dump(), **changes})


def test_the_network_of_16_channels_has_2_6_million_parameters() -> None:
    def block(channels: int, width: int) -> int:
        """Two 3×3 convolutions and their norms' gains and offsets; where the width changes, a projection and its."""
        projection = channels * width + 2 * width if channels != width else 0
        return 9 * channels * width + 9 * width**2 + 4 * width + projection

    encoder = block(3, 16) + block(16, 32) + block(32, 64) + block(64, 64) + block(64, 128) + 5 * block(128, 128)
    enlarging = 128 * 128 + 128 * 128 + 128 * 64 + 64 * 32 + 32 * 16
    decoder = sum(9 * 2 * width * width + 2 * width for width in (128, 128, 64, 32, 16))
    n = sum(parameter.numel() for parameter in ResidualUNet(_settings(base_channels=16)).parameters())
    assert n == encoder + enlarging + decoder + 16 * 5 + 5
    assert round(n / 1e6, 2) == 2.59


def test_the_shapes_are_those_of_six_levels() -> None:
    network = ResidualUNet(SMALL)
    shapes: list[tuple[int, ...]] = []
    for level in [*network.down, *(layers.get_submodule("2") for layers in network.up)]:
        level.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
    assert network(torch.zeros(2, 3, 160, 160)).shape == (2, 5, 160, 160)
    down = [(4, 160), (8, 80), (16, 40), (32, 20), (32, 10), (32, 5)]
    assert shapes == [(2, c, n, n) for c, n in [*down, (32, 10), (32, 20), (16, 40), (8, 80), (4, 160)]]


def test_what_is_joined_is_a_convolution_of_both_together() -> None:
    torch.manual_seed(0)
    joining = ResidualUNet(SMALL)._joining[0]
    below, skip = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    together = joining(torch.cat([below, skip], dim=1))
    assert together.shape == (2, 4, 8, 8)
    torch.testing.assert_close(joining.joined(below, joining.of_skip(skip)), together)


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 128)])
def test_any_multiple_of_32_px_is_taken(rows: int, columns: int) -> None:
    assert ResidualUNet(SMALL)(torch.zeros(1, 3, rows, columns)).shape == (1, 5, rows, columns)


@pytest.mark.parametrize("shape", [(1, 3, 72, 64), (1, 3, 64, 72), (1, 9, 64, 64)])
def test_another_size_or_number_of_channels_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(B, 3, H, W\) with H and W multiples of 32, found \(1, "):
        ResidualUNet(SMALL)(torch.zeros(shape))


@pytest.mark.parametrize("normalisation", ["batch", "group", "instance"])
def test_a_single_slice_can_be_learnt_from(normalisation: str) -> None:
    network = ResidualUNet(_settings(normalisation=normalisation, neighbours=1)).train()
    network(torch.randn(1, 9, 64, 64)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("normalisation", ["group", "instance"])
def test_groups_and_instances_are_normalised_whatever_lies_beside_them_in_the_batch(normalisation: str) -> None:
    torch.manual_seed(0)
    network = ResidualUNet(_settings(normalisation=normalisation, dropout=0)).train()
    images = torch.randn(3, 3, 64, 64)
    torch.testing.assert_close(network(images)[1:2], network(images[1:2]), rtol=1e-4, atol=1e-4)


def test_groups_are_eight_or_fewer_where_channels_are_not_divisible() -> None:
    network = ResidualUNet(_settings(normalisation="group", base_channels=12))
    groups = {(m.num_channels, m.num_groups) for m in network.modules() if isinstance(m, nn.GroupNorm)}
    assert groups == {(12, 4), (24, 8), (48, 8), (96, 8)}


def test_the_settings_reach_the_layers() -> None:
    network = ResidualUNet(_settings(batch_norm_momentum=0.1, batch_norm_epsilon=1e-5))
    assert {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-5, 0.1)}


def test_the_two_lowest_levels_of_either_side_drop_out() -> None:
    network = ResidualUNet(SMALL)
    dropouts = {name: module.p for name, module in network.named_modules() if isinstance(module, nn.Dropout)}
    assert dropouts == {"down.4.2": 0.2, "down.5.2": 0.2, "up.0.3": 0.2, "up.1.3": 0.2}
    assert has_dropout(network)
    assert not has_dropout(ResidualUNet(_settings(dropout=0)))


def test_samples_differ_and_follow_from_their_seed() -> None:
    torch.manual_seed(0)
    network, images = ResidualUNet(SMALL).eval(), torch.randn(1, 3, 64, 64)
    samples = []
    for seed in (1, 1, 2):
        with dropping_out(network, seed, alike=True):
            samples.append(network(images))
    assert torch.equal(samples[0], samples[1])
    assert not torch.allclose(samples[0], samples[2])


def test_weights_start_as_he_says() -> None:
    torch.manual_seed(0)
    network = ResidualUNet(_settings(base_channels=16, leaky_relu_slope=0.2))
    weights = network.get_parameter("down.5.0.residual.0.weight")  # (128, 128, 3, 3)
    assert weights.std().item() == pytest.approx((2 / (1 + 0.2**2) / (128 * 9)) ** 0.5, rel=0.01)
    assert network.last.bias is not None
    assert not network.last.bias.any()


def test_a_block_adds_to_its_input() -> None:
    network = ResidualUNet(_settings(dropout=0)).eval()
    block = network.get_submodule("down.5.1")
    nn.init.zeros_(network.get_parameter("down.5.1.residual.4.weight"))  # the gain of the last norm
    x = torch.rand(1, 32, 4, 4)
    assert torch.equal(block(x), x)
