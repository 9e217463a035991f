import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from zonate import losses
from zonate.config import Settings
from zonate.dataset.loader import Batch
from zonate.errors import ConfigError, ModelError
from zonate.learner import Learner, learning_rate
from zonate.networks.compiled import can_compile, compile_networks
from zonate.networks.generator import probabilities
from zonate.settings.learning import OptimiserSettings
from zonate.zones import ALL_ZONE_CODES, LabelCode

PIX2PIX = Settings().override(["network.base_channels=4"])
UNET = PIX2PIX.override(["loss.adversarial=0", "loss.l1=0", "loss.dice=1", "loss.cross_entropy=1"])
RESIDUAL = UNET.override(
    [
        "network.architecture=residual",
        "network.neighbours=1",
        "optimiser.weight_decay=0.1",
        "training.averaging=0.99",
        "training.batch_size=4",
        "training.patch_px=64",
    ]
)
JUDGED = RESIDUAL.override(
    [
        "loss.adversarial=1",
        "loss.feature_matching=1",
        "loss.gradient_penalty=0.1",
        "network.discriminators=2",
        "network.spectral_norm=true",
    ]
)
COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


def _learner(settings: Settings = PIX2PIX, seed: int = 0) -> Learner:
    torch.manual_seed(seed)
    return Learner(settings, Fabric(accelerator="cpu", devices=1, precision=settings.training.precision))


def _batch(settings: Settings = PIX2PIX) -> Batch:
    generator = torch.Generator().manual_seed(1)
    size = settings.training.patch_px or settings.slicing.size_px
    images = torch.randn(2, 3 * (2 * settings.network.neighbours + 1), size, size, generator=generator)
    full = torch.randint(0, 5, (size, size), generator=generator)
    coarse = torch.tensor([0, 1, 5, 255])[torch.randint(0, 4, (size, size), generator=generator)]
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
    terms = learner.compute_gradients(batch)

    torch.manual_seed(5)
    target = losses.Target.of_labels(batch.labels, batch.codes)
    generated = target.level(probabilities(generator(batch.images), "softmax"))
    fooled = losses.adversarial(discriminator(batch.images, generated)[0].logits, real=True)
    l1 = losses.l1(generated, target)
    expected = _flat(torch.autograd.grad(fooled + 100 * l1, list(generator.parameters())))
    real = losses.adversarial(discriminator(batch.images, target.zones)[0].logits, real=True)
    judging = real + losses.adversarial(discriminator(batch.images, generated.detach())[0].logits, real=False)
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
    learner.compute_gradients(_batch())
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
        learner.compute_gradients(batch)
    again = _learner()
    torch.manual_seed(0)
    again.compute_gradients(batch)
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


