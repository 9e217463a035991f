"""How much one image tells about another, measured apart from the registration that it judges."""

import numpy as np
import numpy.typing as npt

BINS = 32
CLIP_PERCENT = 0.5


def normalised_mutual_information(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], bins: int = BINS) -> float:
    """(H(A) + H(B)) / H(A, B) of the joint histogram: 1 for independent images, 2 for identical ones.

    Every voxel counts once and each image is cut into equal bins between its 0.5th and 99.5th percentile, so
    the figure has no random part and shares neither samples nor histogram with elastix.

    Args:
        a: (N,) values of one image, any unit.
        b: (N,) values of the other at the same places.
        bins: Of each image.

    Returns:
        From 1 to 2. An image that is constant, or no voxel at all, tells nothing: 1. Voxels that are NaN in
        either image do not count.

    Source:
        Studholme, Hill, Hawkes, Pattern Recognition 32 (1999) 71.
    """
    both = np.isfinite(a) & np.isfinite(b)
    if not both.any():
        return 1.0
    return similarity_of_bins(binned(a[both], bins), binned(b[both], bins), bins)


def similarity_of_bins(a: npt.NDArray[np.intp], b: npt.NDArray[np.intp], bins: int) -> float:
    """Normalised mutual information of two images (N,) that are cut into bins already: 1 where either is constant."""
    joint = np.bincount(a * bins + b, minlength=bins * bins).reshape(bins, bins)
    joint_entropy = _entropy(joint)
    if joint_entropy == 0:
        return 1.0
    return (_entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0))) / joint_entropy


def binned(values: npt.NDArray[np.float32], bins: int = BINS) -> npt.NDArray[np.intp]:
    """The bin (0 to bins - 1) of each finite value (N,), N > 0; all in bin 0 where the values hardly differ."""
    low, high = np.percentile(values, [CLIP_PERCENT, 100 - CLIP_PERCENT])
    if not high > low:
        low, high = values.min(), values.max()
    if not high > low:
        return np.zeros(values.shape, dtype=np.intp)
    scaled = (values.astype(np.float64) - low) * (bins / (high - low))
    number: npt.NDArray[np.intp] = np.clip(scaled, 0, bins - 1).astype(np.intp)
    return number


def _entropy(counts: npt.NDArray[np.intp]) -> float:
    """In nats."""
    share = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(share * np.log(share)).sum()))
