"""Train a model by a recipe, and resume it where it was stopped."""

import logging
from collections.abc import Sequence as Items
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from zonate.config import Settings
from zonate.dataset.storage import Cache
from zonate.dataset.store import Dataset
from zonate.differing_settings import differing_settings, in_words
from zonate.errors import ConfigError
from zonate.io.alone import alone_in
from zonate.io.files import write_text
from zonate.learner import Learner
from zonate.model import BEST_NAME, CARD_NAME, Model
from zonate.networks.factory import check_size
from zonate.processes import Processes
from zonate.progress import Progress, silent
from zonate.provenance import terms_of_use
from zonate.run_folder import RunState, begin_run, follow, how_to_resume
from zonate.training.card import card
from zonate.training.epochs import Run, learn
from zonate.training.initial_weights import Beginning, initial_weights, joined_provenance
from zonate.training.known_patients import known_cases
from zonate.training.taught import Taught, taught_by
from zonate.training.torchrun import joined
from zonate.zones import drawn_apart

_LOG = logging.getLogger(__name__)


def train(
    dataset: Path | str,
    run: Path | str,
    settings: Settings,
    *,
    fold: int | None = None,
    init: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    devices: int | None = None,
    nodes: int | None = None,
    cache: Cache | None = None,
    by_hand: Items[str] = (),
    progress: Progress = silent,
) -> Path:
    """Learn from the training patients of a dataset; keep the model that serves the validation patients best.

    The run folder holds `settings.json`, `metrics.jsonl` (a line an epoch), `tensorboard/`, `pictures/` of validation
    patients, `last.safetensors` to resume from, `best.safetensors`, the model, and `card.md`, there from the beginning,
    which says whose data it learns from and under which terms; data sets that only choose the epoch count in them.
    Order, augmentation and random state of an epoch follow from the seed and its number, so that a run which was killed
    at any moment and resumed gives what an unbroken one gives: on a CPU with the same number of threads, bit for bit.

    Where torchrun has started several processes, they learn together: each calls this function, and takes its share of
    every batch. A run may be resumed by another number of them; the bits are those of an unbroken one by the same
    number only. The dataset and the run folder must lie where all of them see them.

    Args:
        dataset: What `prepare` wrote, by its folder or a URL, see `Dataset.open`. How it was read, aligned, sliced and
            split replaces those sections of the settings; a `split.fold` of its own is refused.
        run: Folder of the run.
        settings: Such as `load_recipe` gives.
        fold: The fold of cross-validation, from 0, that is left out for testing; None: the dataset's own split.
        init: A model file or run folder, or `shipped`, whose weights are the beginning; the model then tells apart what
            that one does, and counts as having learnt from its data, too. A run that is resumed needs the same one, to
            answer for its data, and goes on from its own weights.
        resume: Go on where the run stopped; a run that never finished an epoch begins anew; one of a single epoch whose
            checkpoint is missing may have ended, and is refused. `training.epochs` may differ: the learning rate then
            follows its schedule over the new number, so that it may jump up. After 120 epochs of `zonate` it is all but
            0; prolonged to 160, the run goes on at 2.9e-4.
        overwrite: Whether a folder that holds something may be emptied.
        devices: Processes a machine that there should be; None: as many as there are.
        nodes: Machines that there should be; None: as many as there are.
        cache: Where files of a URL are kept on this machine.
        by_hand: Names of settings that a person gave, such as `alignment.method`: where the dataset has replaced one by
            another value, a warning says so.
        progress: Told of each step, in the first process, with the losses as they were within the last second and the
            last validation Dice.

    Returns:
        The file of the best model: the highest mean over structures of the validation patients' mean Dice; the last
        validated epoch's where there is no validation patient.

    Raises:
        DatasetError: The dataset is not complete, has nobody to train on, or is not the one that the run began with.
        ConfigError: The settings do not fit the dataset or the weights to begin from, or are not those that the run
            began with; or it began from other weights, or has done more epochs; or there are other numbers of processes
            than asked for, or more than slices in a batch.
        ModelError: The checkpoint or the model to begin from cannot be read, or losses or weights are no longer finite.
        OutputError: The run folder holds something already, or the model to begin from; another training is at work in
            it; or a run that is to go on has lost a file.
        OSError: What an epoch leaves cannot be written.
        ProcessError: Another one of several processes has failed, or is gone.
    """
    run = Path(run)
    with joined(settings.training.precision, devices, nodes) as fabric, ExitStack() as held:
        processes = Processes(fabric)
        with processes.telling_of_loss(lambda: how_to_resume(run)):
            plan = processes.agree(
                lambda: _planned(Dataset.open(dataset, cache), settings, fold, init, processes.world_size)
            )
            with torch.random.fork_rng(devices=[fabric.device.index] if fabric.device.type == "cuda" else []):
                torch.manual_seed(settings.training.seed)
                learner = Learner(plan.settings, fabric)
                begun = Run(run, plan.dataset, plan.settings, plan.taught, learner, processes)
                start = _begin(begun, plan.beginning, held, resume=resume, overwrite=overwrite)
                if processes.is_first:  # of a run that is refused nothing else need be known
                    _warn(settings, by_hand, plan)
                try:
                    learn(begun, start, progress if processes.is_first else silent)
                except OSError as error:  # such as of a full disk
                    raise OSError(f"{error}. {how_to_resume(run)}") from error
    return run / BEST_NAME


