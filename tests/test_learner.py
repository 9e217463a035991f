import copy
from collections.abc import Iterable

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from zonate import losses
from zonate.config import OptimiserSettings, Settings
from zonate.dataset.loader import Batch
from zonate.errors import ModelError
from zonate.learner import Learner, learning_rate
from zonate.networks.generator import probabilities
from zonate.zones import ALL_ZONE_CODES, LabelCode

PIX2PIX = Settings().override(["network.base_channels=4"])
UNET = PIX2PIX.override(["loss.adversarial=0", "loss.l1=0", "loss.dice=1", "loss.cross_entropy=1"])
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


def _learner(settings: Settings = PIX2PIX, seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    return Learner(settings, Fabric(accelerator="cpu", devices=1, precision=settings.training.precision))


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 3, 256, 256, generator=generator)
    full = torch.randint(0, 5, (256, 256), generator=generator)
    coarse = torch.tensor([0, 1, 5, 255])[torch.randint(0, 4, (256, 256), generator=generator)]
    return Batch(images, torch.stack([full, coarse]).to(torch.uint8), (ALL_ZONE_CODES, COARSE))


def _gradients(network: nn.Module) -> Tensor:
    return _flat(p.grad for p in network.parameters() if p.grad is not None)


def _flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def _weights(network: nn.Module | None) -> Tensor:
    assert network is not None
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def test_one_pass_over_the_generated_label_gives_the_gradients_of_two() -> None:
    learner, batch = _learner(), _batch()
    generator, discriminator = copy.deepcopy(learner.generator), copy.deepcopy(learner.discriminator)
    assert discriminator is not None
    torch.manual_seed(5)
    terms = learner.take_gradients(batch)

    torch.manual_seed(5)
    target = losses.Target.of_labels(batch.labels, batch.codes)
    generated = target.level(probabilities(generator(batch.images), "softmax"))
    fooled = losses.adversarial(discriminator(batch.images, generated), real=True)
    l1 = losses.l1(generated, target)
    expected = _flat(torch.autograd.grad(fooled + 100 * l1, list(generator.parameters())))
    real = losses.adversarial(discriminator(batch.images, target.zones), real=True)
    judging = real + losses.adversarial(discriminator(batch.images, generated.detach()), real=False)
    expected_judge = _flat(torch.autograd.grad(judging, list(discriminator.parameters())))

    assert terms["adversarial"].item() == pytest.approx(fooled.item())
    assert terms["l1"].item() == pytest.approx(l1.item())
    assert terms["generator"].item() == pytest.approx(fooled.item() + 100 * l1.item())
    assert terms["discriminator"].item() == pytest.approx(judging.item())  # the sum, not half of it
    assert learner.discriminator is not None
    torch.testing.assert_close(_gradients(learner.generator), expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(_gradients(learner.discriminator), expected_judge, rtol=1e-4, atol=1e-6)


def test_a_step_of_one_optimiser_moves_only_its_own_network() -> None:
    learner = _learner()
    learner.take_gradients(_batch())
    before = _weights(learner.generator), _weights(learner.discriminator)
    learner.optimisers["generator"].step()
    assert not torch.equal(_weights(learner.generator), before[0])
    assert torch.equal(_weights(learner.discriminator), before[1])
    before = _weights(learner.generator), _weights(learner.discriminator)
    learner.optimisers["discriminator"].step()
    assert torch.equal(_weights(learner.generator), before[0])
    assert not torch.equal(_weights(learner.discriminator), before[1])


def test_gradients_do_not_pile_up_over_steps() -> None:
    learner, batch = _learner(), _batch()
    for _ in range(2):
        torch.manual_seed(0)
        learner.take_gradients(batch)
    again = _learner()
    torch.manual_seed(0)
    again.take_gradients(batch)
    torch.testing.assert_close(_gradients(learner.generator), _gradients(again.generator))


def test_the_optimisers_are_adam_as_described() -> None:
    for optimiser in _learner().optimisers.values():
        assert isinstance(optimiser, torch.optim.Adam)
        group = optimiser.param_groups[0]
        assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (2e-4, (0.5, 0.999), 1e-7, 0)


def test_without_an_adversarial_term_there_is_no_discriminator() -> None:
    learner = _learner(UNET)
    assert learner.discriminator is None
    terms = learner.step(_batch())
    assert set(terms) == {"dice", "cross_entropy", "generator"}
    assert terms["generator"].item() == pytest.approx(terms["dice"].item() + terms["cross_entropy"].item())


@pytest.mark.parametrize("settings", [PIX2PIX, UNET])
def test_it_learns(settings: Settings) -> None:
    learner, batch = _learner(settings.override(["optimiser.learning_rate=5e-3"])), _batch()
    batch.labels[:] = torch.where(batch.images[:, 0] > 0, 1, 0)
    learner.train()
    term = "l1" if settings is PIX2PIX else "cross_entropy"
    values = [learner.step(batch)[term].item() for _ in range(10)]
    assert values[-1] < 0.9 * values[0]


def test_bfloat16_keeps_the_losses_and_weights_in_float32() -> None:
    learner = _learner(PIX2PIX.override(["training.precision=bf16-mixed"]))
    plain = _learner()
    torch.manual_seed(3)
    terms = learner.step(_batch())
    torch.manual_seed(3)
    expected = plain.step(_batch())
    assert {value.dtype for value in terms.values()} == {torch.float32}
    assert {p.dtype for p in learner.generator.parameters()} == {torch.float32}
    for name, value in terms.items():
        assert value.item() == pytest.approx(expected[name].item(), rel=0.02)


@pytest.mark.parametrize("settings", [PIX2PIX, UNET])
def test_a_state_taken_up_goes_on_to_the_same_bits(settings: Settings) -> None:
    one, batch = _learner(settings), _batch()
    torch.manual_seed(0)
    one.step(batch)
    other = _learner(settings, seed=9)
    other.load_state({name: value.clone() for name, value in one.state().items()})
    for learner in (one, other):
        torch.manual_seed(1)
        learner.step(batch)
    a, b = one.state(), other.state()
    assert set(a) == set(b)
    assert any(name.startswith("adam.generator.") for name in a)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_state_of_another_network_is_refused() -> None:
    state = _learner(PIX2PIX.override(["network.base_channels=8"])).state()
    with pytest.raises(ModelError, match="does not fit the networks"):
        _learner().load_state(state)


def test_the_learning_rate_falls_by_equal_steps_and_stays_above_zero() -> None:
    settings = OptimiserSettings(learning_rate=0.1, decay_from=0.5)
    rates = [learning_rate(settings, step / 8) for step in range(8)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1, 0.075, 0.05, 0.025])
    assert [learning_rate(OptimiserSettings(learning_rate=0.1), step / 3) for step in range(3)] == [0.1] * 3
    assert learning_rate(OptimiserSettings(learning_rate=0.1, decay_from=0), 0.75) == pytest.approx(0.025)


def test_both_optimisers_take_the_rate_of_a_step() -> None:
    learner = _learner(PIX2PIX.override(["optimiser.learning_rate=0.1", "optimiser.decay_from=0.5"]))
    learner.begin_step(0.75)
    assert learner.learning_rate == pytest.approx(0.05)
    assert [of.param_groups[0]["lr"] for of in learner.optimisers.values()] == pytest.approx([0.05, 0.05])
