"""The models of a cross-validation, each with the patients that it left out: who may stand in for a model of all."""

from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path

from zonate.config import Settings
from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.differing_settings import differing_settings, in_words
from zonate.errors import DatasetError, ModelError
from zonate.model import Model
from zonate.training.known_patients import require_unknown

_NOT_OF_THE_RECIPE = ("split", "prediction", "output", "evaluation")
"""Sections that say who trains, and what is done with the model afterwards."""
_MAY_DIFFER = ("training.epochs", "training.seed", "training.validate_every_epochs", "training.pictures_every_epochs")


@dataclass(frozen=True)
class HeldOut:
    """A model, and cases of patients that it did not learn from.

    Attributes:
        model: As it is to be used.
        dataset: That the cases lie in.
        entries: The cases.
    """

    model: Model
    dataset: Dataset
    entries: tuple[Entry, ...]


def fold_models(runs: Items[Path], of: Model, dataset: Dataset) -> list[HeldOut]:
    """Read the models of a cross-validation, to learn from them what a model of the same recipe does on new patients.

    Args:
        runs: Run folders or model files, each of another fold of the dataset.
        of: The model of all patients. Its recipe must be theirs but for who trained, epochs and seed, they must have
            begun from the same weights, and they are used as it is used (`prediction`).
        dataset: That they were trained on.

    Returns:
        Each with the test patients of the fold that it left out.

    Raises:
        ModelError: A model cannot be read, was not trained on a fold, or by another recipe or from other weights, does
            not say whom it was trained on, or left out the same fold as another.
        ConfigError: The dataset has no such fold as one left out; or MONAI, whose network one is, is not installed.
        DatasetError: No case lies in a fold that one left out.
        LeakageError: One was trained or chosen on a patient, or the very image, of that fold.
    """
    found: dict[int, HeldOut] = {}
    for run in runs:
        model = Model.load(run)
        fold = model.settings.split.fold
        if fold is None:
            raise ModelError(f"{run} was not trained on a fold of a cross-validation (zonate train --fold)")
        if fold in found:
            raise ModelError(f"{run} left out fold {fold}, as a run before it did: give one run a fold")
        _refuse_another_recipe(run, model.settings, of.settings)
        if model.provenance.get("began_from") != of.provenance.get("began_from"):
            raise ModelError(
                f"{run} did not begin from the weights that the model began from: train it with the same --init"
            )
        view = dataset.folded(fold)
        entries = view.split("test")
        if not entries:
            raise DatasetError(f"the dataset {dataset.where} has no case in fold {fold}, which {run} left out")
        remedy = (
            f"Train {run} again by `zonate train --fold {fold}` on {dataset.where}, from weights that do not know them"
        )
        require_unknown(model.provenance, view, entries, chosen_too=True, remedy=remedy)
        used = model.settings.model_copy(update={"prediction": of.settings.prediction})
        found[fold] = HeldOut(replace(model, settings=used), view, entries)
    return list(found.values())


def folded(dataset: Dataset, model: Model, fold: int | None) -> Dataset:
    """The dataset as one fold divides it, where one is asked for or is the one that the model was trained by.

    Raises:
        ConfigError: The dataset has no such fold as is asked for.
    """
    if fold is not None:
        return dataset.folded(fold)
    own = model.settings.split.fold
    if own is None or own >= dataset.splitting.folds:
        return dataset
    view = dataset.folded(own)
    return view if view.fingerprint == model.provenance.get("dataset_fingerprint") else dataset


def _refuse_another_recipe(run: Path, there: Settings, here: Settings) -> None:
    differing = {
        name: values
        for name, values in differing_settings(there, here).items()
        if name.partition(".")[0] not in _NOT_OF_THE_RECIPE and name not in (*_MAY_DIFFER, "name")
    }
    if differing:
        raise ModelError(
            f"{run} was trained by another recipe than the model that it is to stand in for: {in_words(differing)}. "
            "Calibrate by models that differ from it in nothing but fold, epochs and seed"
        )
