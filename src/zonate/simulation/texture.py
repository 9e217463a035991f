"""Random but smooth fields that depend on position alone, so that every image sees the same tissue."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

_CELLS = 48


@dataclass(frozen=True, eq=False)
class Texture:
    """A periodic random field of mean 0 and standard deviation 1.

    Attributes:
        lattice: (48, 48, 48) float32.
        spacing_mm: Distance of two lattice points: about half the size of a blob.
    """

    lattice: npt.NDArray[np.float32]
    spacing_mm: float

    @classmethod
    def draw(cls, rng: np.random.Generator, spacing_mm: float) -> "Texture":
        """Draw a field whose blobs are about twice `spacing_mm` wide."""
        white = rng.standard_normal((_CELLS, _CELLS, _CELLS), dtype=np.float32)
        smooth = ndimage.gaussian_filter(white, 0.8, mode="wrap")
        return cls((smooth / smooth.std()).astype(np.float32), spacing_mm)

    def at(self, points_mm: npt.NDArray[np.floating[Any]], shift: float = 0.0) -> npt.NDArray[np.float32]:
        """The field at points (..., 3); another `shift` gives a field that is as good as independent."""
        coordinates = np.moveaxis(points_mm / self.spacing_mm + shift, -1, 0)
        sampled: npt.NDArray[np.float32] = ndimage.map_coordinates(
            self.lattice, coordinates, order=1, mode="grid-wrap", output=np.float32
        )
        return sampled
