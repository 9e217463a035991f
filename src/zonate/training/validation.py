"""How good a model is on the validation patients while it trains: Dice in 3D on their slices."""

from collections.abc import Sequence as Items

import numpy as np
import numpy.typing as npt

from zonate.dataset.slices import Slices
from zonate.dataset.store import Dataset, Entry
from zonate.model import Model
from zonate.zones import STRUCTURES, LabelCode, structure_codes, told_apart


def validate(model: Model, dataset: Dataset, entries: Items[Entry]) -> dict[str, float]:
    """Mean Dice over cases by structure, on the slices; `evaluate` measures on the original grid.

    A structure is measured in the cases where reference and model can both express it; a case in
    which neither has any of it is left out of its mean.

    Args:
        model: As it stands.
        dataset: Read case by case.
        entries: Its validation cases.

    Returns:
        From structure to Dice, for those measured at all.
    """
    found: dict[str, list[float]] = {}
    for entry in entries:
        slices = dataset.slices(entry.case_id)
        for structure, dice in case_dice(segment_slices(model, slices), model.codes, slices, entry.codes).items():
            found.setdefault(structure, []).append(dice)
    return {structure: float(np.mean(found[structure])) for structure in STRUCTURES if structure in found}


def segment_slices(model: Model, slices: Slices) -> npt.NDArray[np.uint8]:
    """The model's label codes (S, H, W) uint8 on the slices themselves."""
    of_codes = model.slice_probabilities(slices.images)  # (S, len(codes), H, W)
    labels: npt.NDArray[np.uint8] = np.array(model.codes, dtype=np.uint8)[of_codes.argmax(axis=1)]
    return labels


def case_dice(
    prediction: npt.NDArray[np.uint8],
    prediction_codes: Items[LabelCode],
    slices: Slices,
    reference_codes: Items[LabelCode],
) -> dict[str, float]:
    """Dice by structure of one case; a structure that both sides lack is left out."""
    if slices.labels is None:
        return {}
    annotated = slices.labels != LabelCode.NOT_ANNOTATED
    found = {}
    for structure in STRUCTURES:
        drawn = structure_codes(structure, told_apart(reference_codes))
        said = structure_codes(structure, prediction_codes)
        if drawn is None or said is None:
            continue
        reference = np.isin(slices.labels, drawn)
        predicted = np.isin(prediction, said) & annotated
        total = int(reference.sum()) + int(predicted.sum())
        if total:
            found[structure] = 2 * int((reference & predicted).sum()) / total
    return found
