"""A step of the described training against the same step as the public tutorials write it, and by part."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.functional import one_hot

from benchmarks.reading import made, stored
from benchmarks.speed.plain_pix2pix import PlainLoop
from benchmarks.speed.rates import Timing, bytes_of, operations, precisions, side_by_side
from zonate.config import Settings, load_recipe
from zonate.dataset.loader import Batch, SliceLoader
from zonate.dataset.store import Dataset
from zonate.learner import Learner
from zonate.networks.precision import usable_precision
from zonate.training.epochs import augmented
from zonate.zones import ALL_ZONE_CODES

PLAIN = "plain loop, float32"
SIZE_PX = 256
READING, AUGMENTATION, GENERATOR, DISCRIMINATOR = "reading", "augmentation", "forward of the generator", "discriminator"
BACKWARD, OPTIMISERS, REST = "backward", "optimisers", "losses and the rest"
PARTS = (READING, AUGMENTATION, GENERATOR, DISCRIMINATOR, BACKWARD, OPTIMISERS, REST)
"""Of a step, from the disk on: none is part of another, and together they are all of it."""
_UNCOUNTED = 2
_N_SLICES = 4  # of the case that is read again and again
_ADAM_MOVES = 7
"""Numbers a parameter: it is read with its gradient and two averages, and written with them."""
_NAMES = {"float32": "32-true", "bfloat16": "bf16-mixed"}
TUTORIALS_GFLOP = {"PyTorch": 88.4, "TensorFlow": 81.9}
"""Of a step at batch 1, by hand: 2 × multiply-adds.

