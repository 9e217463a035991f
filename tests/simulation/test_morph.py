import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.glands import grid, zones
from zonate.simulation.morph import REACH_MM, Zones, at_pixels, morph
from zonate.zones import LabelCode


def gland(half_mm: tuple[float, float, float], spacing_mm: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> Zones:
    codes = zones(grid(6, 140, spacing_mm), half_mm).values
    _, row, column = np.argwhere(codes > 0).mean(axis=0)
    return Zones(codes > 0, codes == LabelCode.CENTRAL_GLAND, spacing_mm, (float(row), float(column)))


def dice(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_a_gland_on_itself_moves_nothing() -> None:
    one = gland((8.0, 15.0, 20.0))
    rows, columns = morph(one, one)
    assert rows == pytest.approx(np.broadcast_to(np.arange(140.0)[:, None], rows.shape), abs=1e-3)
    assert columns == pytest.approx(np.broadcast_to(np.arange(140.0), columns.shape), abs=1e-3)


@settings(max_examples=3)
@given(st.floats(11, 20), st.floats(14, 28))
def test_the_warp_carries_gland_and_border_onto_the_shape_and_hardly_folds(depth_mm: float, width_mm: float) -> None:
    shape, host = gland((8.0, depth_mm, width_mm)), gland((8.0, 15.0, 20.0), (3.0, 0.8, 0.8))
    rows, columns = morph(shape, host)
    for wanted, of_host in ((shape.gland, host.gland), (shape.inner, host.inner)):
        assert dice(wanted, at_pixels(of_host.astype(np.float32), rows, columns, order=0) > 0.5) > 0.94
    for folded in (np.diff(rows, axis=1) <= 0, np.diff(columns, axis=2) <= 0):
        assert folded.mean() < 1e-3


def test_beyond_its_reach_nothing_moves() -> None:
    shape, host = gland((8.0, 15.0, 25.0)), gland((8.0, 15.0, 20.0))
    _, columns = morph(shape, host)
    middle = 69.5
    left = 0  # 69.5 mm from the middle: as far as 24.5 mm of gland and the reach
    assert middle - left >= 24.5 + REACH_MM
    assert columns[3, 70, left] == pytest.approx(left, abs=1e-3)
    assert columns[3, 70, 94] == pytest.approx(middle + 20, abs=1)  # the edge: 24.5 from the middle, in the host 20


def test_at_pixels_reads_between_rows_and_repeats_the_edge() -> None:
    values = np.array([[[0, 10], [20, 30]]], dtype=np.float32)
    rows, columns = np.array([[[0.5, -3]]], np.float32), np.array([[[0, 1]]], np.float32)
    assert at_pixels(values, rows, columns).tolist() == [[[10, 10]]]
