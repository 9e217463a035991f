from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from zonate.networks.averaging import MovingAverage, averaging_decay


def _single(weight: float) -> nn.Linear:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, weight)
    return network


def test_the_first_steps_are_soon_forgotten() -> None:
    assert [averaging_decay(0.999, n) for n in (0, 1, 2)] == pytest.approx([1 / 10, 2 / 11, 3 / 12])
    assert averaging_decay(0.999, 8990) == pytest.approx(0.999)  # 8991 / 9000
    assert averaging_decay(0.999, 10**6) == 0.999
    assert averaging_decay(0.15, 1) == 0.15


def test_weights_are_averaged() -> None:
    network = _single(0.0)
    average = MovingAverage(network, 0.999)
    for weight in (1.0, 2.0):
        nn.init.constant_(network.weight, weight)
        average.update(network)
    # 0.1 · 0 + 0.9 · 1 = 0.9; 2/11 · 0.9 + 9/11 · 2 = 1.8
    assert average.network.get_parameter("weight").item() == pytest.approx(1.8)
    assert average.steps == 2


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=6), st.floats(0, 0.999))
def test_the_average_stays_between_the_smallest_and_the_largest(weights: list[float], decay: float) -> None:
    network = _single(weights[0])
    average = MovingAverage(network, decay)
    for weight in weights:
        nn.init.constant_(network.weight, weight)
        average.update(network)
    assert min(weights) - 1e-5 <= average.network.get_parameter("weight").item() <= max(weights) + 1e-5


def test_statistics_are_copied() -> None:
    network = nn.BatchNorm2d(1, momentum=1.0)
    average = MovingAverage(network, 0.999)
    network(torch.tensor([1.0, 3.0]).view(2, 1, 1, 1))
    average.update(network)
    assert average.network.get_buffer("running_mean").item() == 2.0
    assert average.network.get_buffer("num_batches_tracked").item() == 1


def test_all_statistics_of_a_type_are_copied_at_once() -> None:
    network = nn.Sequential(*(nn.BatchNorm2d(1) for _ in range(5)))
    average = MovingAverage(network, 0.999)
    for number, buffer in enumerate(network.buffers()):
        buffer.fill_(number)
    called: list[str] = []

    class Heard(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
            called.append(str(function))
            return function(*arguments, **(options or {}))

    with Heard():  # type: ignore[no-untyped-call]
        average.update(network)
    assert [name for name in called if "copy" in name] == ["aten._foreach_copy_.default"] * 2
    assert [int(buffer) for buffer in average.network.buffers()] == list(range(15))


def test_it_is_a_network_of_its_own_that_segments_and_does_not_learn() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.5)).train()
    average = MovingAverage(network, 0.9)
    assert not average.network.training
    assert network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_a_state_taken_up_goes_on_alike() -> None:
    one, other = MovingAverage(_single(0.0), 0.999), MovingAverage(_single(7.0), 0.999)
    one.update(_single(1.0))
    other.load_state({name: value.clone() for name, value in one.state().items()})
    for average in (one, other):
        average.update(_single(2.0))
        assert average.network.get_parameter("weight").item() == pytest.approx(1.8)


def test_it_can_begin_anew() -> None:
    average = MovingAverage(_single(0.0), 0.999)
    average.update(_single(1.0))
    average.restart(_single(5.0))
    assert (average.network.get_parameter("weight").item(), average.steps) == (5.0, 0)
