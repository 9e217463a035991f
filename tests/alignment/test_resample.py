import numpy as np
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import grid_of, t2w_volume
from zonate.alignment.resample import resample
from zonate.geometry import Volume

IDENTITY = sitk.Transform(3, sitk.sitkIdentity)


def test_onto_its_own_grid_nothing_changes() -> None:
    volume = t2w_volume()
    assert resample(volume, volume.grid, IDENTITY).values == pytest.approx(volume.values, abs=1e-3)


def test_half_a_voxel_between_two_is_their_mean() -> None:
    grid = grid_of((1, 1, 3), (3.0, 1.0, 1.0))
    volume = Volume(np.array([[[1, 3, 7]]], dtype=np.float32), grid)
    half = sitk.TranslationTransform(3, (0.5 * grid.direction[:, 2]).tolist())
    values = resample(volume, grid, half).values[0, 0]
    assert values[:2] == pytest.approx([2.0, 5.0], abs=1e-4)


def test_outside_the_field_of_view_is_nan_and_nowhere_else() -> None:
    small = Volume(np.ones((2, 4, 4), dtype=np.float32), grid_of((2, 4, 4), (3.0, 1.0, 1.0)))
    values = resample(small, grid_of((2, 8, 8), (3.0, 1.0, 1.0)), IDENTITY).values
    measured = np.zeros((2, 8, 8), dtype=np.bool_)
    measured[:, 2:6, 2:6] = True
    assert np.array_equal(np.isfinite(values), measured)


def test_the_result_lies_in_the_frame_of_the_grid() -> None:
    volume = t2w_volume()
    other = grid_of((16, 64, 64), (3.0, 1.25, 1.25), "9.9")
    assert resample(volume, other, IDENTITY).grid.frame_of_reference == "9.9"
