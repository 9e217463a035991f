import sys
from pathlib import Path

import pytest
import torch
from monai.networks.nets.dynunet import DynUNet
from torch import nn

from zonate.errors import ConfigError
from zonate.io.weights import read_weights, write_weights
from zonate.networks.factory import make_generator
from zonate.settings.learning import NetworkSettings

DYNUNET = NetworkSettings(architecture="dynunet", base_channels=4, neighbours=1, normalisation="instance")
SEGRESNET = DYNUNET.model_copy(update={"architecture": "segresnet"})
NETWORKS = pytest.mark.parametrize("settings", [DYNUNET, SEGRESNET])


@NETWORKS
@pytest.mark.parametrize("normalisation", ["batch", "group", "instance"])
def test_it_learns_from_a_single_slice(settings: NetworkSettings, normalisation: str) -> None:
    network = make_generator(settings.model_copy(update={"normalisation": normalisation})).train()
    logits = network(torch.randn(1, 9, 64, 64))
    assert logits.shape == (1, 5, 64, 64)
    logits.square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@NETWORKS
def test_the_settings_reach_the_layers(settings: NetworkSettings) -> None:
    changes = {"leaky_relu_slope": 0.1, "dropout": 0.3, "normalisation": "batch", "batch_norm_momentum": 0.2}
    modules = list(make_generator(settings.model_copy(update=changes)).modules())
    assert {m.negative_slope for m in modules if isinstance(m, nn.LeakyReLU)} == {0.1}
    assert not any(isinstance(m, nn.ReLU) for m in modules)
    assert [m.p for m in modules if isinstance(m, nn.Dropout)] == [0.3]
    assert {(m.eps, m.momentum) for m in modules if isinstance(m, nn.BatchNorm2d)} == {(1e-3, 0.2)}
    grouped = make_generator(settings.model_copy(update={"normalisation": "group"})).modules()
    assert {m.num_groups for m in grouped if isinstance(m, nn.GroupNorm)} == {4}


@NETWORKS
def test_a_model_file_can_hold_it(settings: NetworkSettings, tmp_path: Path) -> None:
    network, file = make_generator(settings), tmp_path / "weights.safetensors"
    write_weights(file, network.state_dict(), {}, kind="test", version=1)
    other = make_generator(settings)
    other.load_state_dict(read_weights(file, kind="test", version=1)[0])
    images = torch.randn(1, 9, 64, 64)
    assert torch.equal(network.eval()(images), other.eval()(images))


def test_dynunet_computes_what_monais_own_does() -> None:
    torch.manual_seed(0)
    ours = make_generator(DYNUNET.model_copy(update={"leaky_relu_slope": 0.01})).eval()
    torch.manual_seed(0)
    theirs = DynUNet(2, 9, 5, [3] * 6, [1, 2, 2, 2, 2, 2], [2] * 5, filters=[4, 8, 16, 32, 64, 64]).eval()
    images = torch.randn(1, 9, 64, 64)
    assert torch.equal(ours(images), theirs(images))


@NETWORKS
def test_without_monai_the_message_says_what_to_install(
    settings: NetworkSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks", None)
    with pytest.raises(ConfigError, match=r"not installed: pip install zonate\[monai\]"):
        make_generator(settings)
