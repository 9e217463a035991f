"""The folder of a training run: what lies in it, and how a run begins in it or goes on.

settings.json       the resolved settings
card.md             whose data it learns from, under which terms
metrics.jsonl       a line an epoch
tensorboard/        the same as scalars
pictures/           validation patients
last.safetensors    everything to resume from
best.safetensors    the model
"""

import json
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.differing_settings import differing_settings, with_defaults
from zonate.errors import ConfigError, DatasetError, ModelError, OutputError
from zonate.io.files import check_output_folder, claim_output_folder, is_half_written, remove, write_json, write_text
from zonate.io.weights import BEGUN, read_about, read_weights, write_weights
from zonate.learner import Learner
from zonate.model import BEST_NAME, CARD_NAME

LAST_NAME = "last.safetensors"
SETTINGS_NAME = "settings.json"
METRICS_NAME = "metrics.jsonl"
CHECKPOINT = "zonate-checkpoint"
CHECKPOINT_VERSION = 1

_WRITTEN = (BEST_NAME, METRICS_NAME, CARD_NAME, "tensorboard", "pictures", SETTINGS_NAME)
"""What a run writes before its first checkpoint, in the order of removal: what a kill leaves may be removed again."""

_MAY_CHANGE = "training.epochs"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunState:
    """How far a run is, besides what its learner holds.

    Attributes:
        epoch: Epochs that are done.
        best: The best validation score among them; None where none was measured.
        scores: The last validation Dice by structure.
    """

    epoch: int = 0
    best: float | None = None
    scores: dict[str, float] = field(default_factory=dict)


def begin_run(
    run: Path,
    settings: Settings,
    dataset: Dataset,
    learner: Learner,
    *,
    began_from: Mapping[str, Any] | None,
    init: Path | None,
    resume: bool,
    overwrite: bool,
) -> RunState:
    """Make the folder ready, and the learner too where there is something to resume.

    Args:
        run: The folder.
        settings: As resolved. Of a run that goes on, the number of epochs may differ: its learning rate then follows
            the schedule over the new number, and may jump up where the old one had brought it down.
        dataset: That it learns from.
        learner: As it begins.
        began_from: Name and sha256 of the model whose weights it begins from; None: fresh weights.
        init: The file of that model, which must not be emptied away.
        resume: Whether to go on where the folder holds a checkpoint.
        overwrite: Whether a folder that holds something may be emptied.

    Raises:
        DatasetError: The run began with another dataset.
        ConfigError: The run began from other weights, or with other settings, or has done more epochs.
        ModelError: The checkpoint cannot be read.
        OutputError: The folder holds something already, or what is read; or a run has lost its checkpoint or model.
    """
    if resume and (run / LAST_NAME).is_file():
        start = _resume(run, settings, dataset, learner, began_from)
    else:
        inputs = [dataset.path] if init is None else [dataset.path, init]
        began_with = _began_with(run) if resume and not overwrite else None
        if began_with is None:
            claim_output_folder(run, overwrite=overwrite, inputs=inputs)
        else:  # killed in its first epoch
            check_output_folder(run, overwrite=True, inputs=inputs, stays=True)
            _check_no_epoch_done(run, began_with)
            for name in _WRITTEN:
                remove(run / name)
        start = RunState()
    write_json(run / SETTINGS_NAME, settings.model_dump(mode="json"))
    # Of a training that was killed while it wrote.
    for leftover in filter(is_half_written, [*run.glob(".*"), *run.glob("pictures/.*")]):
        if leftover.is_file() or leftover.name.endswith(BEGUN):  # another folder is another command's
            remove(leftover)
    _keep_metrics(run / METRICS_NAME, start.epoch)
    return start


def follow(run: Path, learner: Learner, state: RunState) -> None:
    """Take up in one process what another one has taken up by `begin_run`.

    Args:
        run: The folder.
        learner: As it begins.
        state: As `begin_run` gave it there.

    Raises:
        OutputError: The folder cannot be seen from here.
        ModelError: The checkpoint cannot be read.
    """
    if not (run / SETTINGS_NAME).is_file():
        raise OutputError(
            f"the run folder {run}, which the first process has made, is not seen by this one: it must lie where every "
            "machine sees it under the same path"
        )
    if state.epoch:
        tensors, _ = read_weights(run / LAST_NAME, kind=CHECKPOINT, version=CHECKPOINT_VERSION)
        learner.load_state(tensors)


def how_to_resume(run: Path) -> str:
    """What is left of a run that ended before its time, and what to do, in a sentence."""
    try:
        epoch = read_about(run / LAST_NAME, kind=CHECKPOINT, version=CHECKPOINT_VERSION)["epoch"]
    except ModelError:
        return "No epoch had been finished: train again, with --resume where the run folder is there"
    return f"What was learnt until the end of epoch {epoch} is kept in {run / LAST_NAME}: go on with --resume"


