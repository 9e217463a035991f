from typing import Any

import pytest
import torch
from torch import nn

from zonate.networks.compiled import can_compile, compile_networks

CUDA = torch.device("cuda")


@pytest.mark.parametrize("judged", [True, False])
def test_the_generator_alone_is_captured(judged: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[nn.Module, dict[str, Any]]] = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, **how: asked.append((self, how)))
    generator, discriminator = nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)
    compile_networks(generator, discriminator if judged else None)
    assert asked[0] == (generator, {"mode": "reduce-overhead", "dynamic": False})
    assert asked[1:] == ([(discriminator, {"dynamic": False})] if judged else [])
    assert torch._functorch.config.donated_buffer is False


@pytest.mark.parametrize(
    ("capability", "triton", "expected"), [((9, 0), True, True), ((6, 1), True, False), ((9, 0), False, False)]
)
def test_what_pytorch_cannot_compile_for_is_left(
    capability: tuple[int, int], triton: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: capability)
    monkeypatch.setattr("zonate.networks.compiled.find_spec", lambda _: object() if triton else None)
    assert can_compile(CUDA) is expected
    assert not can_compile(torch.device("cpu"))
