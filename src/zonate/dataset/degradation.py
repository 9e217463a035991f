"""Cases made worse on purpose: what a scanner, a patient or a mix-up can do to an image.

A model is calibrated on them beside the cases as they are, since a handful of good studies says nothing of failures.
Each works on the network's own grid, so that the labels follow wherever the image is moved.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Crop
from zonate.preprocessing.slices import LabelledSlices

Image = npt.NDArray[np.float32]
Degradation = Callable[[Image, np.random.Generator], Image]
"""From one channel (S, H, W), grey values scaled to 0 to 1 between its 1st and 99th percentile, to the same."""

AS_IT_IS = "as it is"


def degrade(slices: LabelledSlices, how: str, *, seed: int) -> LabelledSlices:
    """Make a case worse, on the slices' own grid.

    Args:
        slices: A case.
        how: A name in DEGRADATIONS or MOVED, or AS_IT_IS.
        seed: Of the noise.

    Returns:
        Slices whose original grid is that of the slices themselves, so that a result lies beside `labels`. What was
        not measured stays so.

    Raises:
        ValueError: There is no degradation of that name.
    """
    images, labels = slices.images.copy(), slices.labels
    if how in MOVED:
        images = np.ascontiguousarray(MOVED[how](images))
        labels = np.ascontiguousarray(MOVED[how](labels))
    elif how in DEGRADATIONS:
        noise = np.random.default_rng(seed)  # one for all channels, whose noise is not the same
        for channel in range(images.shape[1]):
            if np.isfinite(images[:, channel]).any():
                images[:, channel] = _channel(images[:, channel], DEGRADATIONS[how], noise)
    elif how != AS_IT_IS:
        raise ValueError(
            f"there is no degradation {how!r}: choose one of {', '.join([AS_IT_IS, *DEGRADATIONS, *MOVED])}"
        )
    grid = slices.crop.grid
    crop = Crop(grid, slices.crop.size_px, slices.crop.spacing_mm)
    return replace(slices, images=images, labels=labels, crop=crop, original=grid)


def worse_copies(number: int, copies: int) -> tuple[str, ...]:
    """Which degradations the n-th case gets, in turn, so that few copies of many cases cover them all.

    Args:
        number: Of the case, from 0.
        copies: How many; all where there are no more.
    """
    names = [*DEGRADATIONS, *MOVED]
    first = number * copies
    return tuple(names[(first + k) % len(names)] for k in range(min(copies, len(names))))


def _channel(image: Image, make_worse: Degradation, random: np.random.Generator) -> Image:
    low, high = np.nanpercentile(image, [1, 99])
    span = max(float(high - low), 1e-9)
    measured = np.isfinite(image)
    scaled = np.where(measured, (image - low) / span, 0.0).astype(np.float32)
    return np.where(measured, make_worse(scaled, random) * span + low, np.nan).astype(np.float32)


def _noise(std: float) -> Degradation:
    return lambda image, random: image + random.normal(0, std, image.shape).astype(np.float32)


def _blur(sigma_px: float) -> Degradation:
    return lambda image, _random: np.asarray(ndimage.gaussian_filter(image, (0, sigma_px, sigma_px)), np.float32)


def _gamma(exponent: float) -> Degradation:
    return lambda image, _random: np.asarray(np.clip(image, 0, None) ** exponent, np.float32)


def _bias(image: Image, _random: np.random.Generator) -> Image:
    """The signal falls off from the back to a fifth at the front, as with a surface coil."""
    return np.asarray(image * np.linspace(0.2, 1.6, image.shape[1])[None, :, None], np.float32)


def _low_resolution(step: int) -> Degradation:
    def worse(image: Image, _random: np.random.Generator) -> Image:
        kept = image[:, ::step, ::step].repeat(step, axis=1).repeat(step, axis=2)
        return kept[:, : image.shape[1], : image.shape[2]]

    return worse


def _ghosts(image: Image, _random: np.random.Generator) -> Image:
    """A patient who breathes: the image again and again along the phase encoding, fainter."""
    eighth = image.shape[2] // 8
    copies = sum(np.roll(image, k * eighth, axis=2) * 0.5 ** abs(k) for k in (-2, -1, 1, 2))
    return np.asarray(0.6 * image + 0.4 * copies, np.float32)


def _inverted(image: Image, _random: np.random.Generator) -> Image:
    return np.asarray(1.0 - image, np.float32)


def _cut(image: Image, _random: np.random.Generator) -> Image:
    """A field of view that ends at the middle of the gland; beyond it the scanner writes zeros."""
    cut = image.copy()
    cut[:, :, : image.shape[2] // 2] = image.min()
    return cut


DEGRADATIONS: Mapping[str, Degradation] = {
    "noise": _noise(0.15),
    "strong noise": _noise(0.4),
    "blur": _blur(3.0),
    "strong blur": _blur(8.0),
    "low resolution": _low_resolution(8),
    "bias field": _bias,
    "darker": _gamma(2.5),
    "ghosts": _ghosts,
    "inverted contrast": _inverted,
    "half the field of view": _cut,
}
MOVED: Mapping[str, Callable[[npt.NDArray[np.generic]], npt.NDArray[np.generic]]] = {
    "upside down": lambda values: np.flip(values, axis=-2),
    "turned by 90°": lambda values: np.rot90(values, axes=(-2, -1)),
    "feet first": lambda values: np.flip(values, axis=0),
}
"""What a wrong header does: the whole volume is moved, the labels with it."""
