import math

import pytest
import torch

from zonate.augmentation.draws import Draws


def test_the_same_seed_gives_the_same_numbers_and_another_name_or_seed_gives_others() -> None:
    first = Draws((1, 2), 4).of("gamma").normal(3)
    assert first.shape == (4, 3)
    assert torch.equal(first, Draws((1, 2), 4).of("gamma").normal(3))
    assert not torch.equal(first, Draws((1, 2), 4).of("noise").normal(3))
    assert not torch.equal(first, Draws((1, 3), 4).of("gamma").normal(3))


def test_what_one_augmentation_draws_does_not_depend_on_others() -> None:
    draws = Draws(7, 4)
    draws.of("noise").normal(100)
    assert torch.equal(draws.of("gamma").normal(), Draws(7, 4).of("gamma").normal())


def test_a_ratio_is_as_likely_below_one_as_above_and_stays_within_its_largest() -> None:
    ratios = Draws(0, 10_000).of("scaling").ratio(0.25)
    assert ratios.min() >= 0.8 - 1e-6
    assert ratios.max() <= 1.25 + 1e-6
    assert (ratios > 1).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert ratios.log().std().item() == pytest.approx(math.log(1.25) / math.sqrt(3), rel=0.03)


def test_strength_zero_gives_exactly_the_neutral_value() -> None:
    draw = Draws(0, 100).of("scaling")
    assert (draw.ratio(0.0) == 1).all()
    assert (draw.uniform(0.0, 0.0) == 0).all()


def test_chances() -> None:
    assert Draws(0, 10_000).of("blur").happens(0.3).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert Draws(0, 100).of("blur").happens(1.0).all()
    assert not Draws(0, 100).of("blur").happens(0.0).any()


def test_a_share_of_a_batch_is_given_what_the_whole_batch_gives_it() -> None:
    whole = Draws((1, 2), 5)
    shares = [Draws((1, 2), 3, first=0, batch_size=5), Draws((1, 2), 2, first=3, batch_size=5)]
    for shape in ((), (3,)):
        expected = whole.of("gamma").normal(*shape)
        assert torch.equal(torch.cat([share.of("gamma").normal(*shape) for share in shares]), expected)
        expected = whole.of("gamma").uniform(-1, 1, *shape)
        assert torch.equal(torch.cat([share.of("gamma").uniform(-1, 1, *shape) for share in shares]), expected)
        assert torch.equal(
            torch.cat([share.of("gamma").happens(0.5, *shape) for share in shares]),
            whole.of("gamma").happens(0.5, *shape),
        )


def test_what_is_not_drawn_by_the_slice_differs_between_shares() -> None:
    first, second = Draws(1, 3, first=0, batch_size=5).of("noise"), Draws(1, 2, first=3, batch_size=5).of("noise")
    alone = Draws(1, 5).of("noise")
    drawn = []
    for draw in (alone, first, second):
        draw.happens(0.5)
        drawn.append(torch.randn(4, generator=draw.own))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
