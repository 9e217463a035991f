import numpy as np
import pytest

from tests.simulation.glands import grid, zones
from zonate.simulation.parts import INNER, OUTSIDE, PERIPHERAL, has_both_parts, parts_of, unlikeness
from zonate.zones import LabelCode


def test_every_code_is_peripheral_inner_or_outside() -> None:
    codes = np.array([0, 1, 2, 3, 4, 5, 6, 255], np.uint8)
    inner = [INNER] * 4  # TZ, DPU, AFS, CENTRAL_GLAND
    assert parts_of(codes).tolist() == [OUTSIDE, PERIPHERAL, *inner, OUTSIDE, OUTSIDE]


@pytest.mark.parametrize(("codes", "expected"), [((0, 1, 5), True), ((0, 1, 4), True), ((0, 1), False), ((6,), False)])
def test_a_gland_has_both_parts_where_pz_and_something_else_are_drawn(codes: tuple[int, ...], expected: bool) -> None:
    assert has_both_parts(np.array(codes, np.uint8)) is expected


def test_unlikeness_is_the_logarithm_of_the_volumes_and_the_share_of_pz() -> None:
    one = zones(grid())
    values = one.values.copy()
    assert unlikeness(one, one) == 0
    larger = zones(grid(spacing_mm=(3 * np.e, 1, 1)), (12 * np.e, 15, 20))  # the same voxels, e times as thick
    assert unlikeness(one, larger) == pytest.approx(1)
    values[values == LabelCode.CENTRAL_GLAND] = LabelCode.PZ
    all_pz = one.with_values(values)
    values = values.copy()
    values[values > 0] = LabelCode.CENTRAL_GLAND
    assert unlikeness(all_pz, one.with_values(values)) == pytest.approx(1)
