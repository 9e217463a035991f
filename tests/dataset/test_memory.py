"""A dataset several times as large as the memory that reading it may take."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.dataset_factory import COARSE
from zonate.config import Settings
from zonate.dataset.cases import Origin, case_folder, write_case
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.geometry import Crop, Grid, Volume
from zonate.preprocessing.slices import LabelledSlices

CASES, SLICES, SIZE_PX = 48, 20, 256
LIMIT_MB = 150

EPOCH = """
import resource, sys
from pathlib import Path
from zonate.dataset.loader import SliceLoader
from zonate.dataset.store import Dataset
from zonate.settings.learning import AugmentationSettings

dataset = Dataset.open(Path(sys.argv[1]))

def read(entries):
    loader = SliceLoader(dataset, entries, batch_size=8, seed=0, normalisation="region",
                         channels=(True, True, True), augmentation=AugmentationSettings())
    return sum(batch.images[:, :3].numel() * 4 for batch in loader.epoch(1))

def peak_kb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

read(dataset.entries[:1])  # whatever is loaded once
before = peak_kb()
print(read(dataset.entries), (peak_kb() - before) * 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_an_epoch_takes_no_more_memory_than_a_few_batches(tmp_path: Path) -> None:
    folder = _large_dataset(tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EPOCH, str(folder)], check=True, capture_output=True, text=True
    )
    read_bytes, taken_bytes = map(int, done.stdout.split())
    assert read_bytes == CASES * SLICES * 3 * SIZE_PX**2 * 4  # 755 MB of images, five times the limit
    assert taken_bytes < LIMIT_MB * 10**6


def _large_dataset(folder: Path) -> Path:
    """One case of noise, and others whose files are links to its: they are read as any other, but take no room."""
    grid = Grid((SLICES, SIZE_PX, SIZE_PX), np.diag([3.0, 0.5, 0.5, 1.0])[[2, 1, 0, 3]])
    images = np.random.default_rng(0).normal(100, 20, (SLICES, 3, SIZE_PX, SIZE_PX)).astype(np.float32)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    slices = LabelledSlices("case0", images, Crop(grid, SIZE_PX, 0.5), grid, labels)
    origin = Origin("patient0", "made by a test", "CC0-1.0", "any", COARSE, "key", {"warnings": []})
    first = write_case(folder, slices, Volume(labels, grid), origin)
    placed = [PlacedRecord(first, "train")]
    for number in range(1, CASES):
        case_id = f"case{number}"
        shutil.copytree(case_folder(folder, "case0"), case_folder(folder, case_id), copy_function=os.link)
        placed.append(PlacedRecord(replace(first, case_id=case_id), "train"))
    write_index(folder, placed, Settings())
    return folder
