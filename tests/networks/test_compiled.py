from typing import Any

import pytest
import torch
from torch import nn

from zonate.networks.compiled import compile_networks

Asked = list[tuple[nn.Module, dict[str, Any]]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    calls: Asked = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, **how: calls.append((self, how)))
    return calls


def test_the_generator_alone_is_captured(asked: Asked) -> None:
    generator, discriminator = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    compile_networks(generator, discriminator, graph=True)
    assert asked == [(generator, {"mode": "reduce-overhead", "dynamic": False}), (discriminator, {"dynamic": False})]
    assert torch._functorch.config.donated_buffer is False


def test_among_several_processes_nothing_is_captured(asked: Asked) -> None:
    generator = nn.Conv2d(1, 1, 1)
    compile_networks(generator, None, graph=False)
    assert asked == [(generator, {"mode": "default", "dynamic": False})]
