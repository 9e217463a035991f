from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.config import load_recipe
from zonate.fast import fast


def test_pix2pix_learns_from_sixteen_slices_a_step_at_four_times_the_rate() -> None:
    plain = load_recipe("pix2pix")
    quick = fast(plain)
    assert (quick.training.batch_size, quick.training.precision, quick.training.compiled) == (16, "bf16-mixed", True)
    assert quick.optimiser.learning_rate == pytest.approx(8e-4)
    assert quick.optimiser.warm_up == 0.05
    assert quick.optimiser.beta_1 == pytest.approx(0.5**16)
    assert quick.optimiser.beta_2 == pytest.approx(0.98412, abs=1e-5)
    assert quick.optimiser.epsilon == pytest.approx(2.5e-8)
    assert quick.network.batch_norm_momentum == pytest.approx(0.14854, abs=1e-5)
    assert quick.training.averaging == 0
    untouched = {"training", "optimiser", "network"}
    assert quick.model_dump(exclude=untouched) == plain.model_dump(exclude=untouched)
    assert quick.training.epochs == plain.training.epochs == 300
    assert type(quick).model_validate(quick.model_dump()) == quick  # within the bounds of the settings


def test_a_recipe_of_batches_grows_less() -> None:
    quick = fast(load_recipe("zonate"))  # 8 slices a step
    assert quick.optimiser.learning_rate == pytest.approx(load_recipe("zonate").optimiser.learning_rate * sqrt(2))
    assert quick.training.averaging == pytest.approx(0.9801)
    assert quick.optimiser.beta_1 == pytest.approx(0.81)
    assert quick.optimiser.weight_decay == pytest.approx(load_recipe("zonate").optimiser.weight_decay * sqrt(2))


@given(batch=st.integers(16, 512))
def test_a_batch_that_is_large_keeps_its_rate(batch: int) -> None:
    plain = load_recipe("zonate").override([f"training.batch_size={batch}"])
    quick = fast(plain)
    assert quick.training.batch_size == batch
    assert (quick.optimiser, quick.network) == (plain.optimiser, plain.network)


def test_twice_is_once() -> None:
    assert fast(fast(load_recipe("pix2pix"))) == fast(load_recipe("pix2pix"))
