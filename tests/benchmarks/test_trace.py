from pathlib import Path

import pytest
import torch
from PIL import Image

from benchmarks import trace as trace_module
from benchmarks.trace import AUGMENTING, LEARNING, READING, WAITING, Span, Trace, page, picture, traced
from tests.dataset_factory import a_dataset
from zonate.config import load_recipe
from zonate.dataset.store import Dataset
from zonate.learner import Learner

TINY = load_recipe("pix2pix").override(["network.base_channels=4"])
ABOUT = {"date": "2026-11-30", "machine": "2 cores of X", "threads": 2, "commit": "abc"}
BY_HAND = Trace(
    [
        Span(WAITING, 0.0, 1.0, 1),
        Span(READING, 0.0, 3.0, 2),
        Span(AUGMENTING, 1.0, 2.0, 1),
        Span(LEARNING, 2.0, 10.0, 1),
        Span(READING, 4.0, 5.0, 3),
    ]
)


def test_shares_are_of_the_thread_that_learns() -> None:
    assert BY_HAND.shares() == {WAITING: 0.1, AUGMENTING: 0.1, LEARNING: 0.8}
    assert BY_HAND.seconds(READING) == 4.0
    assert [span.what for span in BY_HAND.since(1.5).spans] == [LEARNING, READING]


def test_the_page_says_them() -> None:
    said = page({"pix2pix": BY_HAND}, {"pix2pix": TINY}, 2, ABOUT)
    assert "| pix2pix | 1 | 5 | 10.0% | 10.0% | 80.0% | 2 |" in said


def test_a_gpu_is_not_traced_by_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("sys.argv", ["trace", "dataset"])
    with pytest.raises(SystemExit, match=r"benchmarks\.gpu --parts idle"):
        trace_module.main()


def test_each_step_waits_augments_and_learns_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[float] = []
    monkeypatch.setattr(Learner, "set_learning_rate", lambda _, share: done.append(share))
    dataset = Dataset.open(a_dataset(tmp_path / "set", slices=1))
    trace = traced(dataset, TINY, 3)
    counted = [span.what for span in trace.spans if span.what != READING]
    assert counted == [WAITING, AUGMENTING, LEARNING] * 3
    assert sum(trace.shares().values()) == pytest.approx(1)
    assert done == [step / (300 * 2) for step in range(5)]  # two of which do not count, of 300 epochs of two steps
    picture(trace, tmp_path / "trace.png", "tiny")
    with Image.open(tmp_path / "trace.png") as drawn:
        assert drawn.width == 990
