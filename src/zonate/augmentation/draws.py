"""Random numbers that are the same on every device, and for each augmentation whatever the others draw."""

import math
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Draws:
    """Where the augmentations of one batch get their random numbers from.

    Each has a generator of its own, on the CPU, that follows from the seed and its name: switching one on or off
    leaves what the others draw as it was.
    """

    def __init__(self, seed: int | Sequence[int], n_slices: int, *, first: int = 0, batch_size: int = 0) -> None:
        """Begin to draw for a batch, or for a share of one: its slices are given what the whole batch would give them.

        Args:
            seed: Of the batch.
            n_slices: For which is drawn.
            first: Which one of the batch the first of them is.
            batch_size: Slices of the whole batch; 0: these are all.
        """
        self._seed = (seed,) if isinstance(seed, int) else tuple(seed)
        self._first = first
        self._batch_size = batch_size or n_slices
        self.n_slices = n_slices

    def of(self, name: str) -> "Draw":
        """The random numbers of one augmentation, from the first on."""
        mine = slice(self._first, self._first + self.n_slices)
        generator = self._generator(name)
        return Draw(generator, self._batch_size, mine, self._generator(name, self._first) if self._first else generator)

    def _generator(self, name: str, *more: int) -> torch.Generator:
        state = np.random.SeedSequence((*self._seed, zlib.crc32(name.encode()), *more)).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


class Draw:
    """Random numbers in a row, each (B, *shape) float32 on the CPU for B slices of a batch.

    Attributes:
        own: For what is drawn in other numbers than one a slice, and hence anew by each share of a batch.
    """

    def __init__(self, generator: torch.Generator, batch_size: int, mine: slice, own: torch.Generator) -> None:
        self._generator = generator
        self._batch_size = batch_size
        self._mine = mine
        self.own = own

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """From low to high."""
        return low + (high - low) * self._rand(shape)

    def ratio(self, largest: float, *shape: int) -> Tensor:
        """Between 1/(1 + largest) and 1 + largest, and as likely below 1 as above."""
        return (self.uniform(-1, 1, *shape) * math.log1p(largest)).exp()

    def normal(self, *shape: int) -> Tensor:
        """Of mean 0 and standard deviation 1."""
        return torch.randn((self._batch_size, *shape), generator=self._generator)[self._mine]

    def happens(self, chance: float, *shape: int) -> Tensor:
        """Whether something of this chance happens; bool."""
        return self._rand(shape) < chance

    def _rand(self, shape: tuple[int, ...]) -> Tensor:
        return torch.rand((self._batch_size, *shape), generator=self._generator)[self._mine]
