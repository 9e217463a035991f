"""Distances from a border, and the level that encloses what was counted."""

import numpy as np
import pytest

from zonate.io.borders import half_pixel_mm, level_that_encloses, signed_distance_mm

SPACING_MM = (0.5, 0.5)


def test_distances_count_from_half_a_pixel_beyond_the_outermost_centre() -> None:
    mask = np.array([[False, True, True, True, False, False]])
    mask = np.vstack([mask, mask, mask])
    expected_mm = [-0.25, 0.25, 0.75, 0.25, -0.25, -0.75]
    assert signed_distance_mm(mask, SPACING_MM)[1].tolist() == pytest.approx(expected_mm)


@pytest.mark.parametrize(("drawn", "expected"), [(False, -np.inf), (True, np.inf)])
def test_without_a_border_every_pixel_is_infinitely_far(drawn: bool, expected: float) -> None:
    assert (signed_distance_mm(np.full((2, 3), drawn), SPACING_MM) == expected).all()


def test_half_a_pixel_is_half_the_smaller_spacing() -> None:
    assert half_pixel_mm((0.6, 0.4)) == 0.2


def test_the_level_is_where_the_measure_is_met() -> None:
    assert level_that_encloses(9.0, lambda mm: 10 - 10 * mm, SPACING_MM) == pytest.approx(0.1, abs=1e-4)


@pytest.mark.parametrize("wanted", [7.0, 13.0])
def test_no_level_moves_the_border_by_half_a_pixel(wanted: float) -> None:
    assert level_that_encloses(wanted, lambda mm: 10 - 10 * mm, SPACING_MM) is None
