"""Training batches from a prepared dataset: an order and an augmentation that follow from seed and epoch alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from zonate.config import Settings
from zonate.dataset.entry import Entry
from zonate.dataset.quarter_turns import turn_and_flip
from zonate.dataset.store import Dataset
from zonate.preprocessing.slices import neighbour_places
from zonate.preprocessing.statistics import Statistics, scaled_known, statistics_of
from zonate.processes import share_of
from zonate.settings.learning import AugmentationSettings
from zonate.zones import ZONES_OF_CODE, LabelCode

READERS = 4
"""Threads that read: one gives a few hundred slices a second (`benchmarks/reading.md`), and a GPU learns from more."""

_GLAND_SHARE = 0.75
_NO_GLAND = (LabelCode.BACKGROUND, LabelCode.NOT_ANNOTATED)


@dataclass(frozen=True)
class Batch:
    """Slices to learn from: a whole batch, or a process's share of one.

    Attributes:
        images: (B, (2n + 1) · 3, H, W) float32, scaled: each slice beside its n neighbours on either side, from
            inferior to superior; within a slice T2W, DWI, ADC. NaN where nothing was measured.
        labels: (B, H, W) uint8 label codes.
        codes: Of each slice, those that its annotator could have drawn.
        batch_codes: The same of each slice of the whole batch; None: of these.
        first: Which slice of the whole batch the first one here is.
        share: The part of the whole batch that is here; 0: a slice that another process has only stands in, where there
            are fewer slices than processes, and nothing is learnt from it.
    """

    images: Tensor
    labels: Tensor
    codes: tuple[tuple[LabelCode, ...], ...]
    batch_codes: tuple[tuple[LabelCode, ...], ...] | None = None
    first: int = 0
    share: float = 1.0

    @property
    def size(self) -> int:
        """Slices of the whole batch."""
        return len(self.codes if self.batch_codes is None else self.batch_codes)


class SliceLoader:
    """The slices of some cases, in batches; a dataset need not fit in memory.

    Batches are read a few ahead in a few threads, which does not change what they hold. Processes that share the
    batches draw the same ones, and each reads its own part of each, the first ones one slice more where the parts
    cannot be as large. What is drawn for a slice does not depend on who reads it.
    """

    def __init__(
        self,
        dataset: Dataset,
        entries: Sequence[Entry],
        *,
        batch_size: int,
        seed: int,
        normalisation: Literal["dataset", "volume", "region"],
        channels: tuple[bool, bool, bool],
        augmentation: AugmentationSettings,
        sampling: Literal["every", "gland", "balanced"] = "every",
        neighbours: int = 0,
        rank: int = 0,
        processes: int = 1,
        readers: int = READERS,
        pinned: bool = False,
    ) -> None:
        self._dataset = dataset
        self._places = [(entry, s) for entry in entries for s in range(entry.slices)]
        self._batch_size = batch_size
        self._seed = seed
        self._normalisation = normalisation
        self._channels = channels
        self._augmentation = augmentation
        self._neighbours = neighbours
        self._rank, self._processes = rank, processes
        self._readers = readers
        self._pinned = pinned
        self._of_region: dict[str, Statistics] = {}
        held = [entry.slice_codes[s] if entry.slice_codes else () for entry, s in self._places]
        weigh = {"every": None, "gland": gland_chances, "balanced": chances}[sampling]
        self._chances = None if weigh is None else weigh(held)

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        settings: Settings,
        channels: tuple[bool, bool, bool],
        *,
        rank: int = 0,
        processes: int = 1,
        pinned: bool = False,
    ) -> Self:
        """The training cases of a dataset, as the settings of a training say.

        Args:
            dataset: That is learnt from.
            settings: As resolved.
            channels: Those of T2W, DWI and ADC that are known.
            rank: Which of the processes this is, from 0.
            processes: That share the batches.
            pinned: Whether batches are to lie where a GPU fetches them by itself, while the processor goes on.
        """
        return cls(
            dataset,
            dataset.split("train"),
            batch_size=settings.training.batch_size,
            seed=settings.training.seed,
            normalisation=settings.normalisation,
            channels=channels,
            augmentation=settings.augmentation,
            sampling=settings.training.sampling,
            neighbours=settings.network.neighbours,
            rank=rank,
            processes=processes,
            pinned=pinned,
        )

    def __len__(self) -> int:
        """Batches in an epoch; the last one may be smaller."""
        return -(-len(self._places) // self._batch_size)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Visit every slice once, or as many slices by chance, in an order drawn from (seed, epoch)."""
        n, random = len(self._places), np.random.default_rng((self._seed, epoch))
        order = random.permutation(n) if self._chances is None else random.choice(n, n, p=self._chances)
        # A slice that is drawn twice is augmented in two ways; one that comes once is known by its place alone.
        visits = order if self._chances is None else np.arange(n, 2 * n)
        pairs = np.stack([order, visits], axis=1)  # (N, 2)
        chunks = [pairs[first : first + self._batch_size] for first in range(0, n, self._batch_size)]
        ahead = self._readers + 1  # one that is ready, and one for each thread
        readers = ThreadPoolExecutor(self._readers)
        try:
            waiting = [readers.submit(self._batch, chunk, epoch) for chunk in chunks[:ahead]]
            for number in range(len(chunks)):
                batch = waiting.pop(0).result()
                if number + ahead < len(chunks):
                    waiting.append(readers.submit(self._batch, chunks[number + ahead], epoch))
                yield batch
        finally:
            readers.shutdown(cancel_futures=True)

    def _batch(self, chunk: npt.NDArray[np.intp], epoch: int) -> Batch:
        mine = share_of(len(chunk), self._rank, self._processes)
        share = (mine.stop - mine.start) / len(chunk)
        if not share:
            mine = slice(len(chunk) - 1, len(chunk))
        images, labels, codes = [], [], []
        for index, visit in chunk[mine].tolist():
            entry, s = self._places[index]
            place = (self._seed, epoch, visit)
            around = scaled_known(self._with_neighbours(entry, s, place), self._statistics(entry), self._channels)
            image = around.reshape(-1, *around.shape[2:])  # ((2n + 1) · 3, H, W)
            label = self._dataset.slice_labels(entry.case_id, s)
            image, label = turn_and_flip(image, label, self._augmentation, visit=place)
            images.append(torch.from_numpy(image))
            labels.append(torch.from_numpy(label))
            codes.append(entry.codes)
        batch_codes = tuple(self._places[index][0].codes for index in chunk[:, 0].tolist())
        stacked = torch.stack(images), torch.stack(labels)
        if self._pinned:
            stacked = stacked[0].pin_memory(), stacked[1].pin_memory()
        return Batch(*stacked, tuple(codes), batch_codes, mine.start, share)

    def _with_neighbours(self, entry: Entry, s: int, place: tuple[int, int, int]) -> npt.NDArray[np.float32]:
        """Slice s and those around it (2n + 1, 3, H, W), now and then from twice as far; each is read once."""
        far = np.random.default_rng((*place, 1)).random() < self._augmentation.far_neighbours_chance
        places = neighbour_places(s, entry.slices, self._neighbours, 2 if far else 1)
        first, last = int(places[0]), int(places[-1])
        return self._dataset.images(entry.case_id, first, last + 1)[places - first]

    def _statistics(self, entry: Entry) -> Statistics:
        """What a case is normalised by; only what the index does not hold is worked out, once."""
        if self._normalisation != "region":
            return self._dataset.statistics if self._normalisation == "dataset" else entry.statistics
        if entry.region_statistics is not None:
            return entry.region_statistics
        if entry.case_id not in self._of_region:  # prepared before they were kept
            images = self._dataset.images(entry.case_id, 0, entry.slices)
            self._of_region[entry.case_id] = statistics_of(
                images,
                self._normalisation,
                spacing_mm=self._dataset.slicing.spacing_mm,
                of_dataset=self._dataset.statistics,
            )
        return self._of_region[entry.case_id]


