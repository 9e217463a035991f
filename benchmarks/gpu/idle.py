"""The share of the time in which the device has nothing to do while a training goes on, from PyTorch's own trace."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.plan import Plan
from benchmarks.gpu.runs import AS_DESCRIBED, FAST
from benchmarks.speed.rates import wait
from zonate.config import Settings
from zonate.dataset.loader import SliceLoader
from zonate.dataset.store import Dataset
from zonate.fast import fast
from zonate.learner import Learner
from zonate.training.epochs import augmented, quickest_convolutions, training_loader
from zonate.training.taught import taught_by
from zonate.training.torchrun import joined

_WARM_UP = 1
"""Epochs, uncounted: kernels are made at the first step, a graph is captured soon after."""
_ON_GPU = ("kernel", "gpu_memcpy", "gpu_memset")
_ON_CPU = ("cpu_op",)

Span = tuple[float, float]
"""Begin and end."""


def idle_shares(plan: Plan, dataset: Path) -> dict[str, Any]:
    """Of both ways to train, reading and augmentation included."""
    os.environ.setdefault("TEARDOWN_CUPTI", "0")  # what traces a GPU cannot be ended and begun again beside graphs
    opened = Dataset.open(dataset)
    settings = {FAST: fast(plan.settings()), AS_DESCRIBED: plan.settings()}
    return {name: traced(opened, each, plan.traced_steps) for name, each in settings.items()}


def traced(dataset: Dataset, settings: Settings, steps: int) -> dict[str, Any]:
    """Train for some steps, once untraced and once traced."""
    with joined(settings.training.precision, None, None) as fabric:
        learner = Learner(settings, fabric)
    learner.train()
    device = learner.device.type
    loader = training_loader(dataset, settings, taught_by(dataset).channels, learner.device)
    steps = min(steps, len(loader))
    take = partial(_take, learner, loader, settings)
    with quickest_convolutions(learner.device):
        for epoch in range(_WARM_UP):
            take(epoch, len(loader))
        untraced_s = take(_WARM_UP, steps) / steps
        activity, kinds = (ProfilerActivity.CUDA, _ON_GPU) if device == "cuda" else (ProfilerActivity.CPU, _ON_CPU)
        with profile(activities=[activity]) as trace:
            take(_WARM_UP + 1, steps)
    measured = {"slices": settings.training.batch_size, "steps": steps, "untraced_s": untraced_s}
    spans = list(_spans(trace, kinds))
    if not spans:  # what was measured without a trace is worth having
        return {**measured, "step_s": None, "busy_s": None, "idle": None}
    busy_us, whole_us = busy(spans), max(end for _, end in spans) - min(begin for begin, _ in spans)
    return {
        **measured,
        "step_s": whole_us / 1e6 / steps,
        "busy_s": busy_us / 1e6 / steps,
        "idle": 1 - busy_us / whole_us,
    }


def busy(spans: Iterable[Span]) -> float:
    """How long at least one of the spans lasts."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _take(learner: Learner, loader: SliceLoader, settings: Settings, epoch: int, steps: int) -> float:
    """Take the first steps of an epoch as `zonate train` does, and wait for the device; seconds."""
    device = learner.device.type
    wait(device)
    began_s = perf_counter()
    for number, batch in enumerate(islice(loader.epoch(epoch + 1), steps)):
        learner.set_learning_rate((epoch * len(loader) + number) / (settings.training.epochs * len(loader)))
        learner.step(augmented(batch, settings, learner.device, (settings.training.seed, epoch, number)))
    wait(device)
    return perf_counter() - began_s


def _spans(trace: profile, kinds: tuple[str, ...]) -> Iterator[Span]:
    """What the device did, in µs."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.json"
        trace.export_chrome_trace(str(file))
        events = json.loads(file.read_text(encoding="utf-8"))["traceEvents"]
    for event in events:
        if event.get("ph") == "X" and event.get("cat") in kinds:
            yield float(event["ts"]), float(event["ts"]) + float(event["dur"])
