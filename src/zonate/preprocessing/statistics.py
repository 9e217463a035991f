"""Mean and standard deviation per channel, over the pixels where something was measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

Triple = tuple[float, float, float]

_REGION_MM = 50.0  # from the middle: a gland that lies off it is held, the body's outline is not


@dataclass(frozen=True)
class Statistics:
    """What a channel is normalised by.

    Attributes:
        mean: For T2W, DWI and ADC, in the units of the images; 0 for a channel that is absent.
        std: For T2W, DWI and ADC, the population's standard deviation (divided by n), in the same units; 1 for
            a channel that is absent or constant, where there is nothing to scale by.
    """

    mean: Triple
    std: Triple

    def to_json(self) -> dict[str, Any]:
        """The statistics as JSON values."""
        return {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(_triple(value["mean"]), _triple(value["std"]))


@dataclass(frozen=True)
class Moments:
    """What the statistics of several volumes can be pooled from without reading them again.

    Attributes:
        count: Pixels that were measured, per channel.
        mean: Their mean, per channel; 0 where there are none.
        squares: The sum of their squared distances from that mean, per channel.
    """

    count: tuple[int, int, int]
    mean: Triple
    squares: Triple

    @property
    def statistics(self) -> Statistics:
        """Mean and standard deviation."""
        variances = (s / n if n else 0.0 for s, n in zip(self.squares, self.count, strict=True))
        return Statistics(self.mean, _triple(float(np.sqrt(v)) if v > 0 else 1.0 for v in variances))

    def to_json(self) -> dict[str, Any]:
        """The moments as JSON values."""
        return {"count": list(self.count), "mean": list(self.mean), "squares": list(self.squares)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        t2w, dwi, adc = (int(n) for n in value["count"])
        return cls((t2w, dwi, adc), _triple(value["mean"]), _triple(value["squares"]))


NO_PIXELS = Moments((0, 0, 0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


def of_images(images: Iterable[npt.NDArray[Any]]) -> Statistics:
    """Pool the statistics of images over all their measured pixels.

    Args:
        images: Arrays (..., 3, H, W), NaN where nothing was measured; each is looked at once, so a generator
            that reads slice by slice keeps memory small.

    Returns:
        Mean 0 and standard deviation 1 for a channel without any pixel.
    """
    return pooled(moments_of(image) for image in images).statistics


def statistics_of(
    images: npt.NDArray[Any],
    normalisation: Literal["dataset", "volume", "region"],
    *,
    spacing_mm: float,
    of_dataset: Statistics,
) -> Statistics:
    """What a case is normalised by.

    Args:
        images: (S, 3, H, W) of the whole case, NaN where nothing was measured.
        normalisation: As the setting says.
        spacing_mm: Of a pixel.
        of_dataset: Of the training patients.
    """
    if normalisation == "dataset":
        return of_dataset
    return of_images([images if normalisation == "volume" else region(images, spacing_mm)])


def region(images: npt.NDArray[Any], spacing_mm: float) -> npt.NDArray[Any]:
    """The part of slices that lies within 50 mm of their middle along rows and columns.

    What is measured there is pelvis whatever the field of view, which whole slices are not: a narrow one lacks the fat
    and the air that a wide one shows, and is another image to whoever normalises by it.

    Args:
        images: (..., H, W).
        spacing_mm: Of a pixel.

    Returns:
        A view (..., h, w); all of it where the slices are smaller.
    """
    half_px = round(_REGION_MM / spacing_mm)
    rows, columns = (slice(max(size // 2 - half_px, 0), size // 2 + half_px) for size in images.shape[-2:])
    return images[..., rows, columns]


def moments_of(image: npt.NDArray[Any]) -> Moments:
    """The moments of one array (..., 3, H, W) in float64; NaN is left out."""
    channels = [np.asarray(image[..., c, :, :], dtype=np.float64) for c in range(3)]
    measured = [values[np.isfinite(values)] for values in channels]
    means = [float(values.mean()) if values.size else 0.0 for values in measured]
    squares = [float(((values - mean) ** 2).sum()) for values, mean in zip(measured, means, strict=True)]
    return Moments((measured[0].size, measured[1].size, measured[2].size), _triple(means), _triple(squares))


def pooled(parts: Iterable[Moments]) -> Moments:
    """The moments of all pixels together.

    Source: Chan, Golub, LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979,
        eq. 2.1: exact, and stable where the mean is large against the spread.
    """
    count, mean, squares = np.zeros(3), np.zeros(3), np.zeros(3)
    for part in parts:
        total = np.maximum(count + part.count, 1)
        apart = np.array(part.mean) - mean
        squares += np.array(part.squares) + apart**2 * count * part.count / total
        mean += apart * part.count / total
        count += part.count
    t2w, dwi, adc = (int(n) for n in count)
    return Moments((t2w, dwi, adc), _triple(mean), _triple(squares))


def scaled(images: npt.NDArray[Any], statistics: Statistics) -> npt.NDArray[np.float32]:
    """Subtract the mean and divide by the standard deviation, channel by channel.

    Args:
        images: (..., 3, H, W) in the units of the statistics, NaN where nothing was measured.
        statistics: Per channel.

    Returns:
        The same shape in float32, NaN where nothing was measured.
    """
    mean = np.array(statistics.mean, dtype=np.float32)[:, None, None]  # (C, 1, 1)
    std = np.array(statistics.std, dtype=np.float32)[:, None, None]
    values: npt.NDArray[np.float32] = images.astype(np.float32)
    values -= mean
    values /= std
    values[~np.isfinite(values)] = np.nan
    return values


def normalise(images: npt.NDArray[Any], statistics: Statistics) -> npt.NDArray[np.float32]:
    """As `scaled`, but what was not measured becomes 0, which is then the mean."""
    return np.nan_to_num(scaled(images, statistics), copy=False)


def scaled_known(
    images: npt.NDArray[Any], statistics: Statistics, channels: tuple[bool, bool, bool]
) -> npt.NDArray[np.float32]:
    """Scale the channels that a network has learnt from, and take the others away.

    A network that never saw a channel knows nothing of its scale: what it is given there must be what it was
    trained on, which is nothing.

    Args:
        images: (..., 3, H, W) in the units of the statistics, NaN where nothing was measured.
        statistics: Per channel.
        channels: For T2W, DWI and ADC, whether any training case had it.

    Returns:
        The same shape in float32, NaN where nothing was measured or known.
    """
    values = scaled(images, statistics)
    values[..., [c for c in range(3) if not channels[c]], :, :] = np.nan
    return values


def normalise_known(
    images: npt.NDArray[Any], statistics: Statistics, channels: tuple[bool, bool, bool]
) -> npt.NDArray[np.float32]:
    """As `scaled_known`, with 0 in place of NaN: what a network is shown."""
    return np.nan_to_num(scaled_known(images, statistics, channels), copy=False)


def _triple(values: Iterable[Any]) -> Triple:
    t2w, dwi, adc = (float(value) for value in values)
    return t2w, dwi, adc
