from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.costs.studies import Scan, resampled, write_study
from zonate.config import Settings
from zonate.geometry import Grid, Volume
from zonate.load import load_case
from zonate.simulation.study import draw_study


def a_volume() -> Volume:
    """Values rise by 10 from slice to slice."""
    affine = np.array([[0, 0, 0.5, -8], [0, 0.5, 0, -8], [3.0, 0, 0, 10], [0, 0, 0, 1]])
    values = np.broadcast_to(10 * np.arange(4, dtype=np.float32)[:, None, None], (4, 32, 32))
    return Volume(values.copy(), Grid((4, 32, 32), affine))


@pytest.mark.parametrize("shape", [(8, 64, 64), (2, 16, 16), (4, 32, 32), (5, 20, 48)])
def test_other_voxels_fill_the_same_field(shape: tuple[int, int, int]) -> None:
    volume = a_volume()
    found = resampled(volume, shape)
    assert found.values.shape == found.grid.shape == shape
    for old, new in ((-0.5, -0.5), (np.array((4, 32, 32)) - 0.5, np.array(shape) - 0.5)):
        np.testing.assert_allclose(
            found.grid.to_mm(np.broadcast_to(new, 3)), volume.grid.to_mm(np.broadcast_to(old, 3))
        )


def test_values_stay_where_they_were() -> None:
    found = resampled(a_volume(), (8, 32, 32))
    # The new centres lie a quarter of an old slice before and behind the old ones; the ends are held.
    np.testing.assert_allclose(found.values[:, 5, 5], [0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30], atol=1e-5)


def test_a_study_has_the_shape_that_is_asked_for(tmp_path: Path) -> None:
    volume = a_volume()
    examination = replace(draw_study(0, 0, "siemens").examination, t2w_grid=volume.grid)
    scan = Scan(examination, volume)
    first, second = (write_study(tmp_path / str(number), scan, 6, 24, number) for number in (0, 1))
    read = [load_case(folder, Settings()).t2w for folder in (first, second)]
    assert [t2w.grid.shape for t2w in read] == [(6, 24, 24)] * 2
    assert (read[0].values != read[1].values).any()
