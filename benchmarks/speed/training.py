"""A step of the described training against the same step as the public tutorials write it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.nn.functional import one_hot

from benchmarks.speed.plain_pix2pix import PlainLoop
from benchmarks.speed.rates import Timing, operations, precisions, side_by_side
from zonate.config import load_recipe
from zonate.dataset.loader import Batch
from zonate.learner import Learner
from zonate.verbs.epochs import augmented
from zonate.zones import ALL_ZONE_CODES

PLAIN = "plain loop, float32"
SIZE_PX = 256
_NAMES = {"float32": "32-true", "bfloat16": "bf16-mixed"}
TUTORIALS_GFLOP = {"PyTorch": 88.4, "TensorFlow": 81.9}
"""Of a step at batch 1, by hand: 2 × multiply-adds.

The generator takes 6.12 G forward and twice that back but for the gradient of its input, 0.05; a judgement takes 3.23 G
forward, as much for its weights and, but for 0.13 where the label's gradient is not asked for, as much for its input.
PyTorch's tutorial judges the drawn label and the generated one to learn, and the generated one again to teach; there
no gradient of weights is asked for. TensorFlow's judges each once, and both gradients flow from there.
"""


def step_times(repeats: int, device: str = "cpu") -> dict[str, Timing]:
    """A step of a batch of one on random slices: the plain loop, and ours in both precisions."""
    torch.manual_seed(0)
    batch = a_batch(1, device)
    plain, onehot = PlainLoop(device), one_hot(batch.labels.long(), 5).permute(0, 3, 1, 2).float().contiguous()
    works: dict[str, Callable[[], Any]] = {PLAIN: lambda: plain.step(batch.images, onehot)}
    for name in precisions(device):
        learner = a_learner([f"training.precision={_NAMES[name]}"], device)
        works[f"zonate, {name}"] = partial(learner.step, batch)
    return side_by_side(works, repeats, device)


def step_operations() -> dict[str, float]:
    """Floating-point operations of a step at batch 1, in 1e9: of the plain loop, and of ours."""
    batch = a_batch(1)
    plain, onehot = PlainLoop(), one_hot(batch.labels.long(), 5).permute(0, 3, 1, 2).float().contiguous()
    learner = a_learner([])
    return {
        PLAIN: operations(lambda: plain.step(batch.images, onehot)),
        "zonate": operations(lambda: learner.step(batch)),
    }


def part_times(repeats: int, device: str = "cpu") -> dict[str, Timing]:
    """Our step at batch 1 in float32, by part; what is left of a whole step is moving averages and the like."""
    torch.manual_seed(0)
    learner, batch = a_learner([], device), a_batch(1, device)
    settings = load_recipe("pix2pix")
    learner.step(batch)
    return side_by_side(
        {
            "augmentation": lambda: augmented(batch, settings, learner.device, (0, 1, 1)),
            "forward of the generator": lambda: learner.generator(batch.images),
            "gradients of both networks": lambda: learner.take_gradients(batch),
            "whole step": lambda: learner.step(batch),
        },
        repeats,
        device,
    )


def a_batch(size: int, device: str = "cpu") -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, SIZE_PX, SIZE_PX, generator=generator).to(device)
    labels = torch.randint(0, 5, (size, SIZE_PX, SIZE_PX), generator=generator).to(device, torch.uint8)
    return Batch(images, labels, (ALL_ZONE_CODES,) * size)


def a_learner(changes: list[str], device: str = "cpu") -> Learner:
    settings = load_recipe("pix2pix").override(changes)
    accelerator = "cuda" if device.startswith("cuda") else "cpu"
    learner = Learner(settings, Fabric(accelerator=accelerator, devices=1, precision=settings.training.precision))
    learner.train()
    return learner
