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

    def __init__(self, seed: int | Sequence[int], n_slices: int) -> None:
        self._seed = (seed,) if isinstance(seed, int) else tuple(seed)
        self.n_slices = n_slices

    def of(self, name: str) -> "Draw":
        """The random numbers of one augmentation, from the first on."""
        state = np.random.SeedSequence((*self._seed, zlib.crc32(name.encode()))).generate_state(1, np.uint64)
        return Draw(torch.Generator().manual_seed(int(state[0] >> np.uint64(1))), self.n_slices)


class Draw:
    """Random numbers in a row, each (B, *shape) float32 on the CPU for a batch of B slices."""

    def __init__(self, generator: torch.Generator, n_slices: int) -> None:
        self.generator = generator
        self._n_slices = n_slices

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """From low to high."""
        return low + (high - low) * torch.rand((self._n_slices, *shape), generator=self.generator)

    def ratio(self, largest: float, *shape: int) -> Tensor:
        """Between 1/(1 + largest) and 1 + largest, and as likely below 1 as above."""
        return (self.uniform(-1, 1, *shape) * math.log1p(largest)).exp()

    def normal(self, *shape: int) -> Tensor:
        """Of mean 0 and standard deviation 1."""
        return torch.randn((self._n_slices, *shape), generator=self.generator)

    def happens(self, chance: float, *shape: int) -> Tensor:
        """Whether something of this chance happens; bool."""
        return torch.rand((self._n_slices, *shape), generator=self.generator) < chance
