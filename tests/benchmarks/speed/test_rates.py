import pytest
import torch
from torch import nn

from benchmarks.speed.rates import Rates, Timing, bytes_of, floor_s, operations, side_by_side

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


def test_a_timing_is_the_median_between_quartiles() -> None:
    assert Timing.of([5.0, 1.0, 3.0, 2.0, 4.0]) == Timing(3.0, 2.0, 4.0)
    assert Timing.of([2.0]) == Timing(2.0, 2.0, 2.0)
