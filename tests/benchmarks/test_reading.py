from pathlib import Path

import numpy as np
import pytest

from benchmarks import reading
from zonate.dataset.store import Dataset


def test_every_way_reads_the_same_pixels(tmp_path: Path) -> None:
    cases = [reading.made(f"case{i}", 4, 16, seed=i) for i in range(2)]
    reading.stored(tmp_path / "shards", cases)
    before = reading.file_a_slice(tmp_path / "files", cases)
    assert before.files_a_case == 3 * 4 + 4
    ways = (
        reading.through_zarr(tmp_path / "files"),
        reading.through_zarr(tmp_path / "shards"),
        reading.through_store(Dataset.open(tmp_path / "shards")),
    )
    for read in ways:
        images, labels = read("case1", 1, 4)
        np.testing.assert_array_equal(images, cases[1].images[1:4])
        np.testing.assert_array_equal(labels, cases[1].labels[1])


def test_the_page_says_what_a_million_slices_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "TINY_CASES", 2)
    monkeypatch.setattr(reading, "READERS", (1, 2))
    text = reading.measured(tmp_path, None, 2, 4, 16)
    assert "2 cases made,\n8 slices of 16 px, 4 kB each unpacked; 31 % of the pixels not measured." in text
    assert "| one shard an array, as Zonate reads it | 7 |" in text
    assert "| cases | 250,000 |" in text
    assert "| files | 1,750,000 |" in text
