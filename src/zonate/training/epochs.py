"""The epochs of a training run: their steps, what the validation patients say, and what is kept of each."""

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from zonate.augmentation.augment import augment
from zonate.config import Settings
from zonate.counted import counted
from zonate.dataset.entry import Entry
from zonate.dataset.loader import Batch, SliceLoader
from zonate.dataset.store import Dataset
from zonate.errors import ModelError
from zonate.io.files import atomic_path, write_text
from zonate.learner import Learner
from zonate.model import BEST_NAME, CARD_NAME, Model
from zonate.pictures.training import draw_validation
from zonate.processes import Processes
from zonate.progress import Progress, silent, stage
from zonate.run_folder import RunState, StateWriter, log_epoch
from zonate.training.card import card
from zonate.training.taught import Taught
from zonate.validation import CaseDice, Validated, mean_dice, validate

_LOG = logging.getLogger(__name__)

_N_PICTURES = 4  # validation patients, the same each time
_SECONDS_BETWEEN_READINGS = 1.0


@dataclass(frozen=True, eq=False)
class Run:
    """What a training run is made of.

    Attributes:
        folder: Where it is written.
        dataset: What it learns from.
        settings: As resolved.
        taught: What the dataset teaches.
        learner: What learns.
        processes: That learn together.
    """

    folder: Path
    dataset: Dataset
    settings: Settings
    taught: Taught
    learner: Learner
    processes: Processes

    def model(self) -> Model:
        """The model as it is now."""
        taught = self.taught
        return Model(
            self.learner.inference_network,
            self.settings,
            self.dataset.statistics,
            taught.codes,
            taught.provenance,
            taught.channels,
        )


def learn(run: Run, start: RunState, progress: Progress) -> None:
    """Go through the epochs that are not done; what each leaves behind is written by the first process.

    Raises:
        ModelError: Losses or weights are no longer finite.
        OSError: What an epoch leaves cannot be written.
        ProcessError: Another process has failed.
    """
    training = run.settings.training
    processes = run.processes
    loader = training_loader(run.dataset, run.settings, run.taught.channels, run.learner.device, processes)
    if processes.is_first:
        stage(_begun(run, start, len(loader)))
        if not run.dataset.split("validation"):
            _LOG.warning("the dataset has no validation patient: the model of the last epoch is kept, not the best one")
        if training.compiled and sum(entry.slices for entry in run.dataset.split("train")) < training.batch_size:
            _LOG.warning("there are fewer slices than one batch holds, so that the networks are not compiled for it")
    best, scores = start.best, start.scores
    began_from = run.taught.provenance.get("began_from")
    writer = StateWriter(run.folder, run.settings, run.dataset, began_from=began_from)
    with _board(run, start) as board, writer:
        for epoch in range(start.epoch + 1, training.epochs + 1):
            began = time.perf_counter()
            _seed_epoch(training.seed, epoch, run.processes.rank)
            with quickest_convolutions(run.learner.device):
                means = _go_through(run, loader, epoch, scores, progress)
            run.processes.agree(partial(_check_finite, means, run.learner.generator, epoch))
            run.learner.share_buffers()

            measured: Mapping[str, float] = {}
            better = False
            last = epoch == training.epochs
            if last or epoch % training.validate_every_epochs == 0:
                pictures = run.folder / "pictures" if last or epoch % training.pictures_every_epochs == 0 else None
                measured = scores = _validate(run, pictures, epoch)
                score = fmean(scores.values()) if scores else None
                better = score is None or best is None or score > best
                best = score if better else best
            seconds = time.perf_counter() - began
            state = RunState(epoch, best, scores)
            run.processes.agree(partial(_keep, run, board, writer, state, means, measured, seconds, better=better))
        run.processes.agree(writer.wait)


def training_loader(
    dataset: Dataset,
    settings: Settings,
    channels: tuple[bool, bool, bool],
    device: torch.device,
    processes: Processes | None = None,
) -> SliceLoader:
    """The batches that a training on a device takes, or the share that one of several processes has of them."""
    rank, number = (0, 1) if processes is None else (processes.rank, processes.world_size)
    pinned = device.type == "cuda"
    return SliceLoader.of(dataset, settings, channels, rank=rank, processes=number, pinned=pinned)


@contextmanager
def quickest_convolutions(device: torch.device) -> Iterator[None]:
    """Let a GPU measure by which of its ways it convolves the quickest, once for each shape.

    Which one that is, and with it the last bits, may differ from run to run.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _begun(run: Run, start: RunState, steps: int) -> str:
    """What is about to happen, in a line."""
    learns, chooses = run.dataset.split("train"), run.dataset.split("validation")
    name, last = run.settings.name, run.settings.training.epochs
    if start.epoch == last:
        return f"{name}: all {last} epochs are done"
    return (
        f"{name}: {_patients(learns)} to learn from ({sum(entry.slices for entry in learns)} slices), "
        f"{_patients(chooses)} to choose the best epoch by; epoch {start.epoch + 1} of {last} is next, of "
        f"{counted(steps, 'step')}, on {run.learner.device}"
    )


def _patients(entries: Sequence[Entry]) -> str:
    return counted(len({entry.patient_id for entry in entries}), "patient")


def _board(run: Run, start: RunState) -> "SummaryWriter | nullcontext[None]":
    """TensorBoard's file, of the first process alone."""
    if not run.processes.is_first:
        return nullcontext()
    return SummaryWriter(str(run.folder / "tensorboard"), purge_step=start.epoch + 1)


