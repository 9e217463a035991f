from typing import Literal

import pytest
import torch
from torch import nn
from torch.nn import functional

from zonate.networks.generator import Generator, probabilities
from zonate.settings.learning import NetworkSettings

SMALL = NetworkSettings(base_channels=4)


def test_the_described_network_has_54_4_million_parameters() -> None:
    n = sum(parameter.numel() for parameter in Generator(NetworkSettings()).parameters())
    weights = 16 * (
        3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 4 * 512**2
        + 512 * 512 + 3 * 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 5
    )  # fmt: skip
    norms = 2 * (128 + 256 + 4 * 512 + 4 * 512 + 256 + 128 + 64)
    assert n == weights + norms + 5
    assert round(n / 1e6, 1) == 54.4


def test_the_shapes_are_those_of_a_u_net_256() -> None:
    network = Generator(SMALL)
    shapes: list[tuple[int, ...]] = []
    for block in [*network.down, *network.up]:
        block.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape)))
    assert network(torch.zeros(1, 3, 256, 256)).shape == (1, 5, 256, 256)
    down = [(4, 128), (8, 64), (16, 32), (32, 16), (32, 8), (32, 4), (32, 2), (32, 1)]
    up = [(32, 2), (32, 4), (32, 8), (32, 16), (16, 32), (8, 64), (4, 128)]
    assert shapes == [(1, c, n, n) for c, n in [*down, *up]]


def test_the_layers_are_normalised_dropped_and_rectified_as_described() -> None:
    network = Generator(SMALL)
    kinds = [[type(layer).__name__ for layer in block.children()] for block in [*network.down, *network.up]]
    first, usual = ["Conv2d", "LeakyReLU"], ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    dropped = ["ConvTranspose2d", "BatchNorm2d", "Dropout", "ReLU"]
    plain = ["ConvTranspose2d", "BatchNorm2d", "ReLU"]
    bottleneck = first  # no BatchNorm over a single pixel
    assert kinds == [first, *[usual] * 6, bottleneck, *[dropped] * 3, *[plain] * 4]
    assert {m.p for m in network.modules() if isinstance(m, nn.Dropout)} == {0.5}
    assert {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


@pytest.mark.parametrize("batch", [1, 2])
def test_a_batch_of_any_size_can_be_learnt_from(batch: int) -> None:
    network = Generator(SMALL).train()
    network(torch.randn(batch, 3, 256, 256)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_its_weights_have_the_names_that_model_files_know() -> None:
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = [f"{side}.{n}.0.weight" for side, blocks in (("down", 8), ("up", 7)) for n in range(blocks)]
    expected += [f"down.{n}.1.{name}" for n in range(1, 7) for name in norm]
    expected += [f"up.{n}.1.{name}" for n in range(7) for name in norm]
    assert set(Generator(SMALL).state_dict()) == {*expected, "last.weight", "last.bias"}


def test_neighbours_are_channels_more() -> None:
    network = Generator(NetworkSettings(base_channels=4, neighbours=2))
    assert network(torch.zeros(1, 15, 256, 256)).shape == (1, 5, 256, 256)
    n, plain = (sum(p.numel() for p in it.parameters()) for it in (network, Generator(SMALL)))
    assert n - plain == 16 * 12 * 4  # twelve channels more, into four, by 4×4 kernels


@pytest.mark.parametrize(("normalisation", "kind"), [("group", nn.GroupNorm), ("instance", nn.InstanceNorm2d)])
def test_groups_and_instances_can_be_normalised_at_batch_1(
    normalisation: Literal["group", "instance"], kind: type[nn.Module]
) -> None:
    network = Generator(NetworkSettings(base_channels=4, normalisation=normalisation)).train()
    assert sum(isinstance(module, kind) for module in network.modules()) == 13
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    network(torch.randn(1, 3, 256, 256)).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_weights_start_from_a_normal_distribution_of_0_02() -> None:
    torch.manual_seed(0)
    network = Generator(NetworkSettings(base_channels=16))
    weights = torch.cat(
        [m.weight.flatten() for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    )
    assert weights.mean().abs() < 1e-4
    assert weights.std().item() == pytest.approx(0.02, rel=5e-3)
    assert weights.abs().max() > 0.06  # not truncated, not uniform
    assert network.last.bias is not None
    assert not network.last.bias.any()


def test_padding_is_that_of_tensorflow_same() -> None:
    """TensorFlow pads n to (ceil(n/2) - 1)·2 + 4, the smaller half first; its transpose is the gradient of that."""
    network = Generator(SMALL)
    x = torch.randn(1, 3, 256, 256)
    convolution = next(network.down[0].children())
    assert isinstance(convolution, nn.Conv2d)
    total = max((-(-256 // 2) - 1) * 2 + 4 - 256, 0)
    before, after = total // 2, total - total // 2
    assert (before, after) == (1, 1)
    padded = functional.pad(x, (before, after, before, after))
    expected = functional.conv2d(padded, convolution.weight, stride=2)
    assert torch.allclose(convolution(x), expected)

    transposed = next(network.up[0].children())
    assert isinstance(transposed, nn.ConvTranspose2d)
    small = torch.randn(1, 32, 1, 1)
    image = torch.zeros(1, 32, 2, 2, requires_grad=True)
    same = functional.conv2d(functional.pad(image, (1, 1, 1, 1)), transposed.weight, stride=2)  # (1, 32, 1, 1)
    (expected,) = torch.autograd.grad(same, image, small)
    assert torch.allclose(transposed(small), expected, atol=1e-6)


def test_another_size_is_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"found \(1, 3, 128, 128\).*slicing\.size_px = 256"):
        Generator(SMALL)(torch.zeros(1, 3, 128, 128))


def test_softmax_sums_to_one_and_sigmoid_is_independent() -> None:
    logits = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0]).view(1, 5, 1, 1)
    assert probabilities(logits, "softmax").flatten().tolist() == pytest.approx([0.2] * 5)
    assert probabilities(logits, "sigmoid").flatten().tolist() == [0.5] * 5
