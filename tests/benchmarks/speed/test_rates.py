import pytest
import torch
from torch import nn

from benchmarks.speed import rates
from benchmarks.speed.rates import Rates, Timing, bytes_of, floor_s, measure_rates, operations, precisions, side_by_side

RATES = Rates({"float32": 100.0, "bfloat16": 400.0}, 50.0)


def test_the_floor_is_the_longer_of_computing_and_moving() -> None:
    assert floor_s(200, 10, RATES) == 2.0
    assert floor_s(200, 10, RATES, "bfloat16") == 0.5
    assert floor_s(20, 10, RATES, "bfloat16") == pytest.approx(0.2)


def test_operations_and_bytes_of_a_convolution() -> None:
    layer, images = nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.zeros(2, 3, 10, 10)
    assert operations(lambda: layer(images)) * 1e9 == pytest.approx(2 * 2 * 8 * 3 * 9 * 100)
    assert bytes_of(layer, lambda: layer(images)) * 1e9 == pytest.approx(4 * (600 + 216 + 1600))


def test_works_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    found = side_by_side({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b"] * 3
    assert set(found) == {"a", "b"}
    assert found["a"].low_s <= found["a"].median_s <= found["a"].high_s


def test_on_a_gpu_five_rounds_do_not_count_and_a_repeat_may_be_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []
    monkeypatch.setattr(rates, "wait", waited.append)
    calls: list[str] = []
    side_by_side({"a": lambda: calls.append("a")}, repeats=2, device="cuda", calls=3)
    assert len(calls) == (5 + 2) * 3
    assert waited == ["cuda"] * 2 * (5 + 2)


def test_seconds_are_those_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([10.0, 16.0, 20.0, 26.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    assert side_by_side({"a": lambda: None}, repeats=1, calls=3)["a"].median_s == 2.0


def test_a_gpu_multiplies_large_matrices_in_three_precisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "has_bfloat16", lambda device: device.type == "cuda")
    assert precisions("cpu") == ("float32",)
    assert precisions("cuda") == ("float32", "tf32", "bfloat16")
    sizes: list[tuple[int, ...]] = []
    multiplied: list[str] = []

    def matrix(*size: int, device: str) -> torch.Tensor:
        assert device == "cuda"
        sizes.append(size)
        return torch.ones(1)

    def in_a_second(*_: object) -> float:
        multiplied.append(torch.get_float32_matmul_precision())
        return 1.0

    monkeypatch.setattr(torch, "randn", matrix)
    monkeypatch.setattr(torch, "zeros", lambda n, **_: torch.empty(n, device="meta"))
    monkeypatch.setattr(rates, "best", in_a_second)
    found = measure_rates("cuda")
    assert sizes == [(8192, 8192)] * 3
    assert found.gflop_s == dict.fromkeys(("float32", "tf32", "bfloat16"), pytest.approx(2 * 8192**3 / 1e9))
    assert multiplied == ["highest", "high", "highest", "highest"]


def test_a_timing_is_the_median_between_quartiles() -> None:
    assert Timing.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Timing(3.0, 2.0, 4.0)
    assert Timing.of([2.0]) == Timing(2.0, 2.0, 2.0)
