import numpy as np
import pytest

from tests.simulation.glands import grid, t2w, zones
from zonate.simulation.filling import fill, with_thin_zones
from zonate.simulation.parts import INNER, OUTSIDE, PERIPHERAL
from zonate.zones import LabelCode

SPACING_MM = (3.0, 1.0, 1.0)


def test_what_is_right_stays_and_what_is_wrong_mirrors_the_tissue_next_to_it() -> None:
    image = np.array([[[1, 2, 3, 40, 50, 60, 70]]], np.float32)
    parts = np.array([[[OUTSIDE, OUTSIDE, OUTSIDE, PERIPHERAL, PERIPHERAL, PERIPHERAL, PERIPHERAL]]], np.uint8)
    brought = np.array([[[OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, PERIPHERAL, PERIPHERAL, PERIPHERAL]]], np.uint8)
    filled = fill(image, parts, brought, SPACING_MM, np.random.default_rng(0))
    # Pixel 3 has to be PZ; the nearest is pixel 4, and what lies as far behind that is pixel 5.
    assert filled.tolist() == [[[1, 2, 3, 60, 50, 60, 70]]]


def test_tissue_that_the_slice_lacks_is_drawn_as_bright_as_elsewhere() -> None:
    codes = zones(grid(4, 64))
    image = t2w(codes).values
    parts = np.where(codes.values == LabelCode.PZ, PERIPHERAL, np.where(codes.values > 0, INNER, OUTSIDE)).astype(
        np.uint8
    )
    brought = parts.copy()
    brought[2][parts[2] == PERIPHERAL] = INNER
    image[2][parts[2] == PERIPHERAL] = 200
    filled = fill(image, parts, brought, SPACING_MM, np.random.default_rng(0))
    drawn = filled[2][parts[2] == PERIPHERAL]
    assert drawn.mean() == pytest.approx(400, abs=3)
    assert drawn.std() == pytest.approx(5, abs=2)
    assert (filled[parts == brought] == image[parts == brought]).all()


def test_the_stroma_becomes_darker_and_nothing_else_changes() -> None:
    codes = np.full((1, 40, 40), LabelCode.TZ, np.uint8)
    codes[:, :15] = LabelCode.AFS
    image = np.full(codes.shape, 100, np.float32)
    changed = with_thin_zones(image, codes)
    # T2 48 against 90 ms at TE 100 ms: a third of the signal, exp(-0.97), a little more by T1 and less by density;
    # 0.7 of the way from 100 to that.
    assert changed[0, 5, 20] == pytest.approx(100 - 0.7 * (100 - 37), abs=2)
    assert (changed[codes == LabelCode.TZ] == 100).all()
    assert (with_thin_zones(image, zones(grid(1, 40)).values) == image).all()
