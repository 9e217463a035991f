"""Slices of a stored array, read by byte range.

Zarr would read the index of a shard anew for each slice and pass every read through its event loop, which costs
several times what decompression does (`benchmarks/reading.md`). For arrays of the form that `dataset.cases` writes, the
index is read once here and a slice is one read of a file; an array of any other form is refused.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
import numpy as np
import numpy.typing as npt
from numcodecs import Zstd

from zonate.errors import DatasetError

SHARD_SEPARATOR = "."
"""Between the parts of a shard's name, so that a shard is one file and no tree of folders."""

_ABSENT = 2**64 - 1  # offset and size in a shard's index of a chunk that is not stored
_CRC_BYTES = 4
_CODECS = ["bytes", "zstd"]
_INDEX_CODECS = ["bytes", "crc32c"]
_ZSTD = Zstd()


class SliceArray:
    """An array whose first axis is S, in one shard, a slice a chunk.

    It holds no file open: there may be as many arrays as cases.

    Args:
        folder: The array's.
        open_shard: Opens a file of the array by its name, which need not lie in the folder.

    Raises:
        DatasetError: Its metadata cannot be read, its shard is not there or damaged, or it is of another form.
    """

    def __init__(self, folder: Path, open_shard: Callable[[str], BinaryIO]) -> None:
        self._folder = folder
        self._open_shard = open_shard
        try:
            metadata = json.loads((folder / "zarr.json").read_bytes())
            if not _is_one_shard(metadata):
                raise DatasetError(
                    f"{folder} is not the one shard that Zonate reads: another program wrote it, or an earlier "
                    "version. Prepare the dataset anew (`zonate prepare --overwrite`); if it is read from a URL, copy "
                    "it there again"
                )
            self._read_index(metadata)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(folder) from error

    def _read_index(self, metadata: dict[str, Any]) -> None:
        self._shape: tuple[int, ...] = tuple(metadata["shape"])
        self._dtype = np.dtype(metadata["data_type"]).newbyteorder("<")
        self._fill = self._dtype.type(metadata["fill_value"])
        self._name = SHARD_SEPARATOR.join(["c", *("0" for _ in self._shape)])
        with self._open_shard(self._name) as file:
            n_bytes = 16 * self._shape[0]
            file.seek(-(n_bytes + _CRC_BYTES), 2)
            stored, crc = file.read(n_bytes), file.read()
        if google_crc32c.value(stored) != int.from_bytes(crc, "little"):
            raise ValueError("the checksum of the shard's index does not fit")
        self._places = np.frombuffer(stored, dtype="<u8").reshape(-1, 2)  # (S, 2): offset and size in bytes

    def read(self, first: int, last: int) -> npt.NDArray[Any]:
        """Slices `first` to before `last`.

        Raises:
            IndexError: They are not all there.
            DatasetError: What is stored cannot be read.
        """
        _check_range(first, last, self._shape[0])
        values = np.empty((last - first, *self._shape[1:]), dtype=self._dtype)
        try:
            with self._open_shard(self._name) as file:
                for value, (offset, size) in zip(values, self._places[first:last].tolist(), strict=True):
                    if size == _ABSENT:
                        value[...] = self._fill
                        continue
                    file.seek(offset)
                    plain = _ZSTD.decode(file.read(size))
                    value[...] = np.frombuffer(plain, dtype=self._dtype).reshape(value.shape)
        except (OSError, ValueError, RuntimeError) as error:
            raise _damaged(self._folder) from error
        return values


def _is_one_shard(metadata: dict[str, Any]) -> bool:
    """Whether an array has the form that `dataset.cases` writes."""
    shape = metadata["shape"]
    names = [codec["name"] for codec in metadata["codecs"]]
    if names != ["sharding_indexed"] or metadata["chunk_grid"]["configuration"]["chunk_shape"] != shape:
        return False
    how = metadata["codecs"][0]["configuration"]
    keys = metadata["chunk_key_encoding"]
    # A type of one byte has no order of bytes, and says none.
    orders = [
        codecs[0].get("configuration", {}).get("endian", "little") for codecs in (how["codecs"], how["index_codecs"])
    ]
    return (
        orders == ["little", "little"]
        and math.prod(shape) > 0
        and how["chunk_shape"] == [1, *shape[1:]]
        and [codec["name"] for codec in how["codecs"]] == _CODECS
        and [codec["name"] for codec in how["index_codecs"]] == _INDEX_CODECS
        and how["index_location"] == "end"
        and keys == {"name": "default", "configuration": {"separator": SHARD_SEPARATOR}}
    )


def _check_range(first: int, last: int, n_slices: int) -> None:
    if not 0 <= first < last <= n_slices:
        raise IndexError(f"there are no slices {first} to {last - 1}: the case has {n_slices}")


def _damaged(folder: Path) -> DatasetError:
    return DatasetError(
        f"{folder} is damaged or gone: remove the folder of the case; `zonate prepare` makes again only what is "
        "missing, and a cache fetches it again"
    )
