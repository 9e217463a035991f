from typing import Literal

import pytest
import torch

from zonate.errors import ConfigError
from zonate.networks.factory import check_size, make_generator
from zonate.networks.generator import Generator
from zonate.networks.residual import ResidualUNet
from zonate.settings.learning import NetworkSettings

Architecture = Literal["pix2pix", "residual", "dynunet", "segresnet"]


def test_the_architecture_is_the_one_that_is_asked_for() -> None:
    kinds = {
        name: type(make_generator(NetworkSettings(architecture=name, base_channels=4)))
        for name in ("pix2pix", "residual", "dynunet", "segresnet")
    }
    assert kinds["pix2pix"] is Generator
    assert kinds["residual"] is ResidualUNet
    assert kinds["dynunet"].__name__ == "DynUNet"
    assert kinds["segresnet"].__name__ == "SegResNet"


@pytest.mark.parametrize(
    ("architecture", "size_px"), [("pix2pix", 256), ("residual", 64), ("dynunet", 64), ("segresnet", 16)]
)
def test_every_network_takes_the_smallest_slices_that_it_is_said_to_take(
    architecture: Architecture, size_px: int
) -> None:
    settings = NetworkSettings(architecture=architecture, base_channels=4, neighbours=2, normalisation="instance")
    check_size(settings, size_px)
    network = make_generator(settings).train()  # where a norm refuses a single pixel
    assert network(torch.randn(1, 15, size_px, size_px)).shape == (1, 5, size_px, size_px)


@pytest.mark.parametrize(
    ("architecture", "size_px", "message"),
    [
        ("pix2pix", 160, r"pix2pix takes slices of 256 px, found 160 .* network\.architecture = residual"),
        ("residual", 200, "residual takes .* multiple of 32 px from 64 px on, found 200 .*: 192 px would do"),
        ("residual", 32, "found 32 .*: 64 px would do"),
        ("dynunet", 100, "dynunet .* found 100 .*: 96 px would do"),
        ("segresnet", 101, "segresnet .* multiple of 8 px from 16 px on, found 101 .*: 104 px would do"),
    ],
)
def test_other_slices_are_refused_with_what_to_do(architecture: Architecture, size_px: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_size(NetworkSettings(architecture=architecture), size_px)
