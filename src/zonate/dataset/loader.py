"""Training batches from a prepared dataset: an order and an augmentation that follow from seed and epoch alone."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from zonate.config import AugmentationSettings
from zonate.dataset.augmentation import augment
from zonate.dataset.statistics import Statistics, normalise
from zonate.dataset.store import Dataset, Entry
from zonate.zones import LabelCode

_AHEAD = 2  # batches that are read while the network computes


@dataclass(frozen=True)
class Batch:
    """Slices to learn from.

    Attributes:
        images: (B, 3, H, W) float32, normalised; 0 where nothing was measured.
        labels: (B, H, W) uint8 label codes.
        codes: Of each slice, those that its annotator could have drawn.
    """

    images: Tensor
    labels: Tensor
    codes: tuple[tuple[LabelCode, ...], ...]


class SliceLoader:
    """The slices of some cases, in batches; a dataset need not fit in memory.

    Batches are read a few ahead in one thread, which does not change what they hold.
    """

    def __init__(
        self,
        dataset: Dataset,
        entries: Sequence[Entry],
        *,
        batch_size: int,
        seed: int,
        normalisation: Literal["dataset", "volume"],
        channels: tuple[bool, bool, bool],
        augmentation: AugmentationSettings,
    ) -> None:
        self._dataset = dataset
        self._places = [(entry, s) for entry in entries for s in range(entry.slices)]
        self._batch_size = batch_size
        self._seed = seed
        self._normalisation = normalisation
        self._channels = channels
        self._augmentation = augmentation

    def __len__(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-len(self._places) // self._batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Visit every slice once, in an order drawn from (seed, epoch)."""
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._places))
        chunks = [order[first : first + self._batch_size] for first in range(0, len(order), self._batch_size)]
        with ThreadPoolExecutor(max_workers=1) as reader:
            waiting = [reader.submit(self._batch, chunk, epoch) for chunk in chunks[:_AHEAD]]
            for number in range(len(chunks)):
                batch = waiting.pop(0).result()
                if number + _AHEAD < len(chunks):
                    waiting.append(reader.submit(self._batch, chunks[number + _AHEAD], epoch))
                yield batch

    def _batch(self, chunk: npt.NDArray[np.intp], epoch: int) -> Batch:
        images, labels, codes = [], [], []
        for index in chunk:
            entry, s = self._places[index]
            image, label = self._dataset.slice(entry.case_id, s)
            image, label = augment(image, label, self._augmentation, visit=(self._seed, epoch, int(index)))
            statistics = entry.statistics if self._normalisation == "volume" else self._dataset.statistics
            images.append(torch.from_numpy(normalise_known(image, statistics, self._channels)))
            labels.append(torch.from_numpy(label))
            codes.append(entry.codes)
        return Batch(torch.stack(images), torch.stack(labels), tuple(codes))


def normalise_known(
    images: npt.NDArray[Any], statistics: Statistics, channels: tuple[bool, bool, bool]
) -> npt.NDArray[np.float32]:
    """Normalise the channels that a network has learnt from, and set the others to 0.

    A network that never saw a channel knows nothing of its scale: what it is given there must be what it was
    trained on, which is 0.

    Args:
        images: (..., 3, H, W) in the units of the statistics, NaN where nothing was measured.
        statistics: Per channel.
        channels: For T2W, DWI and ADC, whether any training case had it.

    Returns:
        The same shape in float32.
    """
    scaled = normalise(images, statistics)
    scaled[..., [c for c in range(3) if not channels[c]], :, :] = 0.0
    return scaled
