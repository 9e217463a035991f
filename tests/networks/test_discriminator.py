import pytest
import torch
from torch import nn
from torch.nn import functional

from zonate.errors import ConfigError
from zonate.networks.discriminator import Discriminator, check_judged_size
from zonate.settings.learning import NetworkSettings

SMALL = NetworkSettings(base_channels=4)
THREE = NetworkSettings(base_channels=4, discriminators=3, neighbours=1)


def test_the_described_network_has_2_77_million_parameters() -> None:
    n = sum(parameter.numel() for parameter in Discriminator(NetworkSettings()).parameters())
    weights = 16 * (8 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512)
    assert n == weights + 2 * (128 + 256 + 512) + 1
    assert round(n / 1e6, 2) == 2.77


def test_its_weights_have_the_names_that_checkpoints_know() -> None:
    norms = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = [f"layers.{n}.weight" for n in (0, 2, 5, 8, 11)] + ["layers.11.bias"]
    expected += [f"layers.{n}.{name}" for n in (3, 6, 9) for name in norms]
    assert set(Discriminator(SMALL).state_dict()) == set(expected)


def test_it_judges_30_by_30_patches_of_8_channels() -> None:
    network = Discriminator(SMALL)
    sizes: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, out: sizes.append(out.shape[-1]))
    (judgement,) = network(torch.zeros(2, 3, 256, 256), torch.zeros(2, 5, 256, 256))
    assert judgement.logits.shape == (2, 1, 30, 30)
    assert sizes == [128, 64, 32, 31, 30]
    assert [tuple(f.shape) for f in judgement.features] == [
        (2, 4, 128, 128), (2, 8, 64, 64), (2, 16, 32, 32), (2, 32, 31, 31)
    ]  # fmt: skip


def test_a_judgement_looks_at_70_by_70_pixels() -> None:
    torch.manual_seed(0)
    network = Discriminator(SMALL).eval()  # batch statistics would look everywhere
    images, labels = torch.randn(1, 3, 256, 256, requires_grad=True), torch.zeros(1, 5, 256, 256)
    (gradient,) = torch.autograd.grad(network(images, labels)[0].logits[0, 0, 15, 15], images)
    rows, columns = torch.nonzero(gradient.abs().sum(dim=(0, 1)), as_tuple=True)
    assert int(rows.max() - rows.min()) + 1 == 70
    assert int(columns.max() - columns.min()) + 1 == 70


def test_padding_is_that_of_tensorflow() -> None:
    """`same` is one pixel a side for the three halvings; then ZeroPadding2D(1) before each of the two `valid` ones."""
    padding = [m.padding for m in Discriminator(SMALL).modules() if isinstance(m, nn.Conv2d)]
    assert padding == [(1, 1)] * 5


def test_further_discriminators_see_half_the_resolution_of_the_one_before() -> None:
    torch.manual_seed(0)
    network = Discriminator(THREE).eval()
    images, labels = torch.randn(2, 9, 256, 256), torch.rand(2, 5, 256, 256)
    judgements = network(images, labels)
    assert [tuple(it.logits.shape) for it in judgements] == [(2, 1, 30, 30), (2, 1, 14, 14), (2, 1, 6, 6)]
    pair = torch.cat([images, labels], dim=1)
    torch.testing.assert_close(judgements[2].logits, network.coarser[1](functional.avg_pool2d(pair, 4)))
    n = [sum(p.numel() for p in layers.parameters()) for layers in (network.layers, *network.coarser)]
    assert n[0] == n[1] == n[2]


def test_spectral_normalisation_keeps_every_convolution_1_lipschitz() -> None:
    torch.manual_seed(0)
    network = Discriminator(THREE.model_copy(update={"spectral_norm": True})).train()
    for _ in range(20):  # of the power method, one iteration a pass
        network(torch.randn(1, 9, 96, 96), torch.rand(1, 5, 96, 96))
    weights = [m.weight.detach().flatten(1) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(weights) == 15
    largest = [float(torch.linalg.svdvals(weight)[0]) for weight in weights]
    assert largest == pytest.approx([1.0] * 15, abs=0.02)


def test_without_it_weights_are_as_they_are_drawn() -> None:
    torch.manual_seed(0)
    weights = next(m.weight for m in Discriminator(SMALL).modules() if isinstance(m, nn.Conv2d))
    assert float(torch.linalg.svdvals(weights.detach().flatten(1))[0]) < 0.5


def test_the_smallest_slices_leave_one_patch_and_smaller_ones_are_refused() -> None:
    network = Discriminator(SMALL).eval()
    assert network(torch.zeros(1, 3, 24, 24), torch.zeros(1, 5, 24, 24))[0].logits.shape == (1, 1, 1, 1)
    check_judged_size(SMALL, 24)
    check_judged_size(THREE, 96)
    with pytest.raises(ConfigError, match="1 discriminators need slices or patches of 24 px at least, found 23"):
        check_judged_size(SMALL, 23)
    with pytest.raises(ConfigError, match=r"96 px at least, found 95 .*lower network\.discriminators"):
        check_judged_size(THREE, 95)