def _go_through(
    run: Run, loader: SliceLoader, epoch: int, scores: Mapping[str, float], progress: Progress
) -> dict[str, float]:
    """The steps of an epoch; the means over them of the terms of the losses."""
    training, learner = run.settings.training, run.learner
    steps = training.epochs * len(loader)
    learner.train()
    sums: dict[str, torch.Tensor] = {}
    text, read_s = "", -math.inf
    for number, batch in enumerate(loader.epoch(epoch), start=1):
        done = (epoch - 1) * len(loader) + number
        learner.set_learning_rate((done - 1) / steps)
        terms = learner.step(augmented(batch, run.settings, learner.device, (training.seed, epoch, number)))
        sums = {name: sums.get(name, 0) + term for name, term in terms.items()}
        # To read a loss is to wait for the device.
        if progress is not silent and (number == len(loader) or _now_s() - read_s >= _SECONDS_BETWEEN_READINGS):
            text, read_s = _describe(epoch, training.epochs, sums, number, scores), _now_s()
        progress(done, steps, text)
    return {name: float(total) / len(loader) for name, total in sums.items()}


def _now_s() -> float:
    return time.perf_counter()


def augmented(batch: Batch, settings: Settings, device: torch.device, seed: tuple[int, ...]) -> Batch:
    """A batch as it is learnt from, on the device: images (B, (2n + 1) · 3, H, W), 0 where nothing was measured."""
    images, labels = augment(
        batch.images,
        batch.labels,
        settings.augmentation,
        spacing_mm=settings.slicing.spacing_mm,
        size_px=settings.training.patch_px or settings.slicing.size_px,
        seed=seed,
        first=batch.first,
        batch_size=batch.size,
        device=device,
    )
    return replace(batch, images=images, labels=labels)


def _seed_epoch(seed: int, epoch: int, rank: int) -> None:
    """Set the random state from which dropout is drawn, as a function of seed, epoch and rank alone."""
    # SeedSequence takes a last 0 for nothing: the first process draws what a single one draws.
    torch.manual_seed(int(np.random.SeedSequence((seed, epoch, rank)).generate_state(1, np.uint32)[0]))


def _validate(run: Run, pictures: Path | None, epoch: int) -> dict[str, float]:
    """Mean Dice by structure over the validation patients; pictures of the first few cases where asked for.

    The cases are dealt out to the processes.
    """
    rank, number = run.processes.rank, run.processes.world_size
    n_pictures = 0 if pictures is None else len(range(rank, _N_PICTURES, number))

    def measure() -> list[CaseDice]:
        model = run.model()
        dices: list[CaseDice] = []
        for case in validate(model, run.dataset, run.dataset.split("validation")[rank::number]):
            dices.append(CaseDice(case.patient_id, case.dice, case.held))
            if pictures is not None and len(dices) <= n_pictures:
                _draw(pictures / f"epoch-{epoch:04d}-{case.case_id}.png", case, model, epoch)
        return dices

    shares = run.processes.all_gather(run.processes.agree(measure))
    return mean_dice([dice for share in shares for dice in share])


def _draw(file: Path, case: Validated, model: Model, epoch: int) -> None:
    title = f"{model.settings.name}, epoch {epoch}: {case.case_id}"
    with atomic_path(file) as temporary:
        draw_validation(
            temporary, case.t2w, case.reference, case.prediction, title=title, dice=case.dice, codes=model.codes
        )


def _keep(
    run: Run,
    board: SummaryWriter | None,
    writer: StateWriter,
    state: RunState,
    losses: Mapping[str, float],
    dice: Mapping[str, float],
    seconds: float,
    *,
    better: bool,
) -> None:
    """Write what an epoch leaves behind, where there is a board."""
    if board is None:
        return
    writer.wait()  # for the epoch before: a run that goes on after it finds nothing of a later one than the next
    if better:
        model = run.model()
        model.save(run.folder / BEST_NAME)
        write_text(run.folder / CARD_NAME, card(model))  # of one that is replaced, it may tell a calibration
    log_epoch(run.folder, board, state.epoch, losses, dice, seconds, run.learner.learning_rate)
    # Last of all: until it lies there, a resumed run does this epoch again, and writes over what it has left.
    writer.begin(run.learner, state)


def _check_finite(losses: Mapping[str, float], network: nn.Module, epoch: int) -> None:
    """End a training that has diverged before anything is kept of it: its last step may have spoilt weights alone."""
    found = {f"the loss {name}": value for name, value in losses.items()}
    found["the sum of weights"] = float(torch.stack([weight.detach().sum() for weight in network.parameters()]).sum())
    for what, value in found.items():
        if not math.isfinite(value):
            raise ModelError(
                f"{what} is {value} in epoch {epoch}: training has diverged, and would again if it were resumed. Begin "
                "a new run with a lower optimiser.learning_rate, or with training.precision 32-true"
            )


def _describe(epoch: int, epochs: int, sums: Mapping[str, torch.Tensor], steps: int, dice: Mapping[str, float]) -> str:
    losses = " ".join(f"{name} {float(total) / steps:.3g}" for name, total in sums.items())
    found = " ".join(f"{name} {value:.3f}" for name, value in dice.items())
    return f"epoch {epoch}/{epochs}  losses: {losses}" + (f"; last validation, Dice: {found}" if found else "")
