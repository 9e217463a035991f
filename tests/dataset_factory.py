"""A tiny dataset that learning can be tested on, written through the store's own functions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zonate.case import Case
from zonate.config import Settings
from zonate.dataset.cases import CaseRecord, Origin, write_case
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.splits import Split
from zonate.geometry import Grid, Volume
from zonate.preprocessing.slices import LabelledSlices, slice_labelled
from zonate.settings.data import SlicingSettings
from zonate.zones import LabelCode

COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


def a_case(case_id: str, *, seed: int, codes: Sequence[LabelCode] = COARSE, slices: int = 2, size: int = 256) -> Case:
    """A bright disc (its lower half PZ, its upper half the last code) in noise; T2W alone; 0.5 mm in plane."""
    rng = np.random.default_rng(seed)
    affine = np.array([[0, 0, 0.5, -64], [0, 0.5, 0, -64], [3, 0, 0, 10], [0, 0, 0, 1]], dtype=np.float64)
    grid = Grid((slices, size, size), affine)
    row, column = np.mgrid[:size, :size]
    disc = (row - size // 2) ** 2 + (column - size // 2) ** 2 < (40 + seed) ** 2
    plane = np.zeros((size, size), dtype=np.uint8)
    plane[disc] = codes[-1]
    plane[disc & (row >= size // 2)] = LabelCode.PZ
    labels = np.repeat(plane[None], slices, axis=0)
    image = 100 + 300 * (labels > 0) + 100 * (labels == LabelCode.PZ) + rng.normal(0, 20, labels.shape)
    return Case(case_id, Volume(image.astype(np.float32), grid), labels=Volume(labels, grid))


def sliced(case: Case, settings: SlicingSettings) -> LabelledSlices:
    """A case with its labels, as `prepare` cuts it into slices."""
    assert case.labels is not None
    return slice_labelled(case, case.labels, settings)


def stored(folder: Path, case: Case, settings: SlicingSettings, origin: Origin) -> CaseRecord:
    """A case with its labels, written into a dataset's folder."""
    assert case.labels is not None
    return write_case(folder, sliced(case, settings), case.labels, origin)


def a_dataset(
    folder: Path,
    splits: Sequence[Split] = ("train", "train", "validation"),
    *,
    codes: Sequence[LabelCode] = COARSE,
    slices: int = 2,
    settings: Settings | None = None,
) -> Path:
    """Write one case a split, each of a patient of its own."""
    settings = settings or Settings()
    records = []
    for number, split in enumerate(splits):
        case = a_case(f"case{number}", seed=number, codes=codes, slices=slices)
        origin = Origin(f"patient{number}", "made by a test", "CC0-1.0", "any", tuple(codes), "key", {"warnings": []})
        records.append(PlacedRecord(stored(folder, case, settings.slicing, origin), split))
    write_index(folder, records, settings)
    return folder
