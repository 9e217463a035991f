"""Train a model by a recipe: one readable loop, resumable to the bit."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from zonate.checkpoint import read_checkpoint, write_checkpoint
from zonate.config import Settings
from zonate.dataset.loader import SliceLoader
from zonate.dataset.store import Dataset, Entry
from zonate.errors import ConfigError, DatasetError
from zonate.io.files import claim_output_folder, write_json
from zonate.model import BEST_NAME, Model
from zonate.pictures.validation import draw_validation
from zonate.progress import Progress, silent
from zonate.training.log import RunLog, mean_terms
from zonate.training.step import Pix2Pix
from zonate.training.validation import validate
from zonate.zones import LabelCode, told_apart

LAST_NAME = "last.safetensors"
SETTINGS_NAME = "settings.json"
PICTURED_CASES = 3


@dataclass
class _Position:
    """How far a run has come: what a checkpoint keeps besides tensors."""

    epochs_done: int = 0
    best_dice: float = -1.0


def train(
    dataset: Path,
    run: Path,
    settings: Settings,
    *,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Train on a dataset's training patients, choosing the best epoch by its validation patients.

    Every epoch's order, augmentation and dropout follow from (seed, epoch) alone, and the state is
    written after every epoch; so a run that was killed at any moment and resumed ends at the same
    weights as an unbroken one (on the CPU to the bit, with the same number of threads).

    Args:
        dataset: What `prepare` wrote.
        run: Folder for checkpoints, log and pictures.
        settings: Such as `load_recipe` gives; reading, alignment and slicing are taken from the dataset.
        resume: Go on where the run stopped; one that has nothing yet starts from the beginning.
        overwrite: Whether a run folder that holds something may be emptied.
        progress: Told of every step.

    Returns:
        The best model's file: by mean validation Dice over structures, or the last epoch's where the
        dataset has no validation patient.

    Raises:
        DatasetError: The dataset is incomplete, or has no training patient.
        ConfigError: `resume` with other settings or another dataset than the run began with.
        OutputError: The run folder holds something and may not be emptied.
    """
    data = Dataset.open(dataset)
    settings = settings.model_copy(
        update={"reading": data.reading, "alignment": data.alignment, "slicing": data.slicing, "split": data.splitting}
    )
    training, validation = data.split("train"), data.split("validation")
    if not training:
        raise DatasetError(f"the dataset {dataset} has no training patient: all its cases are for other use")
    if not resume:
        claim_output_folder(run, overwrite=overwrite)
    fabric = Fabric(accelerator="auto", devices=1, precision=settings.training.precision)
    torch.manual_seed(settings.training.seed)  # the initial weights
    networks = Pix2Pix(settings, fabric)
    position = _restore(run, networks, settings, data) if resume else _Position()
    slices = SliceLoader(
        data,
        training,
        batch_size=settings.training.batch_size,
        seed=settings.training.seed,
        normalisation=settings.normalisation,
        channels=_channels(training),
        augmentation=settings.augmentation,
    )
    total = settings.training.epochs * len(slices)
    write_json(run / SETTINGS_NAME, settings.model_dump())

    with RunLog(run, position.epochs_done) as log:
        for epoch in range(position.epochs_done, settings.training.epochs):
            began = time.perf_counter()
            torch.manual_seed(_epoch_seed(settings, epoch))  # dropout
            networks.generator.train()
            steps = []
            for batch in slices.epoch(epoch):  # images (B, 3, H, W), labels (B, H, W)
                steps.append(networks.step(batch))
                text = f"epoch {epoch + 1}: generator {steps[-1]['generator']:.3f}, best Dice {position.best_dice:.3f}"
                progress(epoch * len(slices) + len(steps), total, text)
            position.epochs_done = epoch + 1
            model = _model(networks, data, training, position)
            dice = (
                validate(model, data, validation)
                if _due(settings.training.validate_every_epochs, settings, epoch)
                else {}
            )
            if dice or not validation:
                mean_dice = sum(dice.values()) / max(len(dice), 1)
                if mean_dice > position.best_dice or not validation:
                    position.best_dice = mean_dice
                    _model(networks, data, training, position).save(run / BEST_NAME)
            if _due(settings.training.pictures_every_epochs, settings, epoch):
                for entry in validation[:PICTURED_CASES]:
                    picture = run / "pictures" / f"{entry.case_id}-epoch-{epoch + 1:04d}.png"
                    draw_validation(picture, model, data.slices(entry.case_id), epoch + 1)
            log.epoch(_record(position, steps, dice, settings, time.perf_counter() - began))
            write_checkpoint(run / LAST_NAME, networks.tensors(), _about(position, settings, data))
    return run / BEST_NAME


