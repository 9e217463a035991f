"""Train a model by a recipe, and resume it where it was stopped."""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.utils.tensorboard import SummaryWriter

from zonate.augmentation.augment import augment
from zonate.config import Settings
from zonate.dataset.loader import Batch, SliceLoader
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError, ModelError
from zonate.io.files import atomic_path, write_text
from zonate.learner import Learner
from zonate.model import BEST_NAME, Model
from zonate.networks.factory import check_size
from zonate.pictures.training import draw_validation
from zonate.progress import Progress, silent
from zonate.run_folder import RunState, begin_run, note_epoch, write_state
from zonate.validation import Validated, mean_dice, validate
from zonate.verbs.card import card, sources_of, terms_of_use
from zonate.verbs.initial_weights import Beginning, initial_weights, joined_provenance
from zonate.verbs.known_patients import known_cases
from zonate.zones import LabelCode, told_apart

_LOG = logging.getLogger(__name__)

_N_PICTURES = 4  # validation patients, the same each time


def train(
    dataset: Path,
    run: Path,
    settings: Settings,
    *,
    fold: int | None = None,
    init: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Path:
    """Learn from the training patients of a dataset; keep the model that serves the validation patients best.

    The run folder holds `settings.json`, `metrics.jsonl` (a line an epoch), `tensorboard/`, `pictures/` of validation
    patients, `last.safetensors` to resume from, `best.safetensors`, the model, and `card.md`, there from the beginning,
    which says whose data it learns from and under which terms; data sets that only choose the epoch count in them.
    Order, augmentation and random state of an epoch follow from the seed and its number, so that a run which was killed
    at any moment and resumed gives what an unbroken one gives: on a CPU with the same number of threads, bit for bit.

    Args:
        dataset: What `prepare` wrote. How it was read, aligned, sliced and split replaces those sections of the
            settings.
        run: Folder of the run.
        settings: Such as `load_recipe` gives.
        fold: The fold of cross-validation, from 0, that is left out for testing; None: the dataset's own split.
        init: A model file or run folder, or `shipped`, whose weights are the beginning; the model then tells apart what
            that one does, and counts as having learnt from its data, too. A run that is resumed needs the same one, to
            answer for its data, and goes on from its own weights.
        resume: Go on where the run stopped; a run that never finished an epoch begins anew. `training.epochs` may
            differ: the learning rate then follows its schedule over the new number, so that it may jump up. After 60
            epochs of `zonate` it is all but 0; prolonged to 80, the run goes on at 2.9e-4.
        overwrite: Whether a folder that holds something may be emptied.
        progress: Told of each step, with the losses and the last validation Dice.

    Returns:
        The file of the best model: the highest mean over structures of the validation patients' mean Dice; the last
        validated epoch's where there is no validation patient.

    Raises:
        DatasetError: The dataset is not complete, has nobody to train on, or is not the one that the run began with.
        ConfigError: The settings do not fit the dataset or the weights to begin from, or are not those that the run
            began with; or it began from other weights.
        ModelError: The checkpoint or the model to begin from cannot be read, or the losses are no longer finite.
        OutputError: The run folder holds something already.
    """
    opened = Dataset.open(dataset)
    if fold is not None:
        opened = opened.folded(fold)
    asked = settings
    settings, taught = _resolve(settings, opened)
    beginning = None if init is None else initial_weights(init, settings)
    if beginning is not None:
        taught = replace(
            taught,
            codes=told_apart({*taught.codes, *beginning.codes}),
            provenance=joined_provenance(taught.provenance, beginning.provenance),
        )
    accelerator = "cuda" if torch.cuda.is_available() else "cpu"  # where Model segments, too
    fabric = Fabric(accelerator=accelerator, devices=1, precision=settings.training.precision)
    with torch.random.fork_rng(devices=range(min(torch.cuda.device_count(), 1))):
        torch.manual_seed(settings.training.seed)
        learner = Learner(settings, fabric)
        if beginning is not None:
            learner.begin_from(beginning.weights)
        began_from = taught.provenance.get("began_from")
        start = begin_run(run, settings, opened, learner, began_from=began_from, resume=resume, overwrite=overwrite)
        _warn(asked, opened, taught, beginning)  # of a run that is refused nothing else need be known
        write_text(run / "card.md", card(_model(learner, settings, opened, taught)))
        with SummaryWriter(str(run / "tensorboard"), purge_step=start.epoch + 1) as board:
            _learn(run, opened, settings, taught, learner, start, board, progress)
    return run / BEST_NAME


@dataclass(frozen=True)
class _Taught:
    """What the training labels and images can teach, and where they come from."""

    codes: tuple[LabelCode, ...]
    channels: tuple[bool, bool, bool]
    provenance: Mapping[str, Any]


def _warn(asked: Settings, dataset: Dataset, taught: _Taught, beginning: Beginning | None) -> None:
    """Say what is allowed and may not be what was meant: other slices, terms of use, patients that are known."""
    if dataset.slicing != asked.slicing:
        _LOG.warning(
            "the dataset has slices of %d px at %g mm, the recipe %s asks for %d px at %g mm: it learns from what the "
            "dataset has; `zonate prepare --set slicing.size_px=%d --set slicing.spacing_mm=%g` makes one that fits",
            *(dataset.slicing.size_px, dataset.slicing.spacing_mm, asked.name),
            *(asked.slicing.size_px, asked.slicing.spacing_mm) * 2,
        )
    terms = terms_of_use(taught.provenance)
    if terms is not None:
        _LOG.warning("%s", terms)
    if beginning is None:
        return
    for_validation = known_cases(beginning.provenance, dataset, dataset.split("validation"), chosen_too=False)
    if for_validation:
        _LOG.warning(
            "validation cases whose patients the model to begin from was trained on: %d. They choose the epoch by what "
            "it remembers of them",
            len(for_validation),
        )
    for_test = known_cases(beginning.provenance, dataset, dataset.split("test"))
    if for_test:
        _LOG.warning(
            "test cases whose patients the model to begin from was trained or chosen on: %d. `zonate evaluate` will "
            "refuse them",
            len(for_test),
        )


def _learn(
    run: Path,
    dataset: Dataset,
    settings: Settings,
    taught: _Taught,
    learner: Learner,
    start: RunState,
    board: SummaryWriter,
    progress: Progress,
) -> None:
    """The loop."""
    training = settings.training
    loader = SliceLoader(
        dataset,
        dataset.split("train"),
        batch_size=training.batch_size,
        seed=training.seed,
        normalisation=settings.normalisation,
        channels=taught.channels,
        augmentation=settings.augmentation,
        sampling=training.sampling,
        neighbours=settings.network.neighbours,
    )
    if not dataset.split("validation"):
        _LOG.warning("the dataset has no validation patient: the model of the last epoch is kept, not the best one")
    best, scores = start.best, start.scores
    for epoch in range(start.epoch + 1, training.epochs + 1):
        began = time.perf_counter()
        _seed_epoch(training.seed, epoch)
        learner.train()
        sums: dict[str, torch.Tensor] = {}
        for number, batch in enumerate(loader.epoch(epoch), start=1):
            done = (epoch - 1) * len(loader) + number
            learner.begin_step((done - 1) / (training.epochs * len(loader)))
            terms = learner.step(_augmented(batch, settings, learner.device, (training.seed, epoch, number)))
            sums = {name: sums.get(name, 0) + term for name, term in terms.items()}
            progress(done, training.epochs * len(loader), _describe(epoch, training.epochs, sums, number, scores))
        means = {name: float(total) / len(loader) for name, total in sums.items()}
        _check_finite(means, epoch)

        last = epoch == training.epochs
        if last or epoch % training.validate_every_epochs == 0:
            model = _model(learner, settings, dataset, taught)
            pictures = run / "pictures" if last or epoch % training.pictures_every_epochs == 0 else None
            scores = _validate(model, dataset, pictures, epoch)
            score = fmean(scores.values()) if scores else None
            if score is None or best is None or score > best:
                best = score
                model.save(run / BEST_NAME)
            measured = scores
        else:
            measured = {}

        seconds = time.perf_counter() - began
        note_epoch(run, board, epoch, means, measured, seconds, learner.learning_rate)
        # Last of all: until it lies there, a resumed run does this epoch again and writes the same over it.
        state = RunState(epoch, best, scores)
        write_state(run, settings, dataset, learner, state, began_from=taught.provenance.get("began_from"))


def _augmented(batch: Batch, settings: Settings, device: torch.device, seed: tuple[int, ...]) -> Batch:
    """A batch as it is learnt from, on the device: images (B, (2n + 1) · 3, H, W), 0 where nothing was measured."""
    images, labels = augment(
        batch.images.to(device),
        batch.labels.to(device),
        settings.augmentation,
        spacing_mm=settings.slicing.spacing_mm,
        size_px=settings.training.patch_px or settings.slicing.size_px,
        seed=seed,
    )
    return replace(batch, images=images, labels=labels)


def _model(learner: Learner, settings: Settings, dataset: Dataset, taught: _Taught) -> Model:
    """The model as it is now."""
    return Model(learner.segmenting, settings, dataset.statistics, taught.codes, taught.provenance, taught.channels)


def _resolve(settings: Settings, dataset: Dataset) -> tuple[Settings, _Taught]:
    """The settings with those that the dataset was prepared with, and what it can teach."""
    entries = dataset.split("train")
    if not entries:
        raise DatasetError(f"the dataset {dataset.path} has no training patient: prepare it with more cases")
    check_size(settings.network, dataset.slicing.size_px)
    if settings.training.patch_px is not None:
        check_size(settings.network, settings.training.patch_px)
    prepared = {
        "reading": dataset.reading,
        "alignment": dataset.alignment,
        "slicing": dataset.slicing,
        "split": dataset.splitting,
    }
    codes = told_apart({code for entry in entries for code in entry.codes})
    if LabelCode.BACKGROUND not in codes:
        raise DatasetError(
            f"the training labels of {dataset.path} tell apart {', '.join(code.name for code in codes)} but no "
            "BACKGROUND: declare it among the label codes"
        )
    t2w, dwi, adc = (any(entry.channels_present[c] for entry in entries) for c in range(3))
    validation = dataset.split("validation")
    used = (*entries, *validation)
    provenance = {
        "datasets": sorted({entry.dataset for entry in used}),
        "licences": sorted({entry.licence for entry in used}),
        "sources": sources_of(used),
        "training_cases": len(entries),
        "training_slices": sum(entry.slices for entry in entries),
        "training_patients": sorted({patient for entry in entries for patient in entry.patients}),
        "validation_cases": len(validation),
        "validation_patients": sorted({patient for entry in validation for patient in entry.patients}),
        "images_sha256": sorted({dataset.image_digest(entry.case_id) for entry in used}),
        "dataset_fingerprint": dataset.fingerprint,
    }
    return settings.model_copy(update=prepared), _Taught(codes, (t2w, dwi, adc), provenance)


def _seed_epoch(seed: int, epoch: int) -> None:
    """Set the random state from which dropout is drawn, as a function of seed and epoch alone."""
    torch.manual_seed(int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint32)[0]))


