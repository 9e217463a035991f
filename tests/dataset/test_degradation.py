from dataclasses import replace

import numpy as np
import pytest

from tests.dataset_factory import a_case, sliced
from zonate.dataset.degradation import AS_IT_IS, DEGRADATIONS, MOVED, degrade, worse_copies
from zonate.preprocessing.slices import LabelledSlices
from zonate.settings.data import SlicingSettings

SLICES = sliced(a_case("c", seed=3, slices=3, size=200), SlicingSettings())  # the square is larger than the image


def test_a_case_as_it_is_only_changes_its_grid() -> None:
    same = degrade(SLICES, AS_IT_IS, seed=0)
    assert np.array_equal(same.images, SLICES.images, equal_nan=True)
    assert same.original.same_as(SLICES.crop.grid)
    assert same.crop.grid.same_as(SLICES.crop.grid)


@pytest.mark.parametrize("how", DEGRADATIONS)
def test_the_image_is_worse_and_nothing_else(how: str) -> None:
    before = SLICES.images.copy()
    worse = degrade(SLICES, how, seed=0)
    assert np.array_equal(before, SLICES.images, equal_nan=True)
    assert worse.images.dtype == np.float32
    assert not np.array_equal(worse.images, before, equal_nan=True)
    assert np.array_equal(np.isnan(worse.images), np.isnan(before))
    assert worse.labels is SLICES.labels
    assert np.array_equal(worse.images, degrade(SLICES, how, seed=0).images, equal_nan=True)


def test_noise_follows_from_its_seed() -> None:
    a, b = (degrade(SLICES, "noise", seed=seed).images[:, 0] for seed in (0, 1))
    assert not np.array_equal(a, b, equal_nan=True)


def test_the_channels_of_a_case_do_not_share_their_noise() -> None:
    images = np.repeat(SLICES.images[:, :1], 3, axis=1)  # three channels alike
    noisy = degrade(replace(SLICES, images=images), "noise", seed=0).images
    added = [(noisy[:, k] - images[:, k])[np.isfinite(images[:, k])] for k in range(3)]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert abs(float(np.corrcoef(added[a], added[b])[0, 1])) < 0.02  # of 120,000 voxels: 7 standard deviations


def test_inverting_twice_gives_the_image_back() -> None:
    def again(slices: LabelledSlices) -> LabelledSlices:
        return degrade(slices, "inverted contrast", seed=0)

    assert again(again(SLICES)).images[:, 0] == pytest.approx(SLICES.images[:, 0], abs=0.01, nan_ok=True)


@pytest.mark.parametrize("how", MOVED)
def test_labels_follow_a_volume_that_is_moved(how: str) -> None:
    moved = degrade(SLICES, how, seed=0)
    inside = np.isin(moved.labels, [1, 5])
    assert int(inside.sum()) == int(np.isin(SLICES.labels, [1, 5]).sum())
    assert float(moved.images[:, 0][inside].mean()) > 350  # the disc is at 400 to 500, all else at 100
    assert np.array_equal(np.isnan(moved.images[:, 0]), moved.labels == 255)


def test_upside_down_puts_the_back_in_front() -> None:
    moved = degrade(SLICES, "upside down", seed=0)
    assert (
        float(np.argwhere(moved.labels == 1)[:, 1].mean()) < 127.5 < float(np.argwhere(moved.labels == 5)[:, 1].mean())
    )


def test_an_unknown_degradation_is_refused() -> None:
    with pytest.raises(ValueError, match="no degradation 'fog'"):
        degrade(SLICES, "fog", seed=0)


def test_few_copies_of_many_cases_cover_them_all() -> None:
    names = {*DEGRADATIONS, *MOVED}
    assert worse_copies(0, 0) == ()
    assert len(set(worse_copies(5, 4))) == 4
    assert {how for number in range(4) for how in worse_copies(number, 4)} == names
    assert set(worse_copies(1, 99)) == names