def _epoch_seed(settings: Settings, epoch: int) -> int:
    """A seed for PyTorch's generator that differs in every epoch and follows from (seed, epoch) alone."""
    return settings.training.seed * 1_000_003 + epoch + 1


def _due(every_epochs: int, settings: Settings, epoch: int) -> bool:
    """Whether something is done after this epoch: every so many, and after the last."""
    return (epoch + 1) % every_epochs == 0 or epoch + 1 == settings.training.epochs


def _restore(run: Path, networks: Pix2Pix, settings: Settings, data: Dataset) -> _Position:
    """Put a run back where its last checkpoint was written."""
    if not (run / LAST_NAME).is_file():
        return _Position()
    tensors, about = read_checkpoint(run / LAST_NAME)
    if about["fingerprint"] != data.fingerprint:
        raise ConfigError(f"the run {run} began with another dataset than {data.path}: start a new run")
    now = settings.model_dump(mode="json")
    if about["settings"] != now:
        changed = [name for name in now if about["settings"].get(name) != now[name]]
        raise ConfigError(f"the run {run} began with other settings ({', '.join(changed)}): start a new run")
    networks.restore(tensors)
    return _Position(about["epochs_done"], about["best_dice"])


def _about(position: _Position, settings: Settings, data: Dataset) -> dict[str, Any]:
    """What `_restore` needs besides the tensors."""
    return {**vars(position), "fingerprint": data.fingerprint, "settings": settings.model_dump(mode="json")}


def _model(networks: Pix2Pix, data: Dataset, training: tuple[Entry, ...], position: _Position) -> Model:
    """The model as it stands; it shares the generator with the loop."""
    codes = told_apart({LabelCode(code) for entry in training for code in entry.codes})
    provenance = {
        "zonate_version": version("zonate"),
        "dataset_fingerprint": data.fingerprint,
        "datasets": sorted({entry.dataset for entry in training}),
        "licences": sorted({entry.licence for entry in training}),
        "training_patients": sorted({entry.patient_id for entry in training}),
        "validation_patients": sorted({entry.patient_id for entry in data.split("validation")}),
        "training_cases": len(training),
        "epoch": position.epochs_done,
        "validation_dice": position.best_dice,
    }
    return Model(networks.generator, networks.settings, data.statistics, codes, provenance, _channels(training))


def _channels(training: tuple[Entry, ...]) -> tuple[bool, bool, bool]:
    """For T2W, DWI and ADC, whether any training case has it."""
    t2w, dwi, adc = (any(entry.channels_present[channel] for entry in training) for channel in range(3))
    return t2w, dwi, adc


def _record(
    position: _Position,
    steps: list[dict[str, float]],
    dice: Mapping[str, float],
    settings: Settings,
    seconds: float,
) -> dict[str, Any]:
    """What the log says of an epoch."""
    return {
        "epoch": position.epochs_done,
        "loss": mean_terms(steps),
        "validation_dice": dict(dice),
        "learning_rate": settings.optimiser.learning_rate,
        "seconds": round(seconds, 3),
    }
