"""Where a dataset's files are read from: a folder, or an object store with a cache on this machine."""

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fsspec.core import url_to_fs

from zonate.errors import ConfigError, DatasetError, FetchError
from zonate.io.files import atomic_path, is_half_written

_LOCKS = 64
_TRIES = 10
_LOG = logging.getLogger(__name__)

DEFAULT_CACHE_BYTES = 100 * 10**9

_KEPT = 0.9  # the share of the bound that is left when the oldest files are removed, so that it is not done each time
_UNCOUNTED = 0.05  # the share of the bound after which files are counted anew, since other processes fetch as well
_ABANDONED_S = 3600.0  # a file of which nothing has come for so long is fetched by nobody
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]*@")
_QUERY = re.compile(r"(?<=\?)[^\s'\"]+")


@dataclass(frozen=True)
class Cache:
    """What is kept on this machine of a dataset in an object store.

    Attributes:
        folder: Made where it does not exist; several datasets and processes may share it.
        max_bytes: What the pixels of one dataset may take; beyond it, those that were used longest ago are removed.
    """

    folder: Path
    max_bytes: int = DEFAULT_CACHE_BYTES


class Storage(Protocol):
    """The files of a dataset, by keys such as `cases/a/zarr.json`.

    Attributes:
        where: What the user called it, without credentials.
        folder: Where files lie that `ensure` was called for.
    """

    where: str
    folder: Path

    def ensure(self, key: str, *, anew: bool = False) -> None:
        """Make sure that a small file lies in the folder, if there is such a file at all; `anew`: as it is now."""

    def open(self, key: str) -> BinaryIO:
        """Open a large file.

        Raises:
            FileNotFoundError: There is none.
        """

    def forget(self, key: str) -> None:
        """Keep nothing of the files in the folders of a folder, such as a case's arrays: they have changed."""


def storage_of(place: Path | str, cache: Cache | None = None) -> Storage:
    """The files at a place.

    Args:
        place: A folder, or a URL that fsspec knows, such as `s3://bucket/dataset`.
        cache: For a URL.

    Raises:
        ConfigError: A URL without a cache, or one whose kind needs a package that is not installed.
    """
    if isinstance(place, Path) or "://" not in place:
        return LocalFiles(Path(place))
    if "?" in place:
        raise ConfigError(
            f"{_without_credentials(place)} opens a single file, and a dataset is a folder of many: give the folder's "
            "URL, and what may read it as the store's own settings or before its host"
        )
    if cache is None:
        raise ConfigError(
            f"{_without_credentials(place)} is read through a cache on this machine: say where it may lie "
            "(--cache FOLDER)"
        )
    return CachedFiles(place, cache)


