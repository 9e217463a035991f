"""A case as the network sees it: square slices of three channels, cut out so that they can be put back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.case import Case
from zonate.geometry import Crop, Grid, Volume, box_about, from_canonical, to_canonical
from zonate.settings.data import SlicingSettings
from zonate.zones import LabelCode


@dataclass(frozen=True)
class Slices:
    """The slices of one case, from inferior to superior.

    Attributes:
        case_id: As in `Case`.
        images: (S, 3, H, W) float32 in the units of the case; NaN where nothing was measured, so an absent
            channel is NaN throughout.
        crop: How the slices were cut out of the canonical T2W volume.
        original: The T2W grid as it was read.
    """

    case_id: str
    images: npt.NDArray[np.float32]
    crop: Crop
    original: Grid

    @property
    def channels_present(self) -> tuple[bool, bool, bool]:
        """For T2W, DWI and ADC, whether anything was measured."""
        t2w, dwi, adc = (bool(np.isfinite(self.images[:, channel]).any()) for channel in range(3))
        return t2w, dwi, adc


@dataclass(frozen=True)
class LabelledSlices(Slices):
    """Slices, and what a reader drew on them.

    Attributes:
        labels: (S, H, W) uint8 label codes, NOT_ANNOTATED outside the source.
    """

    labels: npt.NDArray[np.uint8]


def slice_case(case: Case, settings: SlicingSettings) -> Slices:
    """Cut a case into the network's slices; nothing is resampled along S.

    A border that a scanner or a programme has filled with one dark value counts as not measured, like what lies beyond
    the volume.
    """
    t2w = to_canonical(case.t2w)
    crop = Crop(t2w.grid, settings.size_px, settings.spacing_mm)
    n_slices = t2w.grid.shape[0]
    images = np.full((n_slices, 3, settings.size_px, settings.size_px), np.nan, dtype=np.float32)  # (S, C, H, W)
    for sequence, volume in case.channels().items():
        if volume is not None:
            images[:, sequence] = crop.image(_without_padding(to_canonical(volume).values))
    return Slices(case.case_id, images, crop, case.t2w.grid)


def slice_labelled(case: Case, labels: Volume, settings: SlicingSettings) -> LabelledSlices:
    """As `slice_case`, with label codes (S, H, W) uint8 on the case's grid, cut out by nearest neighbour."""
    of = slice_case(case, settings)
    codes = of.crop.labels(to_canonical(labels).values, outside=LabelCode.NOT_ANNOTATED)
    return LabelledSlices(of.case_id, of.images, of.crop, of.original, codes)


def _without_padding(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The values (S, H, W) with NaN in rows and columns at the edges that hold the volume's minimum alone."""
    measured = np.array(values, dtype=np.float32)
    finite = np.isfinite(measured)
    dark = ~(finite & (measured > measured.min(where=finite, initial=np.inf)))
    rows, columns = (np.flatnonzero(~dark.all(axis=axes)) for axes in ((0, 2), (0, 1)))
    if rows.size:  # else the volume holds one value, which is for others to judge
        measured[:, : rows[0]] = measured[:, rows[-1] + 1 :] = np.nan
        measured[:, :, : columns[0]] = measured[:, :, columns[-1] + 1 :] = np.nan
    return measured


def beside_neighbours(images: npt.NDArray[Any], neighbours: int) -> npt.NDArray[Any]:
    """Show each slice beside those above and below it, as channels.

    Args:
        images: (S, C, H, W), from inferior to superior.
        neighbours: How many on either side.

    Returns:
        (S, (2 · neighbours + 1) · C, H, W), from the most inferior neighbour to the most superior one; beyond the ends
        the last slice is repeated.
    """
    n_slices = len(images)
    places = neighbour_places(np.arange(n_slices), n_slices, neighbours)  # (S, 2n + 1)
    return np.asarray(images[places].reshape(n_slices, -1, *images.shape[2:]))


def neighbour_places(s: npt.ArrayLike, n_slices: int, neighbours: int, step: int = 1) -> npt.NDArray[np.intp]:
    """Where the neighbours of slices s (...) of a case lie, themselves among them: (..., 2 · neighbours + 1)."""
    offsets = step * np.arange(-neighbours, neighbours + 1)
    return np.clip(np.asarray(s)[..., None] + offsets, 0, n_slices - 1)


def restore_slices(
    values: npt.NDArray[Any], crop: Crop, original: Grid, outside: npt.ArrayLike, *, threads: int = 1
) -> npt.NDArray[np.float32]:
    """Put maps on slices back onto the original grid: the inverse of `slice_case`.

    Args:
        values: (S, K, H, W), such as the probabilities of K classes.
        crop: Of the slices.
        original: Of the slices.
        outside: (K,) the value of each map outside the slices, such as 1 for background and 0 else.
        threads: That put maps back at a time.

    Returns:
        (K, S, H, W) float32 on the original grid.
    """
    background = np.asarray(outside, dtype=np.float32)
    maps = np.empty((values.shape[1], *crop.source.shape), dtype=np.float32)  # (K, S, H, W), canonical
    rows, columns = _told_apart(values, background)
    corner = rows.start, columns.start

    def put_back(k: int) -> None:
        crop.restore(values[:, k, rows, columns], float(background[k]), corner=corner, out=maps[k])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(put_back, range(len(maps))))
    return from_canonical(maps, original)


def _told_apart(values: npt.NDArray[Any], background: npt.NDArray[np.float32]) -> tuple[slice, slice]:
    """The rows and columns of maps (S, K, H, W) beyond which all is background, with one more on each side.

    Between that one and what lies further out there is nothing to interpolate.
    """
    rows, columns = box_about((values != background[:, None, None]).any(axis=(0, 1)))
    return _widened(rows), _widened(columns)


def _widened(held: slice) -> slice:
    return slice(max(held.start - 1, 0), held.stop + 1)
