from pathlib import Path

import pytest

from benchmarks import engines
from benchmarks.engines import measure, page

HOW = {"date": "2026-11-30", "machine": "2 cores", "threads": 2, "commit": "abc"}


def test_medians_stand_beside_ratios_within_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "version", lambda package: f"of {package}")
    rounds = [
        {name: {"batch_s": torch_s * ratio, "ready_s": 0.5, "difference": 1e-5} for name, ratio in times.items()}
        for torch_s, times in (
            (0.2, {"PyTorch": 1.0, "ONNX Runtime": 1.1, "OpenVINO": 0.5}),
            (0.4, {"PyTorch": 1.0, "ONNX Runtime": 0.9, "OpenVINO": 0.7}),
            (0.3, {"PyTorch": 1.0, "ONNX Runtime": 1.0, "OpenVINO": 0.6}),
        )
    ]
    table = page(rounds, HOW).splitlines()
    assert "| PyTorch | of torch | 0.3 (0.2 to 0.4) | 1 (1 to 1) | 0.50 | 1e-05 |" in table
    # 0.2 · 0.5, 0.4 · 0.7 and 0.3 · 0.6
    assert "| OpenVINO | of openvino | 0.18 (0.1 to 0.28) | 0.6 (0.5 to 0.7) | 0.50 | 1e-05 |" in table


def test_an_engine_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measure("PyTorch", Path(), 2)["difference"] == 0.0
    monkeypatch.setitem(
        engines._ENGINES,
        "OpenVINO",
        lambda *_a: lambda images: images.new_zeros(images.shape[0], 5, *images.shape[2:]),
    )
    with pytest.raises(ValueError, match=r"OpenVINO: a logit differs by [\d.]+ from PyTorch's"):
        measure("OpenVINO", Path(), 2)
