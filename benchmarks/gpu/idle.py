"""The share of the time in which the device has nothing to do while a training goes on, from PyTorch's own trace."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain, count
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
from zonate.networks.compiled import can_compile
from zonate.training.epochs import augmented
from zonate.training.taught import taught_by
from zonate.training.torchrun import joined

_EPOCHS_TO_COMPILE = 3
"""Uncounted: kernels are made for a batch's size at its first step, its graph is captured later; the last batch of an
epoch is smaller."""
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
    loader = SliceLoader.of(dataset, settings, taught_by(dataset).channels)
    stepping = _stepping(learner, loader, settings)
    compiled = settings.training.compiled and can_compile(learner.device)
    _take(stepping, (_EPOCHS_TO_COMPILE if compiled else 1) * len(loader), device)
    untraced_s = _take(stepping, steps, device) / steps
    activity, kinds = (ProfilerActivity.CUDA, _ON_GPU) if device == "cuda" else (ProfilerActivity.CPU, _ON_CPU)
    with profile(activities=[activity]) as trace:
        _take(stepping, steps, device)
    spans = list(_spans(trace, kinds))
    busy_us, whole_us = busy(spans), max(end for _, end in spans) - min(begin for begin, _ in spans)
    return {
        "slices": settings.training.batch_size,
        "steps": steps,
        "untraced_s": untraced_s,
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


def _stepping(learner: Learner, loader: SliceLoader, settings: Settings) -> Iterator[None]:
    """A step each time, as `zonate train` takes it."""
    batches = chain.from_iterable(loader.epoch(epoch) for epoch in count(1))
    for number, batch in enumerate(batches):
        learner.set_learning_rate(number / (settings.training.epochs * len(loader)))
        learner.step(augmented(batch, settings, learner.device, (settings.training.seed, 1, number)))
        yield


def _take(stepping: Iterator[None], steps: int, device: str) -> float:
    """Take some steps and wait for the device; seconds."""
    wait(device)
    began_s = perf_counter()
    for _ in range(steps):
        next(stepping)
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
