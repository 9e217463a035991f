import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.dataset_factory import COARSE, a_dataset
from zonate.dataset.entry import Entry
from zonate.dataset.loader import SliceLoader, chances, gland_chances
from zonate.dataset.store import Dataset
from zonate.preprocessing.statistics import scaled_known
from zonate.settings.learning import AugmentationSettings

ALONE = (True, False, False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(a_dataset(tmp_path_factory.mktemp("data") / "set", slices=3))


def _loader(dataset: Dataset, entries: Sequence[Entry] | None = None, **changes: Any) -> SliceLoader:
    settings: dict[str, Any] = {
        "batch_size": 4,
        "seed": 0,
        "normalisation": "dataset",
        "channels": ALONE,
        "augmentation": AugmentationSettings(),
    }
    return SliceLoader(dataset, dataset.split("train") if entries is None else entries, **{**settings, **changes})


def test_an_epoch_visits_each_slice_once_and_the_last_batch_may_be_smaller(dataset: Dataset) -> None:
    loader = _loader(dataset)
    batches = list(loader.epoch(1))
    assert len(loader) == 2
    assert [tuple(batch.images.shape) for batch in batches] == [(4, 3, 256, 256), (2, 3, 256, 256)]
    assert [tuple(batch.labels.shape) for batch in batches] == [(4, 256, 256), (2, 256, 256)]
    assert batches[0].codes == (COARSE,) * 4
    sizes = sorted(int((labels > 0).sum()) for batch in batches for labels in batch.labels)
    stored = sorted(int((dataset.slice(e.case_id, s)[1] > 0).sum()) for e in dataset.split("train") for s in range(3))
    assert sizes == stored


@pytest.mark.parametrize("pinned", [True, False])
def test_batches_are_pinned_where_a_gpu_fetches_them(
    dataset: Dataset, pinned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []

    def pin_memory(tensor: torch.Tensor) -> torch.Tensor:  # needs a GPU
        shapes.append(tuple(tensor.shape))
        return tensor

    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    batches = list(_loader(dataset, batch_size=6, pinned=pinned).epoch(1))
    assert len(batches) == 1
    assert shapes == ([(6, 3, 256, 256), (6, 256, 256)] if pinned else [])


@pytest.mark.parametrize(("batch_size", "sizes"), [(4, [(2, 2), (1, 1)]), (5, [(3, 2), (1, 0)])])
def test_two_processes_read_each_batch_in_order_between_them(
    dataset: Dataset, batch_size: int, sizes: list[tuple[int, int]]
) -> None:
    whole = list(_loader(dataset, batch_size=batch_size).epoch(1))
    loaders = [_loader(dataset, batch_size=batch_size, rank=rank, processes=2) for rank in range(2)]
    shared = list(zip(*(loader.epoch(1) for loader in loaders), strict=True))
    assert len(shared) == len(whole) == 2
    for batch, shares, n in zip(whole, shared, sizes, strict=True):
        assert [share.share for share in shares] == [size / sum(n) for size in n]
        counted = [share for share in shares if share.share]
        for name in ("images", "labels"):
            joined = np.concatenate([getattr(share, name).numpy() for share in counted])
            np.testing.assert_array_equal(joined, getattr(batch, name).numpy())
        for share in shares:
            assert (share.batch_codes, share.size) == (batch.codes, batch.size)
            mine = slice(share.first, share.first + len(share.images))
            np.testing.assert_array_equal(share.labels.numpy(), batch.labels.numpy()[mine])  # who stands in, too
            assert share.codes == batch.codes[mine]


def test_the_order_follows_from_seed_and_epoch(dataset: Dataset) -> None:
    def seen(seed: int, epoch: int) -> bytes:
        return b"".join(batch.images.numpy().tobytes() for batch in _loader(dataset, seed=seed).epoch(epoch))

    assert seen(0, 1) == seen(0, 1)
    assert len({seen(0, 1), seen(0, 2), seen(1, 1)}) == 3


def test_training_slices_are_normalised_by_the_training_patients(dataset: Dataset) -> None:
    images = np.concatenate([batch.images.numpy() for batch in _loader(dataset).epoch(1)])
    assert images[:, 0].mean() == pytest.approx(0, abs=1e-4)
    assert images[:, 0].std() == pytest.approx(1, abs=1e-4)
    assert np.isnan(images[:, 1:]).all()  # DWI and ADC are absent


def test_a_slice_comes_with_its_neighbours(dataset: Dataset) -> None:
    plain = AugmentationSettings(rotate_90=False, flip_horizontal=False, flip_vertical=False)
    for chance, expected in ((0.0, [[0, 0, 1], [0, 1, 2], [1, 2, 2]]), (1.0, [[0, 0, 2], [0, 1, 2], [0, 2, 2]])):
        how = plain.model_copy(update={"far_neighbours_chance": chance})
        entry = dataset.split("train")[0]
        (batch,) = _loader(dataset, [entry], batch_size=3, augmentation=how, neighbours=1).epoch(1)
        stored = [dataset.slice(entry.case_id, s)[0] for s in range(3)]
        alone = np.stack([scaled_known(image, dataset.statistics, ALONE) for image in stored])
        wanted = {tuple(alone[places, 0].ravel()) for places in map(list, expected)}
        assert {tuple(shown[[0, 3, 6]].ravel()) for shown in batch.images.numpy()} == wanted


def test_normalisation_by_region_looks_at_the_middle_of_a_case_alone(dataset: Dataset) -> None:
    entry = dataset.split("train")[0]
    (batch,) = _loader(dataset, [entry], batch_size=3, normalisation="region").epoch(1)
    middle = batch.images[:, 0, 28:228, 28:228]  # 100 px of 0.5 mm to either side
    assert middle.mean().item() == pytest.approx(0, abs=1e-4)
    assert middle.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    assert batch.images[:, 0].mean().item() < -0.1  # the disc is bright, and the surroundings are not


def test_a_case_of_before_region_statistics_were_kept_is_normalised_by_the_same(dataset: Dataset) -> None:
    entry = dataset.split("train")[0]
    assert entry.region_statistics is not None
    earlier = replace(entry, region_statistics=None)
    seen = []
    for one in (entry, earlier):
        (batch,) = _loader(dataset, [one], batch_size=3, normalisation="region").epoch(1)
        seen.append(batch.images.numpy().tobytes())
    assert seen[0] == seen[1]


@pytest.mark.parametrize("readers", [2, 7])
def test_more_threads_read_the_same_in_the_same_order(dataset: Dataset, readers: int) -> None:
    def seen(n: int) -> list[bytes]:
        loader = _loader(dataset, batch_size=1, neighbours=1, readers=n)
        return [batch.images.numpy().tobytes() for batch in loader.epoch(1)]

    assert len(seen(1)) == 6
    assert seen(readers) == seen(1)


def test_a_reader_that_is_abandoned_stops(dataset: Dataset) -> None:
    before = set(threading.enumerate())
    batches = _loader(dataset, batch_size=1, readers=2).epoch(1)
    next(batches)
    assert set(threading.enumerate()) - before
    batches.close()  # type: ignore[attr-defined]
    assert set(threading.enumerate()) <= before


def test_balanced_sampling_draws_a_code_first_and_then_a_slice_that_holds_it() -> None:
    # BACKGROUND in all four slices, PZ in two, TZ in one; nothing is annotated in the last.
    found = chances([(0, 1), (0, 1), (0, 2), (0,), (255,)])
    assert found.tolist() == pytest.approx([(1 / 4 + 1 / 2) / 3, (1 / 4 + 1 / 2) / 3, (1 / 4 + 1) / 3, 1 / 12, 0])
    assert chances([(), ()]).tolist() == [0.5, 0.5]


def test_balanced_sampling_asks_less_for_codes_of_several_zones() -> None:
    # BACKGROUND in four slices, PZ in two, CENTRAL_GLAND (three zones) and WHOLE_GLAND (four) in one each
    found = chances([(0, 1), (0, 1, 5), (0, 6), (0,)])
    total = 1 + 1 + 1 / 3 + 1 / 4
    expected = [1 / 4 + 1 / 2, 1 / 4 + 1 / 2 + 1 / 3, 1 / 4 + 1 / 4, 1 / 4]
    assert found.tolist() == pytest.approx([weight / total for weight in expected])


def test_three_of_four_slices_hold_some_of_the_gland_where_that_is_asked_for() -> None:
    assert gland_chances([[0], [0, 1], [0, 255], [6], [0]]).tolist() == pytest.approx(
        [1 / 12, 3 / 8, 1 / 12, 3 / 8, 1 / 12]
    )
    assert gland_chances([[0], [255]]).tolist() == [0.5, 0.5]
    assert gland_chances([[1], [0, 5]]).tolist() == [0.5, 0.5]
