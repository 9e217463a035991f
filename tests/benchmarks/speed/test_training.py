from itertools import count

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from benchmarks.speed import training
from benchmarks.speed.plain_pix2pix import PlainLoop
from benchmarks.speed.training import (
    AUGMENTATION,
    BACKWARD,
    DISCRIMINATOR,
    GENERATOR,
    OPTIMISERS,
    PARTS,
    PLAIN,
    READING,
    TUTORIALS_GFLOP,
    a_batch,
    a_learner,
    part_seconds,
    part_work,
    step_operations,
)
from zonate.config import load_recipe

AS_PLAIN = ["network.dropout=0", "network.batch_norm_epsilon=1e-5", "network.batch_norm_momentum=0.1"]


def same_weights(source: nn.Module, target: nn.Module) -> None:
    pairs = zip(source.parameters(), target.parameters(), strict=True)
    with torch.no_grad():
        for mine, theirs in pairs:
            assert mine.shape == theirs.shape
            theirs.copy_(mine)


def without_dropout(network: nn.Module) -> None:
    for part in network.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0


def test_our_gradients_are_those_of_the_plain_loop() -> None:
    torch.manual_seed(0)
    plain, learner, batch = PlainLoop(), a_learner(AS_PLAIN), a_batch(1)
    assert learner.discriminator is not None
    without_dropout(plain.generator)
    same_weights(learner.generator, plain.generator)
    same_weights(learner.discriminator, plain.discriminator)
    label = one_hot(batch.labels.long(), 5).permute(0, 3, 1, 2).float()
    for optimiser in (plain.of_generator, plain.of_discriminator):
        for group in optimiser.param_groups:
            group["lr"] = 0.0  # the plain loop moves the discriminator before it teaches the generator
    of_generator, of_discriminator = plain.step(batch.images, label)
    terms = learner.compute_gradients(batch)
    assert float(terms["generator"]) == pytest.approx(of_generator, rel=1e-5)
    assert float(terms["discriminator"]) == pytest.approx(of_discriminator, rel=1e-5)
    for ours, theirs in ((learner.generator, plain.generator), (learner.discriminator, plain.discriminator)):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert mine.grad is not None
            assert other.grad is not None
            scale = float(other.grad.abs().max())
            assert torch.allclose(mine.grad, other.grad, rtol=1e-3, atol=1e-5 * scale)


def test_the_plain_loop_computes_what_the_tutorials_compute_and_we_no_more() -> None:
    found = step_operations()
    assert found[PLAIN] == pytest.approx(TUTORIALS_GFLOP["PyTorch"], rel=0.05)
    assert found["zonate"] == pytest.approx(TUTORIALS_GFLOP["TensorFlow"], rel=0.05)
    assert found["zonate"] < found[PLAIN]


def test_parts_of_a_step_are_disjoint_and_none_of_it_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = count()
    monkeypatch.setattr(training, "perf_counter", lambda: float(next(looks)))  # each look takes a second
    found = part_seconds(load_recipe("pix2pix").override(["network.base_channels=4"]), 2)
    assert list(found) == list(PARTS)
    # The discriminator judges twice, both losses go back, both optimisers move; what lies between is the rest.
    assert {part: seconds for part, seconds in found.items() if part != "losses and the rest"} == {
        READING: [1.0, 1.0],
        AUGMENTATION: [1.0, 1.0],
        GENERATOR: [1.0, 1.0],
        DISCRIMINATOR: [2.0, 2.0],
        BACKWARD: [2.0, 2.0],
        OPTIMISERS: [2.0, 2.0],
    }
    assert found["losses and the rest"] == [15.0 - 7.0] * 2  # a step is fourteen looks between two


def test_what_the_parts_have_to_do_is_what_the_step_has_to_do() -> None:
    work = part_work()
    assert list(work) == [READING, AUGMENTATION, GENERATOR, DISCRIMINATOR, BACKWARD, OPTIMISERS]
    assert work[GENERATOR]["gflop"] == pytest.approx(2 * 6.12, rel=0.01)  # see TUTORIALS_GFLOP
    assert work[DISCRIMINATOR]["gflop"] == pytest.approx(2 * 2 * 3.23, rel=0.01)
    assert sum(each["gflop"] for each in work.values()) == pytest.approx(step_operations()["zonate"])
    assert work[OPTIMISERS]["gb"] == pytest.approx(7 * 4 * (54.42 + 2.77) / 1e3, rel=0.001)  # parameters in 1e6
    assert work[READING] == {"gflop": 0.0, "gb": 2 * (3 * 4 + 1) * 256**2 / 1e9}
