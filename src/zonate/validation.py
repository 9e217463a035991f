"""How good a model is on patients that it does not learn from: Dice in 3D, on the slices that the network sees."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.geometry import Volume
from zonate.model import Model
from zonate.zones import STRUCTURES, ZONES_OF_CODE, LabelCode, drawable, structure_codes, told_apart


@dataclass(frozen=True, eq=False)
class Validated:
    """A validation patient's case, segmented.

    Attributes:
        case_id: The case.
        t2w: (S, H, W) on the slices' grid, NaN where nothing was measured.
        reference: Label codes on the same grid.
        prediction: Label codes on the same grid.
        dice: By structure, for those that the annotator and the model both tell apart; a structure that is empty in
            both has none.
    """

    case_id: str
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
        prediction = np.array(model.codes, dtype=np.uint8)[p.argmax(axis=1)]  # (S, H, W)
        dice = {
            structure: found
            for structure in compared_structures(entry.codes, model.codes)
            if (found := structure_dice(slices.labels, prediction, structure)) is not None
        }
        grid = slices.crop.grid
        t2w = Volume(slices.images[:, 0], grid)
        yield Validated(entry.case_id, t2w, Volume(slices.labels, grid), Volume(prediction, grid), dice)


def mean_dice(dices: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean over the cases in which a structure has a Dice, by structure, in the order of STRUCTURES."""
    found = {name: [dice[name] for dice in dices if name in dice] for name in STRUCTURES}
    return {name: fmean(values) for name, values in found.items() if values}


def compared_structures(reference: Sequence[LabelCode], model: Sequence[LabelCode]) -> list[str]:
    """The gland and the structures of a single code, where both sets of codes can express them."""
    finest = told_apart(reference)
    single = {structure for structure in STRUCTURES if len(structure_codes(structure, finest) or ()) == 1}
    shared = [name for name in STRUCTURES if drawable(name, reference) and drawable(name, model)]
    return [name for name in shared if name == "GLAND" or name in single]


def structure_dice(reference: npt.NDArray[np.uint8], prediction: npt.NDArray[np.uint8], structure: str) -> float | None:
    """How well one structure of two label volumes agrees, where the reference says whether the structure is there.

    Args:
        reference: Label codes (S, H, W) uint8.
        prediction: The same.
        structure: A key of STRUCTURES.

    Returns:
        2 |A ∩ B| / (|A| + |B|); None where both are empty.
    """
    wanted = STRUCTURES[structure]
    inside = [code for code, zones in ZONES_OF_CODE.items() if zones <= wanted]
    outside = [code for code, zones in ZONES_OF_CODE.items() if not zones & wanted]
    a = np.isin(reference, inside)
    b = np.isin(prediction, inside) & (a | np.isin(reference, outside))
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else None
