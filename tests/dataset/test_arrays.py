from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import zarr
from zarr.codecs import ZstdCodec

from tests.dataset.synthetic import labelled_case, store
from zonate.dataset.arrays import SliceArray
from zonate.errors import DatasetError

IMAGES = np.where(np.arange(5 * 3 * 4 * 6) % 7 == 0, np.nan, np.arange(5 * 3 * 4 * 6)).reshape(5, 3, 4, 6).astype("<f4")


def written(folder: Path, values: np.ndarray, **how: Any) -> Path:
    array = zarr.create_array(
        folder,
        **{
            "shape": values.shape,
            "dtype": values.dtype,
            "chunks": (1, *values.shape[1:]),
            "shards": values.shape,
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "compressors": ZstdCodec(level=3, checksum=True),
            "fill_value": np.nan if values.dtype.kind == "f" else 255,
            "zarr_format": 3,
            **how,
        },
    )
    array[...] = values
    return folder


def opened(folder: Path, names: list[str] | None = None) -> SliceArray:
    """Its shards are opened from the folder; their names are noted."""

    def open_shard(name: str) -> BinaryIO:
        if names is not None:
            names.append(name)
        return (folder / name).open("rb")

    return SliceArray(folder, open_shard)


@pytest.mark.parametrize("values", [IMAGES, np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6)])
def test_any_slices_are_what_zarr_reads(tmp_path: Path, values: np.ndarray) -> None:
    array = opened(written(tmp_path / "array", values))
    by_zarr = zarr.open_array(tmp_path / "array", mode="r")
    for first, last in ((0, 5), (0, 1), (4, 5), (1, 4)):
        found = array.read(first, last)
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values[first:last])
        np.testing.assert_array_equal(found, by_zarr[first:last])


def test_what_is_stored_is_read_by_its_own_bytes_alone(tmp_path: Path) -> None:
    store(tmp_path, labelled_case(slices=3))
    folder, names = tmp_path / "cases" / "a" / "images", list[str]()
    array = opened(folder, names)
    shard = folder / "c.0.0.0.0"
    shard.write_bytes(bytes(8) + shard.read_bytes()[8:])  # the beginning of the first slice
    assert (array.read(1, 3)[:, 0, 0, 0] == [101.0, 100.0]).all()
    assert names == ["c.0.0.0.0"] * 2  # once for the index, and once for the slices
    with pytest.raises(DatasetError, match=r"cases/a/images is damaged .* `zonate prepare`"):
        array.read(0, 1)


def test_a_slice_that_is_not_stored_is_not_background(tmp_path: Path) -> None:
    labels = np.zeros((3, 4, 6), dtype=np.uint8)
    labels[1] = 255
    array = opened(written(tmp_path / "labels", labels, config={"write_empty_chunks": False}))
    assert (array.read(1, 2) == 255).all()
    images = IMAGES.copy()
    images[2] = np.nan
    array = opened(written(tmp_path / "images", images, config={"write_empty_chunks": False}))
    np.testing.assert_array_equal(array.read(0, 5), images)


@pytest.mark.parametrize(
    "how",
    [
        {"shards": None},  # a file a slice
        {"shards": None, "chunks": IMAGES.shape},
        {"compressors": None},
        {"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}},
    ],
)
def test_an_array_of_another_form_is_refused_with_what_to_do(tmp_path: Path, how: dict[str, Any]) -> None:
    folder = written(tmp_path / "cases" / "a" / "images", IMAGES, **how)
    with pytest.raises(
        DatasetError, match=r"a.images is not the one shard that Zonate reads: .*\(`zonate prepare --overwrite`\)"
    ):
        opened(folder)


def test_slices_that_are_not_there_are_refused(tmp_path: Path) -> None:
    array = opened(written(tmp_path / "array", IMAGES))
    for first, last in ((5, 6), (-1, 1), (3, 3), (4, 7)):
        with pytest.raises(IndexError, match="the case has 5"):
            array.read(first, last)


@pytest.mark.parametrize("damage", ["shard gone", "index changed", "shard cut", "metadata gone", "metadata cut"])
def test_what_is_damaged_is_refused_and_never_read_as_empty(tmp_path: Path, damage: str) -> None:
    folder = written(tmp_path / "array", IMAGES)
    shard, metadata = folder / "c.0.0.0.0", folder / "zarr.json"
    stored = shard.read_bytes()
    if damage == "shard gone":
        shard.unlink()
    elif damage == "index changed":
        shard.write_bytes(stored[:-5] + bytes([stored[-5] ^ 1]) + stored[-4:])
    elif damage == "shard cut":
        shard.write_bytes(stored[:20])
    elif damage == "metadata gone":
        metadata.unlink()
    else:
        metadata.write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match="is damaged or gone"):
        opened(folder)


def test_a_shard_that_is_lost_later_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "array", IMAGES)
    array = opened(folder)
    (folder / "c.0.0.0.0").unlink()
    with pytest.raises(DatasetError, match="is damaged or gone"):
        array.read(0, 1)
