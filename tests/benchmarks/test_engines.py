from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks import engines
from benchmarks.engines import PACKAGES, measure, page
from zonate.networks.inference import ReadyNetwork

HOW = {"date": "2026-11-30", "machine": "2 cores", "threads": 2, "commit": "abc"}


def test_medians_stand_beside_ratios_within_each_round() -> None:
    rounds = [
        {name: {"batch_s": torch_s * ratio, "ready_s": 0.5, "difference": 1e-5} for name, ratio in times.items()}
        for torch_s, times in (
            (0.2, {"PyTorch": 1.0, "ONNX Runtime": 1.1, "OpenVINO": 0.5}),
            (0.4, {"PyTorch": 1.0, "ONNX Runtime": 0.9, "OpenVINO": 0.7}),
            (0.3, {"PyTorch": 1.0, "ONNX Runtime": 1.0, "OpenVINO": 0.6}),
        )
    ]
    table = page(rounds, {name: f"of {package}" for name, package in PACKAGES.items()}, HOW).splitlines()
    assert "| PyTorch | of torch | 0.3 (0.2 to 0.4) | 1 (1 to 1) | 0.50 | 1e-05 |" in table
    # 0.2 · 0.5, 0.4 · 0.7 and 0.3 · 0.6
    assert "| OpenVINO | of openvino | 0.18 (0.1 to 0.28) | 0.6 (0.5 to 0.7) | 0.50 | 1e-05 |" in table


@pytest.mark.parametrize(("answer", "said"), [(0.0, r"[\d.]+"), (torch.nan, "nan")])
def test_an_engine_that_computes_something_else_is_refused(
    answer: float, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, images = ReadyNetwork(nn.Conv2d(2, 3, 1), torch.device("cpu")), torch.ones(1, 2, 4, 4)
    threads = torch.get_num_threads()
    monkeypatch.setattr(engines, "ready_network", lambda: (ready, images))
    monkeypatch.setitem(
        engines._ENGINES, "OpenVINO", lambda *_a: lambda shown: torch.full((len(shown), 3, 4, 4), answer)
    )
    assert measure("PyTorch", Path(), threads)["difference"] == 0.0
    with pytest.raises(ValueError, match=f"OpenVINO: a logit differs by {said} from PyTorch's"):
        measure("OpenVINO", Path(), threads)
