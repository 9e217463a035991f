"""Outlines of a slice: they enclose what was drawn, by area and by pixel, holes left out."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tests.io.polygons import area, rasterised
from zonate.io.contours import outlines

SPACING_MM = (0.5, 0.5)


def filled(mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float] = SPACING_MM) -> npt.NDArray[np.bool_]:
    inside = np.zeros(mask.shape, dtype=np.bool_)
    for polygon in outlines(mask, spacing_mm):
        piece = rasterised(polygon, mask.shape)
        assert not (inside & piece).any()  # pieces lie apart
        inside |= piece
    return inside


def test_nothing_drawn_has_no_outline() -> None:
    assert outlines(np.zeros((4, 5), dtype=np.bool_), SPACING_MM) == []


def test_a_single_pixel_keeps_its_area() -> None:
    mask = np.zeros((3, 3), dtype=np.bool_)
    mask[1, 1] = True
    (polygon,) = outlines(mask, SPACING_MM)
    assert len(polygon) == 4
    assert abs(area(polygon)) == pytest.approx(1.0, abs=0.01)
    assert polygon.mean(axis=0).tolist() == pytest.approx([1.0, 1.0])


def test_a_block_keeps_its_area_and_its_straight_sides() -> None:
    mask = np.zeros((12, 14), dtype=np.bool_)
    mask[2:10, 3:11] = True
    (polygon,) = outlines(mask, SPACING_MM)
    assert abs(area(polygon)) == pytest.approx(64.0, abs=0.02)
    assert polygon[:, 0].min() == pytest.approx(1.5, abs=0.05)
    assert polygon[:, 1].max() == pytest.approx(10.5, abs=0.05)


def test_a_hole_is_left_out_by_a_channel_in_one_polygon() -> None:
    mask = np.ones((20, 20), dtype=np.bool_)
    mask[5:9, 6:12] = False
    mask[12:15, 3:6] = False
    (polygon,) = outlines(mask, SPACING_MM)
    assert abs(area(polygon)) == pytest.approx(400 - 24 - 9, abs=0.1)
    assert (rasterised(polygon, mask.shape) == mask).all()


def test_an_island_in_a_hole_is_a_polygon_of_its_own() -> None:
    mask = np.ones((15, 15), dtype=np.bool_)
    mask[3:12, 3:12] = False
    mask[6:9, 6:9] = True
    assert sorted(round(abs(area(polygon))) for polygon in outlines(mask, SPACING_MM)) == [9, 225 - 81]


@given(
    arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.booleans()),
    st.sampled_from([(0.5, 0.5), (0.4, 0.6)]),
)
def test_exactly_the_pixels_that_were_drawn_are_inside(
    mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float]
) -> None:
    assert (filled(mask, spacing_mm) == mask).all()


@given(st.integers(0, 2**32 - 1), st.floats(1.5, 4.0))
def test_the_area_of_smooth_shapes_is_that_of_their_pixels(seed: int, smoothness: float) -> None:
    noise = np.random.default_rng(seed).normal(size=(40, 48))
    mask = ndimage.gaussian_filter(noise, smoothness) > 0
    total = sum(abs(area(polygon)) for polygon in outlines(mask, SPACING_MM))
    assert total == pytest.approx(int(mask.sum()), rel=0.01)
