import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from benchmarks.speed.plain_pix2pix import PlainLoop
from benchmarks.speed.training import PLAIN, TUTORIALS_GFLOP, a_batch, a_learner, step_operations

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
    terms = learner.take_gradients(batch)
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
