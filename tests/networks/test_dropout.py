import pytest
import torch
from torch import Tensor, nn

from zonate.networks.dropout import dropping_out, has_dropout

ONES = torch.ones(4, 3, 8, 8)


def network(p: float = 0.5) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.Dropout(p), nn.Conv2d(3, 2, 1)), nn.Dropout(p)).eval()


def thinned(values: Tensor, seed: int, *, alike: bool, p: float = 0.5) -> Tensor:
    alone = nn.Dropout(p).eval()
    with dropping_out(alone, seed, alike=alike):
        out: Tensor = alone(values)
    return out


def test_what_does_not_drop_out_is_scaled_so_that_the_mean_stays() -> None:
    out = thinned(torch.ones(1, 3, 100, 100), 0, alike=True, p=0.2)
    assert set(out.flatten().tolist()) == {0.0, 1.25}
    assert float((out == 0).float().mean()) == pytest.approx(0.2, abs=0.01)  # 30,000 draws: 4 standard deviations


def test_all_slices_are_thinned_alike_or_each_in_its_own_way() -> None:
    alike, own = (thinned(ONES, 0, alike=alike) for alike in (True, False))
    assert all(torch.equal(alike[0], other) for other in alike[1:])
    assert not any(torch.equal(own[0], other) for other in own[1:])


def test_all_batches_are_thinned_alike_and_each_layer_in_its_own_way() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5)).eval()
    seen: list[Tensor] = []
    with dropping_out(net, 0, alike=True):
        for layer in (*net, *net):
            seen.append(layer(ONES[: 1 + len(seen)])[0])
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(seen[0], seen[1])


def test_the_masks_follow_from_the_seed() -> None:
    for alike in (True, False):
        a, again, b = (thinned(ONES, seed, alike=alike) for seed in (0, 0, 1))
        assert torch.equal(a, again)
        assert not torch.equal(a, b)


def test_the_network_and_the_random_numbers_are_left_as_they_were_even_after_an_error() -> None:
    net = network()
    before = net(ONES)
    state = torch.get_rng_state()

    def broken_off() -> None:
        with dropping_out(net, 3, alike=True):
            assert not torch.equal(net(ONES), before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert torch.equal(net(ONES), before)
    assert torch.equal(state, torch.get_rng_state())


def test_whether_there_is_any_dropout() -> None:
    assert has_dropout(network())
    assert not has_dropout(network(0.0))
    assert not has_dropout(nn.Linear(1, 1))