@dataclass(frozen=True, eq=False)
class _Plan:
    """What a run is to be made of."""

    dataset: Dataset
    settings: Settings
    taught: Taught
    beginning: Beginning | None


def _planned(opened: Dataset, asked: Settings, fold: int | None, init: Path | str | None, processes: int) -> _Plan:
    """Refuse what does not go together, before anything is made."""
    if fold is not None:
        opened = opened.folded(fold)
    taught = taught_by(opened)
    settings = _resolve(asked, opened)
    if asked.split.fold not in (None, settings.split.fold):
        raise ConfigError(
            f"split.fold = {asked.split.fold} divides patients when a dataset is prepared, and not here: use --fold "
            f"{asked.split.fold}, or --set split.fold=none for the dataset's own split"
        )
    if settings.training.batch_size < processes:
        raise ConfigError(
            f"batches of {settings.training.batch_size} cannot be shared by {processes} processes, since each needs a "
            f"slice: --set training.batch_size={processes} or a multiple of it, or fewer processes"
        )
    beginning = None if init is None else initial_weights(init, settings)
    if beginning is not None:
        taught = replace(
            taught,
            codes=drawn_apart([taught.codes, beginning.codes]),
            provenance=joined_provenance(taught.provenance, beginning.provenance),
        )
    return _Plan(opened, settings, taught, beginning)


def _begin(run: Run, beginning: Beginning | None, held: ExitStack, *, resume: bool, overwrite: bool) -> RunState:
    """Make the folder ready, which others are kept out of, and the learner in all processes, with what is resumed."""

    def make() -> RunState:
        if beginning is not None:
            run.learner.load_initial_weights(beginning.weights)
        if not run.processes.is_first:
            return RunState()
        if not run.folder.exists():
            run.folder.mkdir(parents=True)
        held.enter_context(alone_in(run.folder, "training"))
        began_from = run.taught.provenance.get("began_from")
        start = begin_run(
            *(run.folder, run.settings, run.dataset, run.learner),
            began_from=began_from,
            init=None if beginning is None else beginning.file,
            resume=resume,
            overwrite=overwrite,
        )
        best = run.folder / BEST_NAME
        kept = Model.load(best) if start.epoch and best.is_file() else None
        write_text(run.folder / CARD_NAME, card(kept or run.model()))
        if kept is not None and kept.calibration is not None and start.epoch < run.settings.training.epochs:
            _LOG.warning("%s is calibrated, which a better epoch would not be: calibrate again then", BEST_NAME)
        return start

    start = run.processes.all_gather(run.processes.agree(make))[0]
    run.processes.agree(lambda: None if run.processes.is_first else follow(run.folder, run.learner, start))
    return start


def _warn(asked: Settings, by_hand: Items[str], plan: _Plan) -> None:
    """Say what is allowed and may not be what was meant: other slices, terms of use, patients that are known."""
    dataset, beginning = plan.dataset, plan.beginning
    if dataset.slicing != asked.slicing:
        _LOG.warning(
            "the dataset has slices of %d px at %g mm, the recipe %s asks for %d px at %g mm: it learns from what the "
            "dataset has; `zonate prepare --set slicing.size_px=%d --set slicing.spacing_mm=%g` makes one that fits",
            *(dataset.slicing.size_px, dataset.slicing.spacing_mm, asked.name),
            *(asked.slicing.size_px, asked.slicing.spacing_mm) * 2,
        )
    replaced = {
        name: values
        for name, values in differing_settings(plan.settings, asked).items()
        if not name.startswith("slicing.") and any(f"{name}.".startswith(f"{given}.") for given in by_hand)
    }
    if replaced:
        _LOG.warning(
            "set by hand, but settled when the dataset was prepared: %s. It learns from what the dataset has; `zonate "
            "prepare` takes these settings",
            in_words(replaced),
        )
    terms = terms_of_use(plan.taught.provenance)
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


def _resolve(settings: Settings, dataset: Dataset) -> Settings:
    """The settings with those that the dataset was prepared with."""
    check_size(settings.network, dataset.slicing.size_px)
    if settings.training.patch_px is not None:
        check_size(settings.network, settings.training.patch_px)
    prepared = {
        "reading": dataset.reading,
        "alignment": dataset.alignment,
        "slicing": dataset.slicing,
        "split": dataset.splitting,
    }
    return settings.model_copy(update=prepared)