def _validate(model: Model, dataset: Dataset, pictures: Path | None, epoch: int) -> dict[str, float]:
    """Mean Dice by structure over the validation patients; pictures of the first few where asked for."""
    dices = []
    for number, case in enumerate(validate(model, dataset, dataset.split("validation"))):
        dices.append(case.dice)
        if pictures is not None and number < _N_PICTURES:
            _draw(pictures / f"epoch-{epoch:04d}-{case.case_id}.png", case, model, epoch)
    return mean_dice(dices)


def _draw(file: Path, case: Validated, model: Model, epoch: int) -> None:
    title = f"{model.settings.name}, epoch {epoch}: {case.case_id}"
    with atomic_path(file) as temporary:
        draw_validation(
            temporary, case.t2w, case.reference, case.prediction, title=title, dice=case.dice, codes=model.codes
        )


def _check_finite(losses: Mapping[str, float], epoch: int) -> None:
    for name, value in losses.items():
        if not math.isfinite(value):
            raise ModelError(
                f"the loss {name} is {value} in epoch {epoch}: training has diverged. Lower optimiser.learning_rate, "
                "or set training.precision to 32-true"
            )


def _describe(epoch: int, epochs: int, sums: Mapping[str, torch.Tensor], steps: int, dice: Mapping[str, float]) -> str:
    losses = " ".join(f"{name} {float(total) / steps:.3g}" for name, total in sums.items())
    found = " ".join(f"{name} {value:.3f}" for name, value in dice.items())
    return f"epoch {epoch}/{epochs}  {losses}" + (f"  Dice {found}" if found else "")
