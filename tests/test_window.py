import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.window import Window, window_about


def _gland(rows: tuple[int, int], columns: tuple[int, int], size: int = 100) -> npt.NDArray[np.bool_]:
    mask = np.zeros((3, size, size), dtype=np.bool_)
    mask[1, slice(*rows), slice(*columns)] = True
    return mask


def test_the_gland_lies_in_the_middle() -> None:
    # Rows 40 to 49: their middle is 44.5, and that of 25 to 64 too.
    assert window_about(_gland((40, 50), (50, 60)), 40, 0.75) == Window(row=25, column=35, size_px=40)


def test_it_stays_within_the_slices() -> None:
    assert window_about(_gland((0, 10), (90, 100)), 40, 0.75) == Window(row=0, column=60, size_px=40)


def test_pieces_apart_do_not_draw_it_aside() -> None:
    gland = _gland((40, 50), (50, 60))
    gland[1, 90:92, 90:92] = True
    assert window_about(gland, 40, 0.75) == Window(row=25, column=35, size_px=40)


def test_a_larger_piece_far_from_the_middle_is_not_the_gland() -> None:
    gland = _gland((40, 60), (40, 60))  # 400 voxels in the middle of 100
    gland[1, 10:40, 0:20] = True  # 600 voxels about 47 mm away, each of exp(-47²/2·25²) = 0.17
    gland[1, 39, 20] = False
    assert window_about(gland, 40, 1.0) == Window(row=30, column=30, size_px=40)
    assert window_about(gland, 46, 0.01) == Window(row=2, column=0, size_px=46)  # where all lie near, the largest


@pytest.mark.parametrize(
    ("gland", "why"),
    [
        (_gland((0, 0), (0, 0)), "there is none"),
        (_gland((40, 65), (50, 60)), "25 rows and 8 on either side are more than 40"),
        (_gland((10, 20), (10, 20), size=40), "the slices are no larger"),
    ],
)
def test_where_there_is_no_better_view_there_is_no_window(gland: npt.NDArray[np.bool_], why: str) -> None:
    assert window_about(gland, 40, 0.75) is None, why


def test_a_gland_that_just_fits_has_one() -> None:
    assert window_about(_gland((40, 64), (50, 60)), 40, 0.75) == Window(row=32, column=35, size_px=40)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 24), st.integers(1, 24))
def test_the_gland_is_always_within(row: int, column: int, height: int, width: int) -> None:
    gland = _gland((row, row + height), (column, column + width))
    window = window_about(gland, 40, 0.75)
    assert window is not None
    assert window.cut(gland).sum() == gland.sum()


def test_restoring_undoes_cutting() -> None:
    window = Window(row=1, column=2, size_px=2)
    maps = np.arange(8, dtype=np.float32).reshape(1, 2, 2, 2)
    whole = window.restore(maps, [1.0, 0.0], (1, 3, 4, 5))
    assert whole.shape == (1, 2, 4, 5)
    np.testing.assert_array_equal(window.cut(whole), maps)
    assert whole[0, 0].sum() == 0 + 1 + 2 + 3 + 16  # 16 of 20 pixels outside are background
    assert whole[0, 1].sum() == 4 + 5 + 6 + 7