class LocalFiles:
    """A folder, see `Storage`."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self.folder = folder

    def ensure(self, key: str, *, anew: bool = False) -> None:
        """It is there or it is not."""

    def open(self, key: str) -> BinaryIO:
        """See `Storage`."""
        return (self.folder / key).open("rb")

    def forget(self, key: str) -> None:
        """Nothing is kept."""


class CachedFiles:
    """A URL whose files are fetched whole at first use, see `Storage`.

    A shard holds all slices of a case, each of which an epoch visits: it is fetched once, and not slice by slice.
    Small files stay; the pixels are bounded by `Cache.max_bytes`.
    """

    def __init__(self, url: str, cache: Cache) -> None:
        self._url = url.rstrip("/")
        self.where = _without_credentials(self._url)
        self.folder = cache.folder / hashlib.sha256(self.where.encode()).hexdigest()[:16]
        self._cache = cache
        try:
            self._remote, self._root = url_to_fs(self._url)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{self.where} cannot be opened: {_without_credentials(str(error))}") from None
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._counting = threading.Lock()
        self._bytes = 0
        self._uncounted = cache.max_bytes  # so that the first fetch counts
        self._said = False

    def ensure(self, key: str, *, anew: bool = False) -> None:
        """See `Storage`."""
        target = self.folder / key
        if target.exists() and not anew:
            return
        with self._lock(key):
            if target.exists() and not anew:  # another thread has fetched it meanwhile
                return
            try:
                with atomic_path(target) as temporary:  # other processes find the old one or the new one
                    self._download(key, temporary)
            except FileNotFoundError:
                target.unlink(missing_ok=True)

    def open(self, key: str) -> BinaryIO:
        """See `Storage`."""
        target = self.folder / key
        for _ in range(_TRIES):  # others may remove it between the two steps
            try:
                file = target.open("rb")
            except FileNotFoundError:
                self._fetch(key)
                continue
            with suppress(OSError):
                os.utime(target)  # the time of its last use; where another thread has removed it, none is made
            return file
        raise DatasetError(
            f"{target} vanishes as soon as it is fetched: the cache {self._cache.folder} is too small for the "
            "processes that share it, make it larger (--cache-gb)"
        )

    def forget(self, key: str) -> None:
        """See `Storage`."""
        for file in (self.folder / key).glob("*/*"):
            if not is_half_written(file):  # another process is fetching it, as it is now
                file.unlink(missing_ok=True)

    def _fetch(self, key: str) -> None:
        with self._lock(key):
            target = self.folder / key
            if not target.exists():
                with atomic_path(target) as temporary:
                    self._download(key, temporary)
                    fetched_bytes = temporary.stat().st_size  # once it has its name, another thread may remove it
                self._bound(target, fetched_bytes)

    def _lock(self, key: str) -> threading.Lock:
        """That of a file, always the same: two threads never fetch one file at a time; some files share one."""
        return self._locks[hash(key) % _LOCKS]

    def _download(self, key: str, target: Path) -> None:
        try:
            self._remote.get_file(f"{self._root}/{key}", str(target))
        except FileNotFoundError:
            raise FileNotFoundError(f"{self.where}/{key}") from None
        except Exception as error:  # noqa: BLE001 (each kind of store has exceptions of its own)
            why = _without_credentials(f"{type(error).__name__}: {error}")
            raise FetchError(f"{self.where}/{key} cannot be fetched: {why}") from None  # a traceback shows the URL

    def _bound(self, fetched: Path, fetched_bytes: int) -> None:
        """Remove the pixels that were used longest ago once there are too many, but never what was fetched just now."""
        with self._counting:
            self._bytes += fetched_bytes
            self._uncounted += fetched_bytes
            limit = self._cache.max_bytes
            if self._bytes <= limit and self._uncounted <= _UNCOUNTED * limit:
                return
            shards, half_fetched_bytes = _kept_in(self.folder)
            self._bytes, self._uncounted = half_fetched_bytes + sum(size for _, size, _ in shards), 0
            if self._bytes <= limit:
                return
            if not self._said:
                self._said = True
                _LOG.warning(
                    "the cache of %.1f GB is smaller than what is read of %s: what is removed from it is fetched again",
                    limit / 1e9,
                    self.where,
                )
            for _, size, file in shards:
                if self._bytes <= _KEPT * limit:
                    break
                if file == fetched:  # which clocks may not tell: they tick a few times in a hundredth of a second
                    continue
                file.unlink(missing_ok=True)
                self._bytes -= size

    def __reduce__(self) -> tuple[Callable[..., "CachedFiles"], tuple[Any, ...]]:
        """Another process has locks and connections of its own."""
        return CachedFiles, (self._url, self._cache)


def _kept_in(folder: Path) -> tuple[list[tuple[float, int, Path]], int]:
    """The files of pixels that a cache holds.

    Returns:
        Time of the last use, size in bytes and path of each, by that time; and how many bytes there are of files that
        are being fetched. What a process that was killed has left of one is removed.
    """
    shards, half_fetched_bytes = [], 0
    for file in folder.glob("cases/*/*/*"):
        with suppress(FileNotFoundError):  # removed by another process meanwhile
            about = file.stat()
            if file.name.startswith("c"):
                shards.append((about.st_mtime, about.st_size, file))
            elif is_half_written(file) and time.time() - about.st_mtime > _ABANDONED_S:
                file.unlink()
            elif is_half_written(file):
                half_fetched_bytes += about.st_size
    return sorted(shards, key=lambda shard: shard[0]), half_fetched_bytes


def _without_credentials(text: str) -> str:
    """With `***` for what stands before the host of each URL, and for its query, which may be a signature."""
    return _QUERY.sub("***", _CREDENTIALS.sub("***@", text))
