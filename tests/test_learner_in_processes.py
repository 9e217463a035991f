"""Two processes that share a batch learn what one process learns from the whole of it."""

from dataclasses import dataclass

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tests.processes import run_in_processes
from tests.test_learner import COARSE, JUDGED
from zonate.config import Settings
from zonate.dataset.loader import Batch
from zonate.learner import Learner
from zonate.processes import share_of
from zonate.training.torchrun import joined
from zonate.zones import ALL_ZONE_CODES

pytestmark = pytest.mark.slow

EVERY_TERM = JUDGED.override(["network.normalisation=group", "loss.l1=10", "network.base_channels=2"])
PLAIN = EVERY_TERM.override(["loss.adversarial=0", "loss.feature_matching=0", "loss.gradient_penalty=0"])
CASES = {
    "shares of 3 and 2": (EVERY_TERM, 5),
    "shares of 1 and 0": (EVERY_TERM, 1),
    "without a discriminator": (PLAIN, 2),
}


@dataclass(frozen=True)
class Learnt:
    """The terms of the losses and the gradients of both networks at a batch, and what a step in training changes."""

    terms: dict[str, float]
    generator: Tensor
    discriminator: Tensor
    same_after_a_step: bool


@pytest.fixture(scope="module")
def learnt() -> list[dict[str, Learnt]]:
    """By process."""
    return run_in_processes(2, _in_a_process)


@pytest.mark.parametrize("case", CASES)
def test_terms_and_gradients_are_those_of_one_process(learnt: list[dict[str, Learnt]], case: str) -> None:
    expected = _learn(Fabric(accelerator="cpu", devices=1), *CASES[case])
    for found in (of_process[case] for of_process in learnt):
        assert set(found.terms) == set(expected.terms)
        assert found.terms == pytest.approx(expected.terms, rel=1e-5)
        torch.testing.assert_close(found.generator, expected.generator, rtol=1e-3, atol=_rounding(expected.generator))
        torch.testing.assert_close(
            found.discriminator, expected.discriminator, rtol=1e-3, atol=_rounding(expected.discriminator)
        )


def test_both_processes_have_the_same_weights_and_buffers_after_a_step(learnt: list[dict[str, Learnt]]) -> None:
    assert all(found.same_after_a_step for of_process in learnt for found in of_process.values())


def _in_a_process() -> dict[str, Learnt]:
    with joined("32-true", 2, 1) as fabric:
        return {name: _learn(fabric, settings, n) for name, (settings, n) in CASES.items()}


def _learn(fabric: Fabric, settings: Settings, n_slices: int) -> Learnt:
    torch.manual_seed(0)
    learner = Learner(settings, fabric)
    batch = _share(_batch(n_slices, settings), fabric.global_rank, fabric.world_size)
    learner.generator.eval()  # no dropout
    if learner.discriminator is not None:
        learner.discriminator.eval()  # BatchNorm by what it remembers
    terms = {name: term.item() for name, term in learner.compute_gradients(batch).items()}
    generator, discriminator = _gradients(learner.generator), _gradients(learner.discriminator)
    learner.train()
    learner.step(batch)
    learner.share_buffers()
    states = [learner.state(), *([_of_first(learner.state())] if fabric.world_size > 1 else [])]
    same = all(torch.equal(states[0][name], states[-1][name]) for name in states[0])
    return Learnt(terms, generator, discriminator, same)


def _of_first(state: dict[str, Tensor]) -> dict[str, Tensor]:
    copies = {name: value.clone().contiguous() for name, value in state.items()}
    for copy in copies.values():
        torch.distributed.broadcast(copy, 0)
    return copies


def _batch(n_slices: int, settings: Settings) -> Batch:
    """Slices that are annotated finely and coarsely in turn, and in part."""
    generator = torch.Generator().manual_seed(1)
    size = settings.training.patch_px or settings.slicing.size_px
    images = torch.randn(n_slices, 3 * (2 * settings.network.neighbours + 1), size, size, generator=generator)
    fine = torch.randint(0, 5, (n_slices, size, size), generator=generator)
    coarse = torch.tensor([0, 1, 5, 255])[torch.randint(0, 4, (n_slices, size, size), generator=generator)]
    labels = torch.stack([(coarse if n % 3 == 1 else fine)[n] for n in range(n_slices)]).to(torch.uint8)
    return Batch(images, labels, tuple(COARSE if n % 3 == 1 else ALL_ZONE_CODES for n in range(n_slices)))


def _share(batch: Batch, rank: int, number: int) -> Batch:
    """As `SliceLoader` shares it."""
    n = len(batch.images)
    mine = share_of(n, rank, number)
    share = (mine.stop - mine.start) / n
    if not share:
        mine = slice(n - 1, n)
    return Batch(batch.images[mine], batch.labels[mine], batch.codes[mine], batch.codes, mine.start, share)


def _gradients(network: nn.Module | None) -> Tensor:
    if network is None:
        return torch.zeros(1)
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


def _rounding(gradient: Tensor) -> float:
    return 1e-4 * float(gradient.abs().max())
