"""Does what learns wait for what reads and augments: a trace of training steps, and the shares of their time.

    python -m benchmarks.trace DATASET [--recipes zonate pix2pix] [--steps 12] [-o benchmarks/trace.md]

DATASET is a prepared one. The first steps do not count. The trace of the first recipe is drawn in docs/pictures. It
shows threads, hence a CPU that learns. What a GPU waits for is shown by its own trace: `python -m benchmarks.gpu
--parts idle`.
"""

import argparse
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from matplotlib.figure import Figure

from benchmarks.machine import circumstances
from zonate.config import Settings, load_recipe
from zonate.dataset.loader import READERS, Batch, SliceLoader
from zonate.dataset.store import Dataset
from zonate.learner import Learner
from zonate.training.epochs import augmented
from zonate.training.taught import taught_by
from zonate.training.torchrun import joined

PAGE = Path(__file__).with_name("trace.md")
PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "training-trace.png"
WAITING, AUGMENTING, LEARNING, READING = "waiting for slices", "augmenting", "learning", "reading"
_COLOURS = {WAITING: "#d55e00", AUGMENTING: "#e69f00", LEARNING: "#0072b2", READING: "#009e73"}
_UNCOUNTED = 2
_DRAWN = 6


@dataclass(frozen=True)
class Span:
    """What was done from when to when, and by which thread."""

    what: str
    begin_s: float
    end_s: float
    thread: int


@dataclass
class Trace:
    """The spans of some steps, of the thread that learns and of those that read."""

    spans: list[Span] = field(default_factory=list)

    @contextmanager
    def of(self, what: str) -> Iterator[None]:
        """Keep how long the block takes."""
        begin = perf_counter()
        yield
        self.spans.append(Span(what, begin, perf_counter(), threading.get_ident()))

    def seconds(self, what: str) -> float:
        """Of all spans of a kind together."""
        return sum(span.end_s - span.begin_s for span in self.spans if span.what == what)

    def shares(self) -> dict[str, float]:
        """Of the time of the thread that learns."""
        seconds = {what: self.seconds(what) for what in (WAITING, AUGMENTING, LEARNING)}
        return {what: each / sum(seconds.values()) for what, each in seconds.items()}

    def since(self, begin_s: float) -> "Trace":
        """The spans that began then or later."""
        return Trace([span for span in self.spans if span.begin_s >= begin_s])


class _Watched(SliceLoader):
    """A loader that keeps when its threads read."""

    trace: Trace

    def _batch(self, *arguments: Any) -> Batch:
        with self.trace.of(READING):
            return super()._batch(*arguments)


def traced(dataset: Dataset, settings: Settings, steps: int) -> Trace:
    """Train for some steps on the CPU, as `zonate train` does, and keep what was done when.

    Args:
        dataset: Prepared.
        settings: Of a recipe.
        steps: That count.
    """
    with joined(settings.training.precision, None, None) as fabric:
        learner = Learner(settings, fabric)
    learner.train()
    device = learner.device
    trace, loader = Trace(), _Watched.of(dataset, settings, taught_by(dataset).channels)
    loader.trace = trace
    batches = chain.from_iterable(loader.epoch(epoch) for epoch in count(1))
    begin_s = 0.0
    for number in range(_UNCOUNTED + steps):
        if number == _UNCOUNTED:
            begin_s = perf_counter()
        with trace.of(WAITING):
            batch = next(batches)
        with trace.of(AUGMENTING):
            batch = augmented(batch, settings, device, (settings.training.seed, 1, number))
        with trace.of(LEARNING):
            learner.set_learning_rate(number / (settings.training.epochs * len(loader)))
            learner.step(batch)
    return trace.since(begin_s)


def picture(trace: Trace, file: Path, title: str) -> None:
    """The last steps: the thread that learns on top, below it those that read."""
    learning = [span for span in trace.spans if span.what == LEARNING][-_DRAWN:]
    begin_s, end_s = learning[0].begin_s, learning[-1].end_s
    shown = [span for span in trace.spans if span.end_s > begin_s and span.begin_s < end_s]
    lanes = {learning[0].thread: 0}
    for span in shown:
        lanes.setdefault(span.thread, len(lanes))
    figure = Figure(figsize=(9, 0.8 + 0.35 * len(lanes)), layout="constrained")
    axes = figure.subplots()
    for what, colour in _COLOURS.items():
        spans = [span for span in shown if span.what == what]
        axes.barh(
            [lanes[span.thread] for span in spans],
            [span.end_s - span.begin_s for span in spans],
            left=[span.begin_s - begin_s for span in spans],
            color=colour,
            label=what,
        )
    axes.set_xlim(0, end_s - begin_s)
    axes.set_yticks(range(len(lanes)), ["learns", *(f"reads, {number}" for number in range(1, len(lanes)))])
    axes.invert_yaxis()
    axes.set_xlabel("s")
    axes.set_title(title, fontsize=10)
    axes.legend(ncols=len(_COLOURS), fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.12), frameon=False)
    figure.savefig(file, dpi=110)


def page(traces: Mapping[str, Trace], settings: Mapping[str, Settings], steps: int, about: Mapping[str, Any]) -> str:
    """The page: of each recipe, what the thread that learns does, and how much of reading it takes."""
    lines = [
        "# Does learning wait for reading?",
        "",
        f"`python -m benchmarks.trace DATASET` ({about['date']}, {about['machine']}, {about['threads']} threads, "
        f"commit {about['commit']}): {steps} steps as `zonate train` takes them, {READERS} threads reading ahead.",
        "",
        "| recipe | slices a step | s a step | waiting for slices | augmenting | learning | reading, s a step |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, trace in traces.items():
        shares = trace.shares()
        a_step_s = sum(trace.seconds(what) for what in shares) / steps
        of_kind = " | ".join(f"{shares[what]:.1%}" for what in (WAITING, AUGMENTING, LEARNING))
        reading_s = trace.seconds(READING) / steps
        lines.append(
            f"| {name} | {settings[name].training.batch_size} | {a_step_s:.3g} | {of_kind} | {reading_s:.3g} |"
        )
    lines += [
        "",
        "Reading is done beside learning, and its seconds are those of all reading threads together. The last steps of "
        f"{next(iter(traces))}:",
        "",
        "![what each thread does](../docs/pictures/training-trace.png)",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Trace, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--recipes", nargs="+", default=["zonate", "pix2pix"])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parser.parse_args()
    if torch.cuda.is_available():
        sys.exit("on a GPU, `python -m benchmarks.gpu --parts idle` shows how long it waits; hide it to trace the CPU")
    about = circumstances(torch.get_num_threads())  # before any file changes
    dataset = Dataset.open(given.dataset)
    settings = {name: load_recipe(name) for name in given.recipes}
    traces = {name: traced(dataset, each, given.steps) for name, each in settings.items()}
    first = given.recipes[0]
    picture(traces[first], given.picture, f"{first}, {settings[first].training.batch_size} slices a step")
    given.output.write_text(page(traces, settings, given.steps, about), encoding="utf-8")


if __name__ == "__main__":
    main()