def chances(held: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """How likely each slice is drawn when a label code is drawn first and then a slice that holds it.

    A code that stands for n zones is drawn 1/n times as often as one that stands for a single zone: it says less of
    each, and where many annotators drew coarsely, the zones that few told apart are still seen.

    Args:
        held: The label codes of each slice; NOT_ANNOTATED is no code.

    Returns:
        (N,), summing to 1: the mean over codes, weighted so, of 1/n_c for each of the n_c slices that hold code c. A
        slice without any code is never drawn; where no slice has one, all are as likely.
    """
    sets = [{code for code in codes if code != LabelCode.NOT_ANNOTATED} for codes in held]
    counts = Counter(code for codes in sets for code in codes)
    share = {code: 1 / (n * len(ZONES_OF_CODE[LabelCode(code)])) for code, n in counts.items()}
    weights = np.array([sum(share[code] for code in sorted(codes)) for codes in sets], dtype=np.float64)
    return weights / weights.sum() if weights.sum() > 0 else np.full(len(sets), 1 / max(len(sets), 1))


def gland_chances(held: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """How likely each slice is drawn when three of four are to hold some of the gland.

    Args:
        held: The label codes of each slice; NOT_ANNOTATED is no code.

    Returns:
        (N,), summing to 1; where all slices or none hold some of the gland, all are as likely.
    """
    gland = np.array([any(code not in _NO_GLAND for code in codes) for codes in held], dtype=np.bool_)
    n_gland, n = int(gland.sum()), len(held)
    if n_gland in (0, n):
        return np.full(n, 1 / max(n, 1))
    return np.where(gland, _GLAND_SHARE / n_gland, (1 - _GLAND_SHARE) / (n - n_gland))
