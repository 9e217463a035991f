import logging

import pytest
import torch

from zonate.networks.precision import has_bfloat16, usable_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True}, False),
    ],
)
def test_a_processor_has_bfloat16_where_its_instructions_do(
    told: dict[str, bool], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: told, raising=False)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: True)
    assert has_bfloat16(CPU) is expected


def test_an_older_pytorch_tells_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("torch.cpu.get_capabilities", raising=False)
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: True)
    monkeypatch.setattr("torch.cpu._is_avx512_bf16_supported", lambda: True, raising=False)
    assert has_bfloat16(CPU)
    monkeypatch.delattr("torch.cpu._is_avx512_bf16_supported")
    assert not has_bfloat16(CPU)
    assert not has_bfloat16(torch.device("meta"))


def test_bfloat16_is_left_where_it_would_be_imitated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "zonate")
    monkeypatch.setattr("zonate.networks.precision.has_bfloat16", lambda _: False)
    assert usable_precision("bf16-mixed", CPU) == "32-true"
    assert caplog.messages == ["cpu has no bfloat16 of its own: float32 in place of bf16-mixed"]
    assert usable_precision("32-true", CPU) == "32-true"
    monkeypatch.setattr("zonate.networks.precision.has_bfloat16", lambda _: True)
    assert usable_precision("bf16-mixed", CPU) == "bf16-mixed"
    assert len(caplog.messages) == 1
