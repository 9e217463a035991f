from pathlib import Path

import pytest

from benchmarks.speed import prediction
from benchmarks.speed.prediction import file_bytes, network_floor, network_part, rivals, rounding
from benchmarks.speed.rates import Rates
from tests.dataset_factory import a_case
from tests.model_factory import a_model
from zonate.inference import Inference
from zonate.preprocessing.slices import slice_case


def test_what_is_compared_computes_on_the_cpu_where_there_is_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model()
    slices = slice_case(a_case("case", seed=0, slices=1), model.settings.slicing)
    asked: list[str | None] = []

    def inference(*arguments: object, device: str | None = None, **named: object) -> Inference:
        asked.append(device)
        return Inference(*arguments, device="cpu", **named)  # type: ignore[arg-type]

    monkeypatch.setattr(prediction, "Inference", inference)
    monkeypatch.setattr("zonate.model.Inference", inference)
    monkeypatch.setattr(prediction, "precisions", lambda: ("float32", "bfloat16"))
    monkeypatch.setattr(prediction, "in_bfloat16", lambda given: given)  # which not every processor has
    network_part(model, slices)
    network_floor(model, slices, Rates({"float32": 1.0}, 1.0), "float32")
    rounding(model, slices)
    found = rivals(model, slices, 1)
    assert len(found) == 4
    assert len(asked) >= 8
    assert set(asked) == {"cpu"}


def test_bytes_from_files_and_to_them_are_counted(tmp_path: Path) -> None:
    before = file_bytes()
    assert before is not None
    (file := tmp_path / "file").write_bytes(bytes(1_000_000))
    file.read_bytes()
    assert 2_000_000 <= (file_bytes() or 0) - before < 2_100_000
