import functools
import http.server
import logging
import os
import pickle
import shutil
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Never

import fsspec
import numpy as np
import pytest
import zarr

from tests.dataset.synthetic import SETTINGS, labelled_case, store
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.loader import SliceLoader
from zonate.dataset.storage import Cache, CachedFiles, storage_of
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError, DatasetError, FetchError
from zonate.settings.learning import AugmentationSettings


def made(folder: Path, *, cases: int = 3, level: float = 100.0) -> Path:
    placed = [
        PlacedRecord(store(folder, labelled_case(f"c{i}", level=level * (i + 1)), f"P{i}"), "train")
        for i in range(cases)
    ]
    write_index(folder, placed, SETTINGS)
    return folder


def epoch(dataset: Dataset) -> bytes:
    """All bits of an epoch."""
    loader = SliceLoader(
        dataset,
        dataset.split("train"),
        batch_size=2,
        seed=0,
        normalisation="region",
        channels=(True, True, True),
        augmentation=AugmentationSettings(),
        neighbours=1,
    )
    return b"".join(batch.images.numpy().tobytes() + batch.labels.numpy().tobytes() for batch in loader.epoch(1))


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and notes what was asked for."""

    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A dataset on a local HTTP server: its URL, and the paths that were asked for."""
    made(tmp_path / "remote" / "set")
    requests: list[str] = []
    handler = type("Handler", (_Quiet,), {"requests": requests})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(tmp_path / "remote"))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/set", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[str]:
    """The same in fsspec's own store in memory."""
    remote = fsspec.filesystem("memory")
    made(tmp_path / "local")
    remote.put(str(tmp_path / "local"), "/set", recursive=True)
    yield "memory://set"
    remote.rm("/set", recursive=True)


def test_a_dataset_by_http_gives_the_same_bits_and_is_fetched_once(
    tmp_path: Path, served: tuple[str, list[str]]
) -> None:
    url, requests = served
    dataset = Dataset.open(url, Cache(tmp_path / "cache"))
    assert dataset.where == url
    assert dataset.path.is_relative_to(tmp_path / "cache")
    assert sorted(requests) == [
        "/set/cases/c0/zarr.json",
        "/set/cases/c1/zarr.json",
        "/set/cases/c2/zarr.json",
        "/set/dataset.json",
    ]
    first = epoch(dataset)
    assert first == epoch(Dataset.open(tmp_path / "remote" / "set"))
    pixels = [path for path in requests if "/c." in path]
    assert sorted(pixels) == sorted(
        f"/set/cases/c{i}/{name}" for i in range(3) for name in ("images/c.0.0.0.0", "labels/c.0.0.0")
    )
    requests.clear()
    assert epoch(dataset) == first
    assert requests == []
    assert epoch(Dataset.open(url, Cache(tmp_path / "cache"))) == first  # another run
    assert requests == ["/set/dataset.json"]


def test_any_store_of_fsspec_gives_the_same_bits(tmp_path: Path, in_memory: str) -> None:
    local = Dataset.open(tmp_path / "local")
    by_url = Dataset.open(in_memory, Cache(tmp_path / "cache"))
    by_file = Dataset.open((tmp_path / "local").as_uri(), Cache(tmp_path / "cache"))
    assert by_url.path != by_file.path  # two places do not meet in one cache
    for dataset in (by_url, by_file):
        assert dataset.fingerprint == local.fingerprint
        assert epoch(dataset) == epoch(local)
        np.testing.assert_array_equal(dataset.reference("c1").values, local.reference("c1").values)
        assert dataset.image_digest("c1") == local.image_digest("c1")


def test_what_changed_at_its_place_is_fetched_anew(tmp_path: Path, in_memory: str) -> None:
    cache = Cache(tmp_path / "cache")
    before = Dataset.open(in_memory, cache)
    assert before.slice("c0", 1)[0][0, 0, 0] == 100.0
    remote = fsspec.filesystem("memory")
    remote.rm("/set", recursive=True)
    remote.put(str(made(tmp_path / "changed", level=7.0)), "/set", recursive=True)
    after = Dataset.open(in_memory, cache)
    assert after.fingerprint != before.fingerprint
    assert after.slice("c0", 1)[0][0, 0, 0] == 7.0


