import pytest
import torch
from torch import nn

from zonate.config import Settings
from zonate.networks.factory import make_generator
from zonate.networks.inference import ReadyNetwork, Staged

CPU = torch.device("cpu")


def trained(architecture: str, size: int) -> tuple[nn.Module, torch.Tensor]:
    """A network whose BatchNorm has seen something, in training, and slices for it."""
    torch.manual_seed(0)
    network = make_generator(
        Settings().override([f"network.architecture={architecture}", "network.base_channels=4"]).network
    )
    images = torch.randn(4, 3, size, size)
    for _ in range(3):
        network(images + 1)
    return network, images


@pytest.mark.parametrize(("architecture", "size"), [("pix2pix", 256), ("residual", 64)])
def test_the_copy_gives_what_the_network_gives_in_evaluation(architecture: str, size: int) -> None:
    network, images = trained(architecture, size)
    ready = ReadyNetwork(network, CPU)
    assert network.training
    found = ready.logits(ready.features(images))
    network.eval()
    with torch.inference_mode():
        expected = network(images)
    assert torch.allclose(found, expected, atol=1e-4)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in ready.module.modules())
    assert any(isinstance(part, nn.BatchNorm2d) for part in network.modules())


@pytest.mark.parametrize(("architecture", "size"), [("pix2pix", 256), ("residual", 64)])
def test_features_stay_as_they_are(architecture: str, size: int) -> None:
    network, images = trained(architecture, size)
    assert isinstance(network, Staged)
    ready = ReadyNetwork(network, CPU)
    features = ready.features(images)
    before = [feature.clone() for feature in features]
    assert torch.equal(ready.logits(features), ready.logits(features))
    assert all(torch.equal(a, b) for a, b in zip(features, before, strict=True))


@pytest.mark.parametrize(
    ("architecture", "shape", "said"),
    [
        ("pix2pix", (1, 3, 128, 128), r"takes slices \(B, 3, 256, 256\), found \(1, 3, 128, 128\)"),
        ("residual", (1, 3, 64, 80), r"multiples of 32, found \(1, 3, 64, 80\)"),
        ("residual", (1, 9, 64, 64), r"takes slices \(B, 3, H, W\).*found \(1, 9, 64, 64\)"),
    ],
)
def test_slices_that_do_not_fit_are_refused_as_by_the_network_itself(
    architecture: str, shape: tuple[int, ...], said: str
) -> None:
    network = make_generator(
        Settings().override([f"network.architecture={architecture}", "network.base_channels=4"]).network
    )
    for refuse in (network, ReadyNetwork(network, CPU).features):
        with pytest.raises(ValueError, match=said):
            refuse(torch.zeros(shape))


def test_no_dropout_lies_before_the_features() -> None:
    network, images = trained("residual", 64)
    ready = ReadyNetwork(network, CPU)
    ready.module.train()
    first, second = ready.features(images), ready.features(images)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(ready.logits(first), ready.logits(first))


def test_by_the_statistics_of_the_batch_it_is_the_network_in_training_without_dropout() -> None:
    network, images = trained("residual", 64)
    ready = ReadyNetwork(network, CPU, by_batch_statistics=True)
    found = ready.logits(ready.features(images))
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    with torch.inference_mode():
        assert torch.allclose(found, network(images), atol=1e-4)
    stored = ReadyNetwork(network, CPU)
    assert not torch.allclose(found, stored.logits(stored.features(images)), atol=1e-2)


@pytest.mark.parametrize("by_batch_statistics", [True, False])
def test_a_network_that_learnt_in_several_processes_segments_in_one(by_batch_statistics: bool) -> None:
    """Of the statistics of each batch, SyncBatchNorm would ask processes that have another patient, or none."""
    network, images = trained("residual", 64)
    expected = ReadyNetwork(network, CPU, by_batch_statistics=by_batch_statistics)
    several = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
    ready = ReadyNetwork(several, CPU, by_batch_statistics=by_batch_statistics)
    assert torch.equal(ready.logits(ready.features(images)), expected.logits(expected.features(images)))
    assert not any(isinstance(part, nn.SyncBatchNorm) for part in ready.module.modules())
    assert any(isinstance(part, nn.SyncBatchNorm) for part in several.modules())


def test_a_network_of_another_library_is_shown_the_slices_themselves() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5))
    ready = ReadyNetwork(network, CPU, dtype=torch.bfloat16)
    images = torch.randn(2, 3, 8, 8)
    (shown,) = ready.features(images)
    assert torch.equal(shown, images.bfloat16())
    assert ready.logits((shown,)).dtype == torch.bfloat16