class StateWriter:
    """Writes `last.safetensors` while the run goes on: one at a time, each of them whole or not at all.

    A run goes on from there, and only as one that began where this one did. That a state could not be written is known
    when the next one is begun. Where the block ends, by an error too, nothing is being written any more.
    """

    def __init__(
        self, run: Path, settings: Settings, dataset: Dataset, *, began_from: Mapping[str, Any] | None
    ) -> None:
        self._run = run
        self._origin = {
            "fingerprint": dataset.fingerprint,
            "began_from": began_from,
            "settings": settings.model_dump(mode="json"),
        }
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._held: dict[str, Tensor] = {}  # of the state that is written, or was last

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._writing is not None and (error := self._writing.exception()) is not None:
            _LOG.warning("the state of the last epoch was not kept: %s", error)

    def begin(self, learner: Learner, state: RunState) -> None:
        """Begin to write a state, when the one before is there; the learner may go on at once.

        Raises:
            Exception: As `wait`.
        """
        self.wait()
        about = {"epoch": state.epoch, "best": state.best, "scores": state.scores, **self._origin}
        for name, tensor in learner.state().items():
            if name not in self._held:
                self._held[name] = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
            self._held[name].copy_(tensor.detach(), non_blocking=tensor.is_cuda)
        if learner.device.type == "cuda":
            torch.cuda.current_stream(learner.device).synchronize()
        self._writing = self._thread.submit(
            write_weights, self._run / LAST_NAME, self._held, about, kind=CHECKPOINT, version=CHECKPOINT_VERSION
        )

    def wait(self) -> None:
        """Wait until what was begun lies there.

        Raises:
            Exception: It could not be written.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()


def log_epoch(
    run: Path,
    board: SummaryWriter,
    epoch: int,
    losses: Mapping[str, float],
    dice: Mapping[str, float],
    seconds: float,
    learning_rate: float,
) -> None:
    """Add the epoch to `metrics.jsonl` and to TensorBoard."""
    line = {
        "epoch": epoch,
        "losses": losses,
        "validation_dice": dict(dice),
        "validation_mean_dice": fmean(dice.values()) if dice else None,
        "seconds": round(seconds, 3),
        "learning_rate": learning_rate,
    }
    with (run / METRICS_NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, allow_nan=False) + "\n")
    for name, value in losses.items():
        board.add_scalar(f"loss/{name}", value, epoch)
    for name, value in dice.items():
        board.add_scalar(f"validation_dice/{name}", value, epoch)
    board.add_scalar("learning_rate", learning_rate, epoch)
    board.flush()


def _began_with(run: Path) -> Settings | None:
    """The settings of a run in whose folder nothing else lies; None where there is no such run."""
    if any(path.name not in _WRITTEN and not path.name.startswith(".") for path in run.glob("*")):
        return None
    try:
        settings = Settings.model_validate_json((run / SETTINGS_NAME).read_bytes())
    except (OSError, ValueError):
        return None
    return settings if "training" in settings.model_fields_set else None  # `{}` is anybody's


def _check_no_epoch_done(run: Path, began_with: Settings) -> None:
    """Refuse to begin anew where epochs are done: each is noted before its checkpoint is written."""
    metrics = run / METRICS_NAME
    epochs = len(_lines(metrics))
    if epochs > 1:
        found = f"its {METRICS_NAME} tells of {epochs} epochs"
    elif (run / BEST_NAME).is_file() and (epochs == began_with.training.epochs or not metrics.is_file()):
        found = f"{BEST_NAME} may be that of a run that had ended"
    else:
        return
    raise OutputError(
        f"the run {run} cannot go on: {found}, but {LAST_NAME} is missing. Put it back, give another folder, or "
        "begin anew with --overwrite, which empties this one"
    )


def _resume(
    run: Path, settings: Settings, dataset: Dataset, learner: Learner, began_from: Mapping[str, Any] | None
) -> RunState:
    tensors, about = read_weights(run / LAST_NAME, kind=CHECKPOINT, version=CHECKPOINT_VERSION)
    if about["fingerprint"] != dataset.fingerprint:
        raise DatasetError(
            f"the run {run} began with another dataset than {dataset.where} (or it was prepared anew since): give that "
            "one, or begin a new run"
        )
    # Data, terms and patients of the first model come from --init: without it they would be lost.
    if (before := about.get("began_from")) != began_from:
        raise ConfigError(
            f"the run {run} began from {_weights(before)}, not from {_weights(began_from)}: resume with the same "
            "--init, or begin a new run"
        )
    began_with = with_defaults(about["settings"], str(run / LAST_NAME))
    changed = sorted(name for name in differing_settings(began_with, settings) if name != _MAY_CHANGE)
    if changed:
        raise ConfigError(
            f"the run {run} began with other settings: {', '.join(changed)}. Resume with those in "
            f"{run / SETTINGS_NAME}, or begin a new run"
        )
    if about["epoch"] > settings.training.epochs:
        raise ConfigError(
            f"the run {run} has done {about['epoch']} epochs, {_MAY_CHANGE} is {settings.training.epochs}: give "
            f"{about['epoch']} or more, or begin a new run"
        )
    if about["best"] is not None and not (run / BEST_NAME).is_file():
        raise OutputError(f"the run {run} cannot go on: its {BEST_NAME} is missing. Put it back, or begin a new run")
    learner.load_state(tensors)
    return RunState(about["epoch"], about["best"], about["scores"])


def _weights(began_from: Mapping[str, Any] | None) -> str:
    if began_from is None:
        return "fresh weights"
    return f"the weights of {began_from['name']} (sha256 {began_from['sha256'][:12]})"


def _keep_metrics(file: Path, epochs: int) -> None:
    """Keep the lines of the epochs that are done; one more may lie there, whole or torn, of a killed process."""
    write_text(file, "".join(f"{line}\n" for line in _lines(file)[:epochs]))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
