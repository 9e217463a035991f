"""Rotations by 90° and flips: what happens to a training slice, exactly, drawn anew at every visit."""

from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.settings.learning import AugmentationSettings


def turn_and_flip(
    image: npt.NDArray[Any], labels: npt.NDArray[Any], settings: AugmentationSettings, *, visit: tuple[int, int, int]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Turn and flip a square slice and its labels together; no pixel is resampled.

    Args:
        image: (C, H, W) with H = W.
        labels: (H, W).
        settings: Which of the three may happen; each flip does so at every second visit.
        visit: Seed of the run, epoch, and the slice's place in the dataset: the same visit gives the same result.

    Returns:
        Image and labels of the same shapes, contiguous.
    """
    rng = np.random.default_rng(visit)
    # All are always drawn, so that switching one off leaves the others as they were.
    turns, horizontal, vertical = int(rng.integers(4)), bool(rng.integers(2)), bool(rng.integers(2))
    turned = []
    for values in (image, labels):
        if settings.rotate_90:
            values = np.rot90(values, turns, axes=(-2, -1))
        if settings.flip_horizontal and horizontal:
            values = np.flip(values, axis=-1)
        if settings.flip_vertical and vertical:
            values = np.flip(values, axis=-2)
        turned.append(np.ascontiguousarray(values))
    return turned[0], turned[1]
