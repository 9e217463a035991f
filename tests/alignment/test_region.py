import numpy as np

from tests.alignment.phantom import grid_of
from zonate.alignment.region import gland_region


def test_the_box_is_centred_in_plane_and_takes_every_slice() -> None:
    region = gland_region(grid_of((3, 10, 20), (3.0, 2.0, 1.0)), side_mm=8.0)
    # H: centres at ±1, ±3, ±5 … mm, so 4 within 4 mm; W: at ±0.5 … ±3.5 mm, so 8.
    assert region.sum() == 3 * 4 * 8
    assert region[:, 3:7, 6:14].all()


def test_a_box_larger_than_the_volume_is_the_volume() -> None:
    assert np.all(gland_region(grid_of((2, 4, 4), (3.0, 1.0, 1.0)), side_mm=500.0))