The generator takes 6.12 G forward and twice that back but for the gradient of its input, 0.05; a judgement takes 3.23 G
forward, as much for its weights and, but for 0.13 where the label's gradient is not asked for, as much for its input.
PyTorch's tutorial judges the drawn label and the generated one to learn, and the generated one again to teach; there
no gradient of weights is asked for. TensorFlow's judges each once, and both gradients flow from there.
"""


def step_times(repeats: int) -> dict[str, Timing]:
    """A step of a batch of one on random slices on the CPU: the plain loop, and ours in both precisions."""
    torch.manual_seed(0)
    batch = a_batch(1)
    plain, label = PlainLoop(), drawn(batch)
    works: dict[str, Callable[[], Any]] = {PLAIN: lambda: plain.step(batch.images, label)}
    for name in precisions():
        works[f"zonate, {name}"] = partial(a_learner([f"training.precision={_NAMES[name]}"]).step, batch)
    return side_by_side(works, repeats)


def step_operations() -> dict[str, float]:
    """Floating-point operations of a step at batch 1, in 1e9: of the plain loop, and of ours."""
    batch = a_batch(1)
    plain, label, learner = PlainLoop(), drawn(batch), a_learner([])
    return {
        PLAIN: operations(lambda: plain.step(batch.images, label)),
        "zonate": operations(lambda: learner.step(batch)),
    }


def part_times(repeats: int) -> dict[str, Timing]:
    """Our step at batch 1 in float32 on the CPU, by part; `zonate train` reads beside the rest."""
    seconds = part_seconds(load_recipe("pix2pix"), repeats)
    return {part: Timing.of(each) for part, each in seconds.items()}


def part_seconds(settings: Settings, repeats: int) -> dict[str, list[float]]:
    """Of each repeat of a step on the CPU, by part; they add up to what the repeat takes."""
    torch.manual_seed(0)
    watch = _Watch()
    learner = _WatchedLearner(settings, watch)
    seconds: dict[str, list[float]] = {part: [] for part in PARTS}
    with tempfile.TemporaryDirectory() as folder:
        loader = _loader(Path(folder), settings)
        for number in range(_UNCOUNTED + repeats):
            watch.seconds.clear()
            with watch.of(READING):
                batch = loader.asked_for(number % _N_SLICES)
            with watch.of(AUGMENTATION):
                batch = augmented(batch, settings, learner.device, (0, 1, number))
            began = perf_counter()
            learner.step(batch)
            of_step = perf_counter() - began
            parts = (GENERATOR, DISCRIMINATOR, BACKWARD, OPTIMISERS)
            watch.seconds[REST] = of_step - sum(watch.seconds[part] for part in parts)
            for part in PARTS if number >= _UNCOUNTED else ():
                seconds[part].append(watch.seconds[part])
    return seconds


def part_work() -> dict[str, dict[str, float]]:
    """What our parts have to do at batch 1, where that is known: `gflop`, and `gb` that are moved at least.

    The way back moves twice what the way forth does: gradients of what went in, and of weights, are written.
    """
    learner, batch = a_learner([]), a_batch(1)
    generator, discriminator = learner.generator, learner.discriminator
    if discriminator is None:
        raise ValueError("the recipe has no discriminator")
    label = drawn(batch)
    forth, judged = partial(generator, batch.images), partial(discriminator, batch.images, label)
    gflop = {GENERATOR: operations(forth), DISCRIMINATOR: 2 * operations(judged)}
    gb = {GENERATOR: bytes_of(generator, forth), DISCRIMINATOR: 2 * bytes_of(discriminator, judged)}
    gflop[BACKWARD] = operations(lambda: learner.compute_gradients(batch)) - sum(gflop.values())
    gb[BACKWARD] = 2 * sum(gb.values())
    slice_gb = (batch.images.nbytes + batch.labels.nbytes) / 1e9
    gb |= {READING: 2 * slice_gb, AUGMENTATION: 2 * slice_gb}  # from where it lies to where it is wanted
    gb[OPTIMISERS] = _ADAM_MOVES * sum(p.nbytes for n in (generator, discriminator) for p in n.parameters()) / 1e9
    return {part: {"gflop": gflop.get(part, 0.0), "gb": gb[part]} for part in PARTS if part in gb}


def a_batch(size: int, device: str = "cpu") -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, SIZE_PX, SIZE_PX, generator=generator).to(device)
    labels = torch.randint(0, 5, (size, SIZE_PX, SIZE_PX), generator=generator).to(device, torch.uint8)
    return Batch(images, labels, (ALL_ZONE_CODES,) * size)


def drawn(batch: Batch) -> Tensor:
    """Its labels as the plain loop wants them: one-hot (B, 5, H, W)."""
    return one_hot(batch.labels.long(), 5).permute(0, 3, 1, 2).float().contiguous()


def a_learner(changes: list[str], device: str = "cpu") -> Learner:
    return learner_of(load_recipe("pix2pix").override(changes), device)


def learner_of(settings: Settings, device: str = "cpu") -> Learner:
    precision: Any = usable_precision(settings.training.precision, torch.device(device))
    accelerator = "cuda" if device.startswith("cuda") else "cpu"
    learner = Learner(settings, Fabric(accelerator=accelerator, devices=1, precision=precision))
    learner.train()
    return learner


class _Watch:
    """Seconds of the parts of a step, by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._began = 0.0

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        self.begin()
        yield
        self.end(part)

    def begin(self, *_: Any) -> None:
        self._began = perf_counter()

    def end(self, part: str, *_: Any) -> None:
        self.seconds[part] += perf_counter() - self._began


class _WatchedFabric(Fabric):
    watch: _Watch

    def backward(self, *arguments: Any, **named: Any) -> None:
        with self.watch.of(BACKWARD):
            super().backward(*arguments, **named)


class _WatchedLearner(Learner):
    """One whose networks and optimisers say when they begin and end."""

    def __init__(self, settings: Settings, watch: _Watch) -> None:
        fabric = _WatchedFabric(accelerator="cpu", devices=1)
        fabric.watch = watch
        super().__init__(settings, fabric)
        self.train()
        networks: dict[str, nn.Module | None] = {GENERATOR: self.generator, DISCRIMINATOR: self.discriminator}
        for part, network in networks.items():
            if network is not None:
                network.register_forward_pre_hook(watch.begin)
                network.register_forward_hook(partial(watch.end, part))
        for optimiser in self.optimisers.values():
            optimiser.register_step_pre_hook(watch.begin)
            optimiser.register_step_post_hook(partial(watch.end, OPTIMISERS))


class _AskedLoader(SliceLoader):
    def asked_for(self, place: int) -> Batch:
        return self._batch(np.array([[place, place]]), 1)


def _loader(folder: Path, settings: Settings) -> _AskedLoader:
    """Of a made case in a new folder."""
    stored(folder, [made("case", _N_SLICES, settings.slicing.size_px, seed=0)])
    return _AskedLoader.of(Dataset.open(folder), settings, (True, True, True))
