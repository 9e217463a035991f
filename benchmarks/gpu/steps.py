"""A training step on random slices, ours and the plain loop's in turn: at batch 1, and by `--fast`."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from benchmarks.gpu.plan import Plan
from benchmarks.speed.plain_pix2pix import PlainLoop
from benchmarks.speed.rates import measure_rates, operations, side_by_side
from benchmarks.speed.training import PLAIN, a_batch, drawn, learner_of
from zonate.fast import fast
from zonate.networks.compiled import can_compile
from zonate.training.epochs import quickest_convolutions

EAGER, COMPILED, FAST = "zonate, float32", "zonate, float32, compiled", "zonate --fast"


def at_batch_1(plan: Plan, device: str) -> dict[str, Any]:
    """Seconds of a step on one slice that lies on the device; all compute the same losses and gradients."""
    settings = plan.settings()
    plain, eager, batch = _plain(plan, device), learner_of(settings, device), a_batch(1, device)
    compiled = learner_of(settings.override(["training.compiled=true"]), device)
    return _measured(
        plan,
        device,
        {PLAIN: plain, EAGER: partial(eager.step, batch), COMPILED: partial(compiled.step, batch)},
        {PLAIN: operations(plain), EAGER: operations(partial(eager.step, batch))},
        dict.fromkeys((PLAIN, EAGER, COMPILED), 1),
    )


def by_fast(plan: Plan, device: str) -> dict[str, Any]:
    """Seconds of a step of the plain loop on one slice, and of ours by `--fast` on as many as that takes."""
    settings = fast(plan.settings())
    size = settings.training.batch_size
    plain, learner, batch = _plain(plan, device), learner_of(settings, device), a_batch(size, device)
    alike = learner_of(plan.settings(), device)
    return _measured(
        plan,
        device,
        {PLAIN: plain, FAST: partial(learner.step, batch)},
        {PLAIN: operations(plain), FAST: size * operations(partial(alike.step, a_batch(1, device)))},
        {PLAIN: 1, FAST: size},
    )


def _plain(plan: Plan, device: str) -> Callable[[], Any]:
    batch = a_batch(1, device)
    return partial(PlainLoop(device, plan.base_channels).step, batch.images, drawn(batch))


def _measured(
    plan: Plan,
    device: str,
    works: dict[str, Callable[[], Any]],
    gflop: dict[str, float],
    slices: dict[str, int],
) -> dict[str, Any]:
    with quickest_convolutions(torch.device(device)):
        found = side_by_side(works, plan.repeats, device, plan.calls)
    return {
        "steps": {name: asdict(timing) for name, timing in found.items()},
        "slices": slices,
        "gflop": gflop,
        "rates": asdict(measure_rates(device)) if device != "cpu" else None,
        "compiler": given_up() if can_compile(torch.device(device)) else None,
    }


def given_up() -> dict[str, int]:
    """What PyTorch's compiler gave up on since it last forgot: 0 and 0 where all was compiled and captured."""
    from torch._dynamo.utils import counters

    return {
        "graph_breaks": sum(counters["graph_break"].values()),
        "graphs_not_captured": int(counters["inductor"]["cudagraph_skips"]),
    }


def forget_compiled(device: str) -> None:
    """Else what an earlier part compiled would count towards the compiler's limit for the next one."""
    if device == "cpu":
        return
    from torch._dynamo.utils import counters

    torch.compiler.reset()
    counters.clear()