def test_a_case_whose_pixels_lie_elsewhere_than_before_is_fetched_anew(tmp_path: Path, in_memory: str) -> None:
    cache = Cache(tmp_path / "cache")
    before = Dataset.open(in_memory, cache).record("c0")
    case = labelled_case("c0", level=100.0)  # the same pixels, 7 mm higher
    affine = case.t2w.grid.affine + np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 7.0], [0, 0, 0, 0]])
    there = replace(case.t2w.grid, affine=affine)
    assert case.labels is not None
    moved = replace(case, t2w=replace(case.t2w, grid=there), labels=replace(case.labels, grid=there))
    made(tmp_path / "local")
    others = [
        PlacedRecord(store(tmp_path / "local", labelled_case(f"c{i}", 100.0 * (i + 1)), f"P{i}"), "train")
        for i in (1, 2)
    ]
    write_index(tmp_path / "local", [PlacedRecord(store(tmp_path / "local", moved, "P0"), "train"), *others], SETTINGS)
    fsspec.filesystem("memory").put(f"{tmp_path / 'local'}/", "/set", recursive=True)
    after = Dataset.open(in_memory, cache).record("c0")
    assert before.original.affine[2, 3] == 11.0
    assert after.original.affine[2, 3] == 18.0


def test_the_cache_is_bounded_and_says_once_that_it_is_small(
    tmp_path: Path, in_memory: str, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = {file.name[:9]: file.stat().st_size for file in (tmp_path / "local").glob("cases/c0/*/c.*")}
    limit = 2 * sum(sizes.values())  # two of the three cases
    dataset = Dataset.open(in_memory, Cache(tmp_path / "cache", max_bytes=limit))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert epoch(dataset) == epoch(Dataset.open(tmp_path / "local"))
            kept = sum(file.stat().st_size for file in dataset.path.glob("cases/*/*/c.*"))
            assert 0 < kept <= limit
    assert [record.message for record in caplog.records] == [
        f"the cache of 0.0 GB is smaller than what is read of {in_memory}: what is removed from it is fetched again"
    ]


def test_a_file_that_is_removed_while_it_is_opened_is_not_left_there_empty(
    tmp_path: Path, in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, key = CachedFiles(in_memory, Cache(tmp_path / "cache")), "cases/c0/images/c.0.0.0.0"
    with files.open(key) as file:
        whole = file.read()
    opened = Path.open

    def removed_at_once(path: Path, mode: str) -> IO[Any]:
        file = opened(path, mode)
        path.unlink()
        return file

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", removed_at_once)
        with files.open(key) as file:
            assert file.read() == whole
    assert not (files.folder / key).exists()


def test_what_was_fetched_just_now_stays_whatever_the_clock_says(
    tmp_path: Path, in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    download = CachedFiles._download

    def in_the_past(files: CachedFiles, key: str, target: Path) -> None:
        download(files, key, target)
        os.utime(target, (1.0, 1.0))

    monkeypatch.setattr(CachedFiles, "_download", in_the_past)
    dataset, local = Dataset.open(in_memory, Cache(tmp_path / "cache", max_bytes=1)), Dataset.open(tmp_path / "local")
    for entry in local.entries:  # in one thread: another one may remove what this one fetched
        np.testing.assert_array_equal(dataset.slice(entry.case_id, 0)[0], local.slice(entry.case_id, 0)[0])
        np.testing.assert_array_equal(dataset.slice_labels(entry.case_id, 0), local.slice_labels(entry.case_id, 0))


def test_threads_that_want_one_file_fetch_it_once(
    tmp_path: Path, in_memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = CachedFiles(in_memory, Cache(tmp_path / "cache", max_bytes=10**6))
    fetched: list[str] = []

    def slowly(remote: str, target: str) -> None:
        fetched.append(remote)
        time.sleep(0.2)
        Path(target).write_text("{}")

    monkeypatch.setattr(files._remote, "get_file", slowly)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(files.ensure, ["cases/c0/zarr.json"] * 4))
    assert len(fetched) == 1
    assert (files.folder / "cases/c0/zarr.json").read_text() == "{}"


def test_what_was_used_longest_ago_is_removed_first(tmp_path: Path, in_memory: str) -> None:
    sizes = [(tmp_path / "local" / "cases" / f"c{i}" / "images" / "c.0.0.0.0").stat().st_size for i in range(3)]
    files = CachedFiles(in_memory, Cache(tmp_path / "cache", max_bytes=sum(sizes) - 1))
    shards = [f"cases/c{i}/images/c.0.0.0.0" for i in range(3)]
    for age, key in ((20, shards[0]), (30, shards[1])):
        files.open(key).close()
        used = (files.folder / key).stat().st_mtime - age
        os.utime(files.folder / key, (used, used))
    files.open(shards[2]).close()
    assert [(files.folder / key).exists() for key in shards] == [True, False, True]


def test_it_can_be_read_from_other_processes(tmp_path: Path, in_memory: str) -> None:
    dataset = Dataset.open(in_memory, Cache(tmp_path / "cache"))
    dataset.slice("c0", 0)
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    assert again.slice("c2", 1)[0][0, 0, 0] == 300.0


def test_a_url_needs_a_cache_and_a_known_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"memory://set is read through a cache .*--cache"):
        Dataset.open("memory://set")
    with pytest.raises(ConfigError, match=r"nonsense://set cannot be opened: .*nonsense"):
        storage_of("nonsense://set", Cache(tmp_path))
    assert storage_of("some/folder").folder == Path("some/folder")


def test_what_is_not_a_dataset_is_refused_by_its_url(tmp_path: Path, in_memory: str) -> None:
    with pytest.raises(DatasetError, match=r"memory://nothing is not a complete dataset: it has no dataset\.json"):
        Dataset.open("memory://nothing", Cache(tmp_path / "cache"))
    fsspec.filesystem("memory").rm("/set/cases/c1/zarr.json")
    with pytest.raises(DatasetError, match=r"memory://set has lost or changed the cases c1 since"):
        Dataset.open(in_memory, Cache(tmp_path / "cache"))


def test_a_shard_that_is_gone_or_a_server_that_fails_is_an_error(tmp_path: Path, served: tuple[str, list[str]]) -> None:
    url, _ = served
    dataset = Dataset.open(url, Cache(tmp_path / "cache"))
    shutil.rmtree(tmp_path / "remote" / "set" / "cases" / "c0" / "labels")
    with pytest.raises(DatasetError, match="labels is damaged or gone"):
        dataset.slice_labels("c0", 0)
    nobody = f"http://127.0.0.1:{url.split(':')[2].split('/')[0]}0/set"  # a port that does not exist
    with pytest.raises(DatasetError, match="cannot be fetched"):
        Dataset.open(nobody, Cache(tmp_path / "cache"))


def with_a_file_a_slice(folder: Path) -> Path:
    for case in (folder / "cases").iterdir():
        for name in ("images", "labels", "reference"):
            values = zarr.open_array(case / name, mode="r")[:]
            shutil.rmtree(case / name)
            fill = np.nan if values.dtype.kind == "f" else 255
            array = zarr.create_array(
                case / name, shape=values.shape, dtype=values.dtype, chunks=(1, *values.shape[1:]), fill_value=fill
            )
            array[...] = values
    return folder


def test_a_file_a_slice_is_refused_until_it_was_prepared_anew(tmp_path: Path, in_memory: str) -> None:
    remote = fsspec.filesystem("memory")
    remote.rm("/set", recursive=True)
    old = with_a_file_a_slice(made(tmp_path / "old"))
    remote.put(str(old), "/set", recursive=True)
    cache = Cache(tmp_path / "cache")
    for dataset in (Dataset.open(old), Dataset.open(in_memory, cache)):
        with pytest.raises(DatasetError, match=r"cases/c0/images is not the one shard that Zonate reads"):
            dataset.slice("c0", 1)
    remote.rm("/set", recursive=True)
    remote.put(str(tmp_path / "local"), "/set", recursive=True)  # prepared anew: of the same content
    assert epoch(Dataset.open(in_memory, cache)) == epoch(Dataset.open(tmp_path / "local"))


def test_a_shard_that_came_damaged_is_fetched_again(tmp_path: Path, in_memory: str) -> None:
    dataset = Dataset.open(in_memory, Cache(tmp_path / "cache"))
    dataset.slice("c0", 1)
    shard = dataset.path / "cases" / "c0" / "images" / "c.0.0.0.0"
    shard.write_bytes(shard.read_bytes()[:-1])
    again = Dataset.open(in_memory, Cache(tmp_path / "cache"))
    with pytest.raises(DatasetError, match="cases/c0/images is damaged or gone"):
        again.slice("c0", 1)
    assert again.slice("c0", 1)[0][0, 0, 0] == 100.0


def test_damage_within_a_shard_that_is_open_is_fetched_again(tmp_path: Path, in_memory: str) -> None:
    dataset = Dataset.open(in_memory, Cache(tmp_path / "cache"))
    whole = dataset.slice("c0", 1)[0]
    shard = dataset.path / "cases" / "c0" / "images" / "c.0.0.0.0"
    shard.write_bytes(bytes(shard.stat().st_size))
    with pytest.raises(DatasetError, match="cases/c0/images is damaged or gone"):
        dataset.slice("c0", 1)
    assert np.array_equal(dataset.slice("c0", 1)[0], whole, equal_nan=True)


def test_an_outage_leaves_what_is_fetched(tmp_path: Path, in_memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = Dataset.open(in_memory, Cache(tmp_path / "cache"))
    dataset.images("c0", 0, 1)

    def fail(*_paths: str) -> Never:
        raise TimeoutError("no answer")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", fail)
    with pytest.raises(FetchError, match=r"memory://set/cases/c0/labels/.* cannot be fetched: TimeoutError: no answer"):
        dataset.slice_labels("c0", 0)
    assert (dataset.path / "cases" / "c0" / "images" / "c.0.0.0.0").is_file()
    assert dataset.images("c0", 0, 1).shape[0] == 1


def test_what_is_half_fetched_counts_and_what_a_kill_left_of_it_is_removed(tmp_path: Path, in_memory: str) -> None:
    shards = [f"cases/c{i}/images/c.0.0.0.0" for i in range(3)]
    sizes = [(tmp_path / "local" / key).stat().st_size for key in shards]
    files = CachedFiles(in_memory, Cache(tmp_path / "cache", max_bytes=sum(sizes) + 99))
    arriving, abandoned = (files.folder / "cases/c9/images" / f".zonate-{n}1234567.c.0.0.0.0" for n in "ab")
    arriving.parent.mkdir(parents=True)
    for half, age_s in ((arriving, 0), (abandoned, 2 * 3600)):
        half.write_bytes(bytes(100))
        os.utime(half, (time.time() - age_s,) * 2)
    for age_s, key in ((30, shards[0]), (20, shards[1])):
        files.open(key).close()
        os.utime(files.folder / key, (time.time() - age_s,) * 2)
    assert (arriving.exists(), abandoned.exists()) == (True, False)
    assert (files.folder / shards[0]).exists()
    files.open(shards[2]).close()  # all three fit, but not beside what is arriving
    assert [(files.folder / key).exists() for key in shards] == [False, True, True]
    assert arriving.exists()
    files.forget("cases/c9")
    assert arriving.exists()


def test_a_signed_url_is_refused_without_showing_its_signature(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"https://there/set\?\*\*\* opens a single file") as told:
        Dataset.open("https://there/set?sig=secret&se=2026", Cache(tmp_path))
    assert "secret" not in str(told.value)


def test_credentials_in_a_url_are_used_and_never_shown(
    tmp_path: Path, served: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    shown = served[0].replace("://", "://***@")
    url, other = (served[0].replace("://", f"://{name}:se@cret@") for name in ("reader", "somebody"))
    cache = Cache(tmp_path / "cache", max_bytes=1)
    dataset = Dataset.open(url, cache)
    assert dataset.where == shown
    assert Dataset.open(other, cache).path == dataset.path  # a new password does not fetch everything again
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    with caplog.at_level(logging.WARNING):
        assert again.slice("c2", 1)[0][0, 0, 0] == 300.0
    assert f"of {shown}: what is removed" in caplog.text
    texts = [caplog.text]
    (tmp_path / "remote" / "set" / "cases" / "c0" / "labels" / "c.0.0.0").unlink()
    nobody = "http://reader:se@cret@127.0.0.1:999999/set"
    for fails in (
        lambda: dataset.slice_labels("c0", 0),
        lambda: Dataset.open(f"{url}/nothing", cache),
        lambda: Dataset.open(nobody, cache),
        lambda: Dataset.open(url),
        lambda: Dataset.open(url.replace("http", "nonsense"), cache),
    ):
        with pytest.raises((ConfigError, DatasetError)) as told:
            fails()
        texts.append("".join(traceback.format_exception(told.value)))
    assert "http://***@127.0.0.1:999999/set/dataset.json cannot be fetched" in texts[3]
    assert not [text for text in texts if "se@cret" in text or "cret@" in text]
