"""States that are written while a run goes on; whole trainings, in tests/verbs/test_train.py, test the rest."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.io.weights import read_weights
from zonate.learner import Learner
from zonate.run_folder import CHECKPOINT, CHECKPOINT_VERSION, LAST_NAME, RunState, StateWriter


def a_writer(folder: Path) -> StateWriter:
    dataset = cast("Dataset", SimpleNamespace(fingerprint="ab"))
    return StateWriter(folder, Settings(), dataset, began_from=None)


def a_learner(tensor: torch.Tensor) -> Learner:
    return cast("Learner", SimpleNamespace(state=lambda: {"weight": tensor}, device=torch.device("cpu")))


def test_what_is_written_is_the_state_of_that_moment(tmp_path: Path) -> None:
    weight = torch.tensor([1.0, 2.0])
    with a_writer(tmp_path) as writer:
        for epoch in (1, 2):
            weight += 1
            writer.begin(a_learner(weight), RunState(epoch, 0.5, {}))
            weight += 10
            writer.wait()
            tensors, about = read_weights(tmp_path / LAST_NAME, kind=CHECKPOINT, version=CHECKPOINT_VERSION)
            assert about["epoch"] == epoch
            assert tensors["weight"].tolist() == [11.0 * epoch - 9, 11.0 * epoch - 8]


def test_a_state_that_could_not_be_written_is_told_beside_another_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zonate.run_folder.write_weights", full)

    def interrupted() -> None:
        with a_writer(tmp_path) as writer:
            writer.begin(a_learner(torch.zeros(1)), RunState(1, None, {}))
            raise KeyboardInterrupt

    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        interrupted()
    assert caplog.messages == ["the state of the last epoch was not kept: [Errno 28] No space left on device"]
