import numpy as np
import pytest

from tests.simulation.glands import grid, zones
from zonate.simulation.endorectal_coil import insert_coil

GRID = grid(14, 120)
GLAND = zones(GRID).values > 0  # 30 mm deep: rows 45 to 74, in the middle of slices 3 to 10
FLAT = np.where(np.indices(GRID.shape)[1] < 10, 0, 100).astype(np.float32)


def test_the_balloon_lies_behind_the_gland_which_only_becomes_brighter() -> None:
    out = insert_coil(FLAT, GLAND, GRID, np.random.default_rng(0))
    void = (out < 5) & (FLAT > 0)
    rows = np.argwhere(void)[:, 1]
    assert void[6].any()
    assert rows.min() > 60
    assert not void[GLAND].any()
    assert (out[GLAND] > 100).all()


def test_it_is_brightest_beside_the_balloon_and_fades_to_the_front() -> None:
    out = insert_coil(FLAT, GLAND, GRID, np.random.default_rng(0))
    middle = out[6, :75, 60]
    assert middle[72] > middle[50] > middle[20] > 100


def test_a_gland_of_one_slice_gets_a_balloon_of_the_same_course_in_each() -> None:
    gland = np.zeros_like(GLAND)
    gland[6] = GLAND[6]
    out = insert_coil(FLAT, gland, GRID, np.random.default_rng(0))
    void = (out < 5) & (FLAT > 0)
    assert np.flatnonzero(void.any(axis=(1, 2))).tolist() == [3, 4, 5, 6, 7, 8, 9]
    middles = [np.argwhere(void[s]).mean(axis=0) for s in (3, 9)]
    assert middles[0].tolist() == pytest.approx(middles[1].tolist(), abs=0.5)


def test_beyond_a_few_slices_from_the_gland_nothing_changes() -> None:
    assert np.flatnonzero(GLAND.any(axis=(1, 2))).tolist() == list(range(3, 11))
    tall = np.concatenate([FLAT, FLAT])
    gland = np.concatenate([GLAND, np.zeros_like(GLAND)])
    out = insert_coil(tall, gland, grid(28, 120), np.random.default_rng(0))
    assert (out[13] != tall[13]).any()  # the third slice beyond
    assert (out[14:] == tall[14:]).all()
