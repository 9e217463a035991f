from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from zonate.networks.compiled import can_compile, compile_networks, uncompiled

CUDA = torch.device("cuda")


class Doubling(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images * 2


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
    monkeypatch.setattr("zonate.networks.compiled._missing_for_triton", lambda: "")
    assert can_compile(CUDA) is expected
    assert not can_compile(torch.device("cpu"))


@pytest.mark.parametrize(
    ("named", "there", "said"),
    [
        (None, {"clang", "Python.h"}, ""),
        ("icx", {"icx", "Python.h"}, ""),
        (
            None,
            {"cc", "Python.h"},
            "none of gcc, clang is there: install one, or name a C compiler in the environment variable CC",
        ),
        ("icx", {"gcc", "Python.h"}, "the environment variable CC names icx, which is not there"),
        (None, {"gcc"}, "there is no Python.h in {}: install Python's headers"),
    ],
)
def test_nothing_is_compiled_without_a_compiler_of_c_and_headers_and_that_is_said(
    named: str | None,
    there: set[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda _: (9, 0))
    monkeypatch.setattr("zonate.networks.compiled.find_spec", lambda _: object())
    monkeypatch.setattr("shutil.which", lambda name: name if name in there else None)
    monkeypatch.setattr("sysconfig.get_paths", lambda **_: {"include": str(tmp_path)})
    if "Python.h" in there:
        (tmp_path / "Python.h").touch()
    monkeypatch.delenv("CC", raising=False)
    if named:
        monkeypatch.setenv("CC", named)
    assert can_compile(CUDA) is (not said)
    told = [f"the networks are not compiled: {said.format(tmp_path)}"] if said else []
    assert [record.getMessage() for record in caplog.records] == told


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # PyTorch's own, as it compiles
def test_within_uncompiled_nothing_is_compiled_for_another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()
    compiled, made = nn.Module.compile, 0

    def backend(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable[..., Any]:
        nonlocal made
        made += 1
        return graph.forward

    monkeypatch.setattr(nn.Module, "compile", lambda self, **_: compiled(self, backend=backend, dynamic=False))
    network = Doubling()
    compile_networks(network, None)
    whole = torch.ones(2, 1, 4, 4)
    expected = network(whole)
    assert made == 1
    with uncompiled():
        assert torch.equal(network(whole[:1]), expected[:1])
        assert torch.equal(network(whole), expected)
    assert made == 1
    network(whole)
    assert made == 1
    network(whole[:1])
    assert made == 2
    torch.compiler.reset()