@pytest.mark.parametrize("settings", [PIX2PIX, UNET, RESIDUAL, JUDGED])
def test_it_learns(settings: Settings) -> None:
    learner, batch = _learner(settings.override(["optimiser.learning_rate=5e-3"])), _batch(settings)
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # PyTorch's own, as it compiles
@pytest.mark.parametrize("settings", [PIX2PIX, JUDGED])
def test_compiled_networks_learn_the_same(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced and split as for a GPU, but run by PyTorch's own kernels: a compiler of kernels need not be there."""
    torch.compiler.reset()
    compiled = nn.Module.compile
    monkeypatch.setattr(nn.Module, "compile", lambda self, **_: compiled(self, backend="aot_eager", fullgraph=True))
    settings = settings.override(["network.dropout=0"])  # which is drawn otherwise
    plain, other, batch = _learner(settings), _learner(settings), _batch(settings)
    compile_networks(other.generator, other.discriminator)
    for learner in (plain, other):
        learner.train()
    for _ in range(2):
        expected, found = plain.step(batch), other.step(batch)
        for name, term in expected.items():
            assert found[name].item() == pytest.approx(term.item(), rel=1e-4, abs=1e-6), name
    assert plain.state().keys() == other.state().keys()
    for name, value in plain.state().items():
        assert torch.allclose(other.state()[name], value, rtol=1e-3, atol=1e-4), name
    torch.compiler.reset()


def test_networks_are_not_compiled_anew_for_the_smaller_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.learner.can_compile", lambda _: True)
    monkeypatch.setattr("zonate.learner.compile_networks", lambda *_: None)
    monkeypatch.setattr("torch.compiler.cudagraph_mark_step_begin", lambda: None)
    happened: list[str] = []

    @contextmanager
    def uncompiled() -> Iterator[None]:
        happened.append("uncompiled")
        yield

    monkeypatch.setattr("zonate.learner.uncompiled", uncompiled)
    whole = _batch(RESIDUAL)
    half = Batch(whole.images[:1], whole.labels[:1], whole.codes[:1])
    for compiled in ("false", "true"):
        learner = _learner(RESIDUAL.override(["training.batch_size=2", f"training.compiled={compiled}"]))
        for batch in (whole, half, whole):
            learner.step(batch)
            happened.append("step")
    assert happened == ["step"] * 4 + ["uncompiled", "step", "step"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores:UserWarning")  # float32 is what is compared here
@pytest.mark.skipif(
    not (torch.cuda.is_available() and can_compile(torch.device("cuda"))),
    reason="needs a GPU that PyTorch compiles for",
)
@pytest.mark.parametrize("settings", [PIX2PIX, RESIDUAL, JUDGED])
def test_a_gpu_learns_by_compiled_networks_from_batches_of_two_sizes(settings: Settings) -> None:
    settings = settings.override(["network.dropout=0", "training.compiled=true", "training.batch_size=2"])
    losses_by = {}
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        learner = Learner(settings, Fabric(accelerator=device, devices=1, precision="32-true"))
        learner.train()
        whole = _batch(settings)
        half = Batch(whole.images[:1], whole.labels[:1], whole.codes[:1])
        losses_by[device] = [learner.step(batch)["generator"].item() for batch in (whole, half, whole, half, whole)]
    assert losses_by["cuda"] == pytest.approx(losses_by["cpu"], rel=0.02)


@pytest.mark.parametrize("settings", [PIX2PIX, UNET, RESIDUAL, JUDGED])
def test_a_state_taken_up_goes_on_to_the_same_bits(settings: Settings) -> None:
    one, batch = _learner(settings), _batch(settings)
    one.train()
    torch.manual_seed(0)
    one.step(batch)
    other = _learner(settings, seed=9)
    other.load_state({name: value.clone() for name, value in one.state().items()})
    for learner in (one, other):
        torch.manual_seed(1)
        learner.train()
        for _ in range(2):
            learner.step(batch)
    a, b = one.state(), other.state()
    assert set(a) == set(b)
    assert any(name.startswith("adam.generator.") for name in a)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_state_of_another_network_is_refused() -> None:
    state = _learner(PIX2PIX.override(["network.base_channels=8"])).state()
    with pytest.raises(
        ModelError, match=r"does not fit the networks: size mismatch for .*: copying a param with shape"
    ):
        _learner().load_state(state)


def test_a_state_without_an_average_is_refused_where_there_is_one() -> None:
    state = _learner(RESIDUAL.override(["training.averaging=0"])).state()
    with pytest.raises(ModelError, match="does not fit the networks"):
        _learner(RESIDUAL).load_state(state)


def test_the_state_of_a_learner_of_before_has_the_names_of_before() -> None:
    learner = _learner()
    learner.step(_batch())
    heads = {name.split(".")[0] for name in learner.state()}
    assert heads == {"generator", "discriminator", "adam"}
    assert "discriminator.layers.0.weight" in learner.state()


def test_matched_features_are_a_term_of_the_generator_and_the_penalty_one_of_the_discriminator() -> None:
    learner, without = _learner(JUDGED), _learner(JUDGED.override(["loss.gradient_penalty=0"]))
    found = []
    for it in (learner, without):
        it.train()
        torch.manual_seed(0)
        found.append({name: value.item() for name, value in it.compute_gradients(_batch(JUDGED)).items()})
    terms, plain = found
    summed = sum(terms[name] for name in ("adversarial", "feature_matching", "dice", "cross_entropy"))
    assert terms["generator"] == pytest.approx(summed)
    assert terms["feature_matching"] > 0
    assert terms["gradient_penalty"] > 0
    assert "gradient_penalty" not in plain
    assert terms["discriminator"] == pytest.approx(plain["discriminator"] + 0.1 / 2 * terms["gradient_penalty"])
    assert learner.discriminator is not None
    assert without.discriminator is not None
    assert not torch.allclose(_gradients(learner.discriminator), _gradients(without.discriminator), rtol=1e-3)
    torch.testing.assert_close(_gradients(learner.generator), _gradients(without.generator))


def test_an_undecided_discriminator_costs_as_much_at_one_scale_as_at_two() -> None:
    for number in (1, 2):
        learner = _learner(JUDGED.override([f"network.discriminators={number}", "network.spectral_norm=false"]))
        assert learner.discriminator is not None
        for layers in (learner.discriminator.layers, *learner.discriminator.coarser):
            assert isinstance(layers, nn.Sequential)
            for parameter in layers[-1].parameters():
                nn.init.zeros_(parameter)  # all logits are 0
        terms = learner.compute_gradients(_batch(JUDGED))
        assert terms["adversarial"].item() == pytest.approx(0.693147, abs=1e-6)
        assert terms["discriminator"].item() == pytest.approx(2 * 0.693147, abs=1e-6)


def test_slices_too_small_to_judge_are_refused_before_training() -> None:
    with pytest.raises(ConfigError, match="2 discriminators need slices or patches of 48 px at least, found 32"):
        _learner(JUDGED.override(["training.patch_px=32"]))


def test_what_segments_is_the_generator_or_its_average() -> None:
    learner = _learner(UNET)
    assert learner.inference_network is learner.generator
    learner, batch = _learner(RESIDUAL), _batch(RESIDUAL)
    assert learner.inference_network is not learner.generator
    before = _weights(learner.generator)
    assert torch.equal(_weights(learner.inference_network), before)
    learner.train()
    learner.step(batch)
    assert not learner.inference_network.training
    expected = 0.1 * before + 0.9 * _weights(learner.generator)  # after the first step
    torch.testing.assert_close(_weights(learner.inference_network), expected)


def test_weights_of_another_model_are_the_beginning_of_the_average_too() -> None:
    donor = _learner(RESIDUAL, seed=3)
    donor.train()
    donor.step(_batch(RESIDUAL))
    learner = _learner(RESIDUAL)
    learner.step(_batch(RESIDUAL))
    learner.load_initial_weights(donor.generator.state_dict())
    wanted = _weights(donor.generator)
    assert torch.equal(_weights(learner.generator), wanted)
    assert torch.equal(_weights(learner.inference_network), wanted)
    learner.step(_batch(RESIDUAL))
    expected = 0.1 * wanted + 0.9 * _weights(learner.generator)
    torch.testing.assert_close(_weights(learner.inference_network), expected)


def test_weights_that_do_not_fit_are_refused_and_change_nothing() -> None:
    learner = _learner(RESIDUAL)
    before = _weights(learner.generator)
    other_size = _learner(RESIDUAL.override(["network.base_channels=8"])).generator.state_dict()
    with pytest.raises(ModelError, match=r"is \(.* there and \(.* here, and \d+ more differences.*under \[network\]"):
        learner.load_initial_weights(other_size)
    lacking = {name: value for name, value in learner.generator.state_dict().items() if name != "last.bias"}
    with pytest.raises(ModelError, match=r"do not fit the network: last\.bias is not in both\. Train with"):
        learner.load_initial_weights(lacking)
    assert torch.equal(_weights(learner.generator), before)


def test_decay_shrinks_the_weights_of_convolutions_alone() -> None:
    learner = _learner(JUDGED)
    for network, optimiser in learner.optimisers.items():
        assert isinstance(optimiser, torch.optim.AdamW)
        decayed, spared = optimiser.param_groups
        assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
        assert {parameter.ndim for parameter in decayed["params"]} == {4}
        assert {parameter.ndim for parameter in spared["params"]} == {1}
        module = learner.generator if network == "generator" else learner.discriminator
        assert module is not None
        assert len(decayed["params"]) + len(spared["params"]) == len(list(module.parameters()))


def test_batches_are_laid_out_channels_last_and_single_slices_are_not() -> None:
    weight = "down.0.0.residual.0.weight"
    settings = RESIDUAL.override(["network.dropout=0"])  # whose masks are drawn in the order of memory
    batched, single = _learner(settings), _learner(settings.override(["training.batch_size=1"]))
    assert batched.generator.get_parameter(weight).is_contiguous(memory_format=torch.channels_last)
    assert single.generator.get_parameter(weight).is_contiguous()
    terms = []
    for learner in (batched, single):
        learner.train()
        torch.manual_seed(0)
        terms.append({name: value.item() for name, value in learner.step(_batch(RESIDUAL)).items()})
    assert terms[0] == pytest.approx(terms[1], rel=1e-4)


def test_the_learning_rate_falls_by_equal_steps_and_stays_above_zero() -> None:
    settings = OptimiserSettings(learning_rate=0.1, decay_from=0.5)
    rates = [learning_rate(settings, step / 8) for step in range(8)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1, 0.075, 0.05, 0.025])
    assert [learning_rate(OptimiserSettings(learning_rate=0.1), step / 3) for step in range(3)] == [0.1] * 3
    assert learning_rate(OptimiserSettings(learning_rate=0.1, decay_from=0), 0.75) == pytest.approx(0.025)


def test_the_learning_rate_warms_up_from_0() -> None:
    settings = OptimiserSettings(learning_rate=0.1, warm_up=0.5)
    assert [learning_rate(settings, step / 8) for step in range(6)] == pytest.approx([0, 0.025, 0.05, 0.075, 0.1, 0.1])


def test_the_learning_rate_falls_as_half_a_cosine() -> None:
    settings = OptimiserSettings(learning_rate=0.1, decay="cosine", decay_from=0.5)
    rates = [learning_rate(settings, done) for done in (0, 0.5, 0.5 + 0.5 / 3, 0.75, 0.5 + 1 / 3)]
    assert rates == pytest.approx([0.1, 0.1, 0.075, 0.05, 0.025])  # (1 + cos 60°) / 2, cos 90°, cos 120°


def test_warm_up_and_decay_meet() -> None:
    settings = OptimiserSettings(learning_rate=0.1, warm_up=0.5, decay_from=0)
    assert learning_rate(settings, 0.25) == pytest.approx(0.1 * 0.5 * 0.75)


def test_both_optimisers_take_the_rate_of_a_step() -> None:
    learner = _learner(PIX2PIX.override(["optimiser.learning_rate=0.1", "optimiser.decay_from=0.5"]))
    learner.set_learning_rate(0.75)
    assert learner.learning_rate == pytest.approx(0.05)
    assert [of.param_groups[0]["lr"] for of in learner.optimisers.values()] == pytest.approx([0.05, 0.05])
