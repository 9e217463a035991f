"""How good a model is on patients that it does not learn from: Dice in 3D, on the slices that the network sees."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.geometry import Volume
from zonate.model import Model, decided
from zonate.zones import (
    STRUCTURES,
    LabelCode,
    codes_within,
    drawable,
    straddling_codes,
    structure_codes,
    told_apart,
)


@dataclass(frozen=True, eq=False)
class Validated:
    """A validation patient's case, segmented.

    Attributes:
        case_id: The case.
        patient_id: Whose case it is.
        t2w: (S, H, W) on the slices' grid, NaN where nothing was measured.
        reference: Label codes on the same grid.
        prediction: Label codes on the same grid.
        dice: By structure, for those that the annotator and the model both tell apart; a structure that is empty in
            both has none.
    """

    case_id: str
    patient_id: str
    t2w: Volume
    reference: Volume
    prediction: Volume
    dice: dict[str, float]


def validate(
    model: Model, dataset: Dataset, entries: Sequence[Entry], *, device: str | None = None
) -> Iterator[Validated]:
    """Segment each case and compare it with its labels: the gland, and each structure that has a code of its own.

    Pixels that nobody annotated are left out.
    """
    for entry in entries:
        slices = dataset.slices(entry.case_id)
        if slices.labels is None:
            continue
        p = model.slice_probabilities(slices.images, device=device)  # (S, len(codes), H, W)
        prediction = decided(p.swapaxes(0, 1), model.codes, model.settings.prediction.background_below)  # (S, H, W)
        dice = structure_dices(slices.labels, prediction, compared_structures(entry.codes, model.codes))
        grid = slices.crop.grid
        t2w = Volume(slices.images[:, 0], grid)
        reference = Volume(slices.labels, grid)
        yield Validated(entry.case_id, entry.patient_id, t2w, reference, Volume(prediction, grid), dice)


def mean_dice(dices: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, float]:
    """The mean Dice by structure, in the order of STRUCTURES, over the patients of whom it has one.

    Args:
        dices: Of each case its patient and its Dice by structure; a patient of several cases counts once, by their
            mean.
    """
    found: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for patient_id, dice in dices:
        for structure, value in dice.items():
            found[structure][patient_id].append(value)
    return {name: fmean(map(fmean, found[name].values())) for name in STRUCTURES if name in found}


def compared_structures(reference: Sequence[LabelCode], model: Sequence[LabelCode]) -> list[str]:
    """The gland and the structures of a single code, where both sets of codes can express them."""
    finest = told_apart(reference)
    single = {structure for structure in STRUCTURES if len(structure_codes(structure, finest) or ()) == 1}
    shared = [name for name in STRUCTURES if drawable(name, reference) and drawable(name, model)]
    return [name for name in shared if name == "GLAND" or name in single]


def structure_dice(reference: npt.NDArray[np.uint8], prediction: npt.NDArray[np.uint8], structure: str) -> float | None:
    """As `structure_dices`, of one structure; None where it has none."""
    return structure_dices(reference, prediction, [structure]).get(structure)


def structure_dices(
    reference: npt.NDArray[np.uint8], prediction: npt.NDArray[np.uint8], structures: Iterable[str]
) -> dict[str, float]:
    """How well structures of two label volumes agree, where the reference says whether a structure is there.

    The voxels are counted once, by what they are in both.

    Args:
        reference: Label codes (S, H, W) uint8.
        prediction: The same.
        structures: Keys of STRUCTURES.

    Returns:
        2 |A ∩ B| / (|A| + |B|) of each that is not empty in both.
    """
    pairs = reference.astype(np.uint16).ravel() * 256 + prediction.ravel()
    counts = np.bincount(pairs, minlength=256 * 256).reshape(256, 256)  # by the reference's code and the prediction's
    found = {}
    for structure in structures:
        inside = list(codes_within(structure, LabelCode))
        unsure = [*straddling_codes(structure, LabelCode), LabelCode.NOT_ANNOTATED]
        predicted = counts[:, inside].sum() - counts[np.ix_(unsure, inside)].sum()
        if total := int(counts[inside].sum() + predicted):
            found[structure] = 2 * int(counts[np.ix_(inside, inside)].sum()) / total
    return found
