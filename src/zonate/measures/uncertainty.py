"""What samples of a segmentation say of it: intervals of its volumes, agreement, entropy.

Every patient has every structure that is measured here. Where the result, or a sample, has none of one, they agree in
nothing that a reader could confirm, and their Dice counts as 0; so it does where both are empty.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from zonate.geometry import Volume
from zonate.measurements import Interval
from zonate.zones import STRUCTURES, LabelCode, structure_codes

PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class SampleFigures:
    """What one sample says.

    Attributes:
        dice: By name in STRUCTURES, its Dice with the result, 0 to 1.
        volume_ml: By name in STRUCTURES.
    """

    dice: Mapping[str, float]
    volume_ml: Mapping[str, float]


def sample_figures(result: Volume, sample: Volume, codes: tuple[LabelCode, ...]) -> SampleFigures:
    """Compare a sample with the result.

    Args:
        result: Label codes (S, H, W) uint8.
        sample: The same on the same grid.
        codes: Those that the model can give, disjoint; a structure that they cannot express is left out.

    Returns:
        Dice 0 and 0 ml for a structure that is empty.
    """
    counts = _counts(result.values, sample.values)
    dice, volumes = {}, {}
    for structure in STRUCTURES:
        members = structure_codes(structure, codes)
        if members is None:
            continue
        of_result, of_sample = int(counts[list(members)].sum()), int(counts[:, list(members)].sum())
        both, total = int(counts[np.ix_(members, members)].sum()), of_result + of_sample
        dice[structure] = 2 * both / total if total else 0.0
        volumes[structure] = of_sample * result.grid.voxel_volume_ml
    return SampleFigures(dice, volumes)


def _counts(result: npt.NDArray[np.uint8], sample: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """(256, 256): voxels by code in the result and in the sample, counted in one pass for all structures."""
    pairs = result.astype(np.uint16) * np.uint16(256) + sample
    return np.bincount(pairs.ravel(), minlength=256 * 256).reshape(256, 256)


def agreement(figures: Sequence[SampleFigures]) -> dict[str, float]:
    """By structure, the mean Dice between the result and each sample: what a reader who is another draw would give."""
    return {name: fmean(of.dice[name] for of in figures) for name in figures[0].dice}


def intervals_ml(figures: Sequence[SampleFigures], volume_ml: Mapping[str, float | None]) -> dict[str, Interval]:
    """By structure, the 2.5th to the 97.5th percentile of the samples' volumes.

    Args:
        figures: At least one; of few samples the percentiles lie between their extremes.
        volume_ml: Of the result. The interval is widened to hold it: dropout alone can shrink what it draws.
    """
    intervals = {}
    for name in figures[0].volume_ml:
        low, high = np.percentile([of.volume_ml[name] for of in figures], PERCENTILES)
        own = volume_ml[name]
        ends = [float(low), float(high)] if own is None else [float(low), float(high), own]
        intervals[name] = (min(ends), max(ends))
    return intervals


def entropy(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Entropy in nats (S, H, W) of probabilities (K, S, H, W): 0 where one is certain, ln K where all are alike."""
    total = np.zeros(probabilities.shape[1:], dtype=np.float32)
    for p in probabilities:  # one class at a time: a volume of all classes is large
        total -= p * np.log(np.clip(p, 1e-12, 1.0))
    return np.maximum(total, 0.0)
