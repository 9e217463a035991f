import numpy as np
import pytest

from tests.simulation.glands import grid, t2w, zones
from zonate.simulation.appearance import FULL_SCALE, redraw
from zonate.zones import LabelCode

GRID = grid(4, 64)
CODES = zones(GRID)
IMAGE = t2w(CODES).values


def contrast(seed: int) -> float:
    """Of PZ against the central gland, in shares of the full scale."""
    drawn = redraw(IMAGE, CODES.values, GRID, np.random.default_rng(seed))
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0
    assert drawn.max() < 4 * FULL_SCALE
    pz, central = (drawn[CODES.values == code].mean() for code in (LabelCode.PZ, LabelCode.CENTRAL_GLAND))
    return float(pz - central) / FULL_SCALE


def test_contrast_is_another_each_time_and_mostly_as_in_t2w() -> None:
    found = [contrast(seed) for seed in range(12)]
    assert np.std(found) > 0.1
    assert min(found) < 0 < max(found)
    assert np.median(found) > 0


def test_the_same_draw_is_the_same_image_and_the_given_one_is_left_alone() -> None:
    before = IMAGE.copy()
    one, again = (redraw(IMAGE, CODES.values, GRID, np.random.default_rng(3)) for _ in range(2))
    assert (one == again).all()
    assert (before == IMAGE).all()


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_without_any_contrast_gets_that_of_the_zones(value: float) -> None:
    drawn = redraw(np.full_like(IMAGE, value), CODES.values, GRID, np.random.default_rng(1))
    assert np.isfinite(drawn).all()
    assert drawn[CODES.values == LabelCode.PZ].mean() != pytest.approx(drawn[CODES.values == 0].mean(), rel=0.05)
