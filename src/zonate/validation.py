"""How good a model is on patients that it does not learn from: Dice in 3D, on the slices that the network sees."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

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
    drawn_apart,
    straddling_codes,
    structure_codes,
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
        held: The structures of those that the reference holds anywhere.
    """

    case_id: str
    patient_id: str
    t2w: Volume
    reference: Volume
    prediction: Volume
    dice: dict[str, float]
    held: tuple[str, ...]


class CaseDice(NamedTuple):
    """What of a case goes into a mean; each as `Validated` has it."""

    patient_id: str
    dice: Mapping[str, float]
    held: Sequence[str]


def validate(
    model: Model, dataset: Dataset, entries: Sequence[Entry], *, device: str | None = None
) -> Iterator[Validated]:
    """Segment each case and compare it with its labels: the gland, and each structure that has a code of its own.

    Pixels that nobody annotated are left out.
    """
    for entry in entries:
        slices = dataset.slices(entry.case_id)
        p = model.slice_probabilities(slices.images, device=device)  # (S, len(codes), H, W)
        prediction = decided(p.swapaxes(0, 1), model.codes, model.settings.prediction.background_below)  # (S, H, W)
        structures = compared_structures(entry.codes, model.codes)
        dice, held = structure_dices(slices.labels, prediction, structures), held_structures(slices.labels, structures)
        grid = slices.crop.grid
        t2w = Volume(slices.images[:, 0], grid)
        reference = Volume(slices.labels, grid)
        yield Validated(entry.case_id, entry.patient_id, t2w, reference, Volume(prediction, grid), dice, held)


def mean_dice(cases: Iterable[CaseDice]) -> dict[str, float]:
    """The mean Dice by structure, in the order of STRUCTURES, over the patients of whom it has one.

    Which structures there are follows from the references alone: one that none of them holds has no mean, since a
    stray pixel would add a 0 to what another model's means are of.

    Args:
        cases: A patient of several counts once, by their mean.
    """
    found: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    held: set[str] = set()
    for case in cases:
        held.update(case.held)
        for structure, value in case.dice.items():
            found[structure][case.patient_id].append(value)
    return {name: fmean(map(fmean, found[name].values())) for name in STRUCTURES if name in held}


def held_structures(reference: npt.NDArray[np.uint8], structures: Iterable[str]) -> tuple[str, ...]:
    """The structures of which a reference (S, H, W) uint8 holds a voxel."""
    present = np.flatnonzero(np.bincount(reference.ravel(), minlength=256)).tolist()
    return tuple(name for name in structures if set(codes_within(name, LabelCode)) & set(present))


def compared_structures(reference: Sequence[LabelCode], model: Sequence[LabelCode]) -> list[str]:
    """The gland and the structures of a single code, where both sets of codes can express them."""
    finest = drawn_apart([reference])
    single = {structure for structure in STRUCTURES if len(structure_codes(structure, finest) or ()) == 1}
    shared = [name for name in STRUCTURES if drawable(name, reference) and drawable(name, model)]
    return [name for name in shared if name == "GLAND" or name in single]


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
