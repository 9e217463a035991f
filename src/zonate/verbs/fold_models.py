"""The models of a cross-validation, each with the patients that it left out: who may stand in for a model of all."""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zonate.config import Settings
from zonate.dataset.store import Dataset, Entry
from zonate.differing_settings import differing_settings, in_words
from zonate.errors import DatasetError, LeakageError, ModelError
from zonate.model import Model

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
        of: The model of all patients. Its recipe must be theirs but for who trained, epochs and seed, and they are used
            as it is used (`prediction`).
        dataset: That they were trained on.

    Returns:
        Each with the test patients of the fold that it left out.

    Raises:
        ModelError: A model cannot be read, was not trained on a fold or by another recipe, does not say whom it was
            trained on, or left out the same fold as another.
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
        view = dataset.folded(fold)
        entries = view.split("test")
        if not entries:
            raise DatasetError(f"the dataset {dataset.path} has no case in fold {fold}, which {run} left out")
        refuse_known(model.provenance, view, entries, chosen_too=True)
        used = model.settings.model_copy(update={"prediction": of.settings.prediction})
        found[fold] = HeldOut(replace(model, settings=used), view, entries)
    return list(found.values())


def refuse_known(
    provenance: Mapping[str, Any], dataset: Dataset, entries: Iterable[Entry], *, chosen_too: bool
) -> None:
    """Refuse patients that a model knows: by name, and by T2W image where another dataset gives another name.

    Args:
        provenance: Of the model.
        dataset: That the cases lie in.
        entries: The cases.
        chosen_too: Whether patients who only chose the epoch are refused, too.

    Raises:
        ModelError: The model does not say whom it was trained on.
        LeakageError: It was trained, or chosen where that counts, on one of them.
    """
    if "training_patients" not in provenance:
        raise ModelError(
            "the model does not say whom it was trained on, so that nobody can tell whether a calibration would "
            "flatter it: train it again"
        )
    trained, chose = set(provenance["training_patients"]), set(provenance.get("validation_patients", ()))
    images, earlier = (set(provenance.get(key, ())) for key in ("images_sha256", "earlier_images_sha256"))

    def known(entry: Entry) -> bool:
        if entry.patient_id in trained or (chosen_too and entry.patient_id in chose):
            return True
        digest = dataset.image_digest(entry.case_id)
        return digest in earlier or (entry.patient_id not in chose and digest in images)

    if seen := sorted(entry.case_id for entry in entries if known(entry)):
        raise LeakageError(
            f"the model was trained {'or chosen ' if chosen_too else ''}on patients, or the very images, of the cases "
            f"{', '.join(seen)}: on them it is better than on anybody else. Calibrate on patients that it was not "
            f"trained {'or chosen ' if chosen_too else ''}on"
        )


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
