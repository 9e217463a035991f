import pytest
import torch
from torch import nn

from zonate.networks.dropout import dropout_alone, has_dropout

CPU = torch.device("cpu")


def network(p: float = 0.5) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.Dropout(p), nn.Linear(3, 2)))


def test_dropout_is_on_and_batch_norm_is_not() -> None:
    net = network().eval()
    with dropout_alone(net, CPU):
        assert [type(module).__name__ for module in net.modules() if module.training] == ["Dropout"]
    assert not any(module.training for module in net.modules())


def test_modes_and_random_numbers_are_put_back_after_an_error() -> None:
    net = network().train()
    net[0].eval()
    state = torch.get_rng_state()

    def broken_off() -> None:
        with dropout_alone(net, CPU):
            torch.manual_seed(3)
            net(torch.ones(4, 3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert [module.training for module in net.modules()] == [True, False, True, True, True]
    assert torch.equal(state, torch.get_rng_state())


def test_whether_there_is_any_dropout() -> None:
    assert has_dropout(network())
    assert not has_dropout(network(0.0))
    assert not has_dropout(nn.Linear(1, 1))
