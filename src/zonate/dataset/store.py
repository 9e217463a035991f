"""The prepared dataset, opened: complete cases (`dataset.cases`), and what each is for (`dataset.index`)."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from zonate.dataset.arrays import SliceArray
from zonate.dataset.cases import CASES_FOLDER, CaseRecord, content_of, metadata_key, read_record
from zonate.dataset.entry import Entry
from zonate.dataset.index import INDEX_NAME, Index, read_index
from zonate.dataset.splits import SPLITS, Split, check_no_leakage, split_cases
from zonate.dataset.storage import Cache, Storage, storage_of
from zonate.errors import ConfigError, DatasetError, FetchError
from zonate.geometry import Volume
from zonate.preprocessing.slices import LabelledSlices
from zonate.preprocessing.statistics import pooled

_OPEN_ARRAYS = 4096  # each holds where its slices lie, about 1 kB; beyond them, one is opened anew in 0.2 ms
_AT_A_TIME = 16  # cases that are looked at when a dataset is opened: waiting for files, not for a core

_NAMED = 10

_Pixel = TypeVar("_Pixel", np.float32, np.uint8)


class Dataset:
    """A complete dataset, opened for reading: slice by slice, so that it need not fit in memory.

    Attributes:
        where: The folder or URL that it was opened from.
        path: The folder that its files are read from, which for a URL is the cache's.
        entries: Its cases, by case id.
        statistics: Of the training patients only; mean 0 and standard deviation 1 where there are none.
        slicing: How the cases were sliced.
        alignment: How they were aligned.
        reading: How they were read.
        splitting: How they were divided.
        fingerprint: SHA-256 of everything that could change what is learnt from it.
    """

    def __init__(self, storage: Storage, index: Index) -> None:
        self.where = storage.where
        self.path = storage.folder
        self.entries = index.entries
        self.statistics = index.statistics
        self.slicing = index.slicing
        self.alignment = index.alignment
        self.reading = index.reading
        self.splitting = index.split
        self.fingerprint = index.fingerprint
        self._storage = storage
        self._by_id = {entry.case_id: entry for entry in index.entries}
        self._opened = lru_cache(maxsize=_OPEN_ARRAYS)(self._open_array)

    @classmethod
    def open(cls, place: Path | str, cache: Cache | None = None) -> Self:
        """Open a dataset that `zonate prepare` finished.

        Args:
            place: Its folder, or where it lies in an object store: a URL that fsspec knows, such as
                `s3://bucket/dataset`, which may need a package such as s3fs.
            cache: Where files of a URL are kept on this machine; each is fetched when it is first needed.

        Raises:
            ConfigError: A URL without a cache, or of a kind that is not installed.
            DatasetError: It is not there, not complete, damaged or of another format version.
            LeakageError: A patient stands on two sides of its split.
        """
        storage = storage_of(place, cache)
        storage.ensure(INDEX_NAME, anew=True)
        dataset = cls(storage, read_index(storage.folder, storage.where))
        with ThreadPoolExecutor(_AT_A_TIME) as threads:
            whole = list(threads.map(lambda entry: _is_whole(storage, entry), dataset.entries))
        missing = [entry.case_id for entry, there in zip(dataset.entries, whole, strict=True) if not there]
        if missing:
            raise DatasetError(
                f"the dataset {dataset.where} has lost or changed the cases {_some(missing)} since its index was "
                "written: run `zonate prepare` again, it makes only what is missing"
            )
        check_no_leakage(entry.placed for entry in dataset.entries)
        return dataset

    def folded(self, fold: int) -> "Dataset":
        """The same cases, divided for one fold of cross-validation.

        Its patients test, and they alone: those who test in the dataset's own split because their source or
        `test_sets` says so are for evaluation here. The statistics are those of the patients who then train. Cases for
        evaluation, and patients whose source wants them to train or validate, stay where they are. A made case is for
        evaluation where a patient that it was made from tests or validates.

        Args:
            fold: From 0; there are `splitting.folds`.

        Raises:
            ConfigError: There is no such fold.
        """
        splitting = self.splitting.model_copy(update={"fold": fold})
        if not 0 <= fold < splitting.folds:
            raise ConfigError(f"there is no fold {fold}: the dataset {self.where} has folds 0 to {splitting.folds - 1}")
        splits = split_cases([entry.candidate for entry in self.entries], splitting)
        view = copy(self)
        view.entries = tuple(replace(entry, split=split) for entry, split in zip(self.entries, splits, strict=True))
        view._by_id = {entry.case_id: entry for entry in view.entries}
        view.splitting = splitting
        view.statistics = pooled(self.record(entry.case_id).moments for entry in view.split("train")).statistics
        view.fingerprint = hashlib.sha256(f"{self.fingerprint} fold {fold}".encode()).hexdigest()
        return view

    def image_digest(self, case_id: str) -> str:
        """SHA-256 of a case's T2W as it was read: the same image has the same under any name."""
        return self.record(case_id).image_digest

    def split(self, name: Split) -> tuple[Entry, ...]:
        """The cases of one side; empty where it has none.

        Raises:
            ValueError: There is no side of that name.
        """
        if name not in SPLITS:
            raise ValueError(f"there is no split {name!r}: choose one of {', '.join(SPLITS)}")
        return tuple(entry for entry in self.entries if entry.split == name)

    def entry(self, case_id: str) -> Entry:
        """The entry of a case.

        Raises:
            DatasetError: The dataset has no such case.
        """
        try:
            return self._by_id[case_id]
        except KeyError:
            raise DatasetError(f"the dataset {self.where} has no case {case_id}") from None

    def slice(self, case_id: str, s: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """One slice, read from disk alone.

        Returns:
            Image (3, H, W) float32 in the units of the case, NaN where nothing was measured, and label codes
            (H, W) uint8.

        Raises:
            IndexError: The case has no slice s; none is counted from the end.
            DatasetError: The dataset has no such case, or it is damaged.
        """
        return self.images(case_id, s, s + 1)[0], self.slice_labels(case_id, s)

    def slice_labels(self, case_id: str, s: int) -> npt.NDArray[np.uint8]:
        """The label codes (H, W) uint8 of one slice, read without its image.

        Raises:
            IndexError: The case has no slice s.
            DatasetError: The dataset has no such case, or it is damaged.
        """
        labels: npt.NDArray[np.uint8] = self._read(case_id, "labels", np.uint8, s, s + 1)[0]  # (H, W)
        return labels

    def images(self, case_id: str, first: int, last: int) -> npt.NDArray[np.float32]:
        """The images (S, 3, H, W) of some slices of a case, from `first` to before `last`.

        Raises:
            IndexError: They are not all there, or none is asked for.
            DatasetError: The dataset has no such case, or it is damaged.
        """
        return self._read(case_id, "images", np.float32, first, last)

    def slices(self, case_id: str) -> LabelledSlices:
        """A whole case as the network sees it."""
        record = self.record(case_id)
        images = self.images(case_id, 0, record.slices)
        return LabelledSlices(case_id, images, record.crop, record.original, self.labels(case_id))

    def labels(self, case_id: str) -> npt.NDArray[np.uint8]:
        """The label codes (S, H, W) uint8 of a whole case as the network sees it, read without its images.

        Raises:
            DatasetError: The dataset has no such case, or it is damaged.
        """
        return self._read(case_id, "labels", np.uint8, 0, self.entry(case_id).slices)

    def reference(self, case_id: str) -> Volume:
        """The label codes (S, H, W) uint8 as drawn, on the original T2W grid."""
        original = self.record(case_id).original
        return Volume(self._read(case_id, "reference", np.uint8, 0, original.shape[0]), original)

    def record(self, case_id: str) -> CaseRecord:
        """All that is stored of a case besides its pixels: grids, provenance, alignment.

        Raises:
            DatasetError: The dataset has no such case.
        """
        self.entry(case_id)
        record = read_record(self.path, case_id)
        if record is None:
            raise DatasetError(f"case {case_id} of the dataset {self.where} is gone: run `zonate prepare` again")
        return record

    def _read(self, case_id: str, name: str, dtype: type[_Pixel], first: int, last: int) -> npt.NDArray[_Pixel]:
        with self._fetched_anew(case_id):
            return np.asarray(self._opened(case_id, name).read(first, last), dtype=dtype)

    def _open_array(self, case_id: str, name: str) -> SliceArray:
        self.entry(case_id)
        metadata = metadata_key(case_id, name)
        self._storage.ensure(metadata)
        folder = metadata.rpartition("/")[0]
        storage = self._storage
        return SliceArray(self.path / folder, lambda file: storage.open(f"{folder}/{file}"))

    @contextmanager
    def _fetched_anew(self, case_id: str) -> Iterator[None]:
        """Let damaged files of a case be fetched again the next time: they may be mended where they come from."""
        try:
            yield
        except FetchError:
            raise  # what is here is not damaged
        except DatasetError:
            self._storage.forget(f"{CASES_FOLDER}/{case_id}")
            self._opened.cache_clear()
            raise

    def __getstate__(self) -> dict[str, Any]:
        """Open arrays stay behind when a dataset goes to another process."""
        return {name: value for name, value in vars(self).items() if name != "_opened"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The inverse of `__getstate__`."""
        vars(self).update(state)
        self._opened = lru_cache(maxsize=_OPEN_ARRAYS)(self._open_array)


def _is_whole(storage: Storage, entry: Entry) -> bool:
    """Whether a case is there, complete, and the one that the index speaks of."""
    record = metadata_key(entry.case_id)
    storage.ensure(record)
    if content_of(storage.folder, entry.case_id) == entry.content:
        return True
    # What is kept may be of an earlier state. Pixels first: who finds the new record must not find old ones.
    storage.forget(f"{CASES_FOLDER}/{entry.case_id}")
    storage.ensure(record, anew=True)
    return content_of(storage.folder, entry.case_id) == entry.content


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
