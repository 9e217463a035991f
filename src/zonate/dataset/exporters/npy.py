"""A dataset as plain arrays, as the described method had them.

images.npy      (N, H, W, 3) float32, normalised by the dataset's statistics; an absent channel is 0
channels.npy    (N, 3) bool, whether T2W, DWI and ADC are there
labels.npy      (N, H, W, 5) uint8 membership: a CENTRAL_GLAND pixel has ones in TZ, DPU and AFS, a pixel that is
                not annotated has none
codes.npy       (N, H, W) uint8 label codes
index.csv       row, case_id, patient_id, slice, split, dataset, reader, image_id
statistics.json what the images were normalised by, and what identifies the dataset
"""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from zonate.dataset.store import Dataset
from zonate.io.files import write_json
from zonate.preprocessing.statistics import normalise
from zonate.progress import Progress
from zonate.zones import N_ZONES, Zone, membership


def write_npy(dataset: Dataset, folder: Path, progress: Progress) -> tuple[str, ...]:
    """Write every slice into arrays on disk, one slice in memory at a time.

    The rows follow the dataset's cases, and their slices from inferior to superior.
    """
    _write_arrays(dataset, folder, progress)
    _write_index(dataset, folder)
    _write_statistics(dataset, folder)
    return ()


def _write_arrays(dataset: Dataset, folder: Path, progress: Progress) -> None:
    n, size = sum(entry.slices for entry in dataset.entries), dataset.slicing.size_px
    images = _array(folder / "images.npy", np.float32, (n, size, size, 3))
    channels = _array(folder / "channels.npy", np.bool_, (n, 3))
    labels = _array(folder / "labels.npy", np.uint8, (n, size, size, N_ZONES))
    codes = _array(folder / "codes.npy", np.uint8, (n, size, size))
    zones_of_code = membership().astype(np.uint8)  # (256, K)
    row = 0
    for done, entry in enumerate(dataset.entries, start=1):
        for s in range(entry.slices):
            image, code = dataset.slice(entry.case_id, s)  # (C, H, W), (H, W)
            images[row] = normalise(image, dataset.statistics).transpose(1, 2, 0)
            channels[row] = entry.channels_present
            labels[row] = zones_of_code[code]
            codes[row] = code
            row += 1
        progress(done, len(dataset.entries), entry.case_id)
    for array in (images, channels, labels, codes):
        array.flush()


def _array(path: Path, dtype: Any, shape: tuple[int, ...]) -> Any:
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _write_index(dataset: Dataset, folder: Path) -> None:
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "case_id", "patient_id", "slice", "split", "dataset", "reader", "image_id"))
        row = 0
        for entry in dataset.entries:
            for s in range(entry.slices):
                of_image = (entry.dataset, entry.reader, entry.image_id)
                writer.writerow((row, entry.case_id, entry.patient_id, s, entry.split, *of_image))
                row += 1


def _write_statistics(dataset: Dataset, folder: Path) -> None:
    write_json(
        folder / "statistics.json",
        {
            **dataset.statistics.to_json(),
            "channels": ["T2W", "DWI", "ADC"],
            "zones": [zone.name for zone in Zone],
            "spacing_mm": dataset.slicing.spacing_mm,
            "dataset_fingerprint": dataset.fingerprint,
            "licences": sorted({entry.licence for entry in dataset.entries}),
        },
    )
