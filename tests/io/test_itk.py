import numpy as np
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from zonate.geometry import Grid, Volume
from zonate.io.itk import from_itk, set_itk_grid, to_itk


def test_itk_indexes_in_the_opposite_order() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]) * np.array([3.0, 0.5, 0.25])
    affine[:3, 3] = (-10, -20, 30)
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    image = to_itk(Volume(values, Grid((2, 3, 4), affine)))
    assert image.GetSize() == (4, 3, 2)
    assert image.GetSpacing() == (0.25, 0.5, 3.0)
    assert image.GetOrigin() == (-10.0, -20.0, 30.0)
    assert image.GetDirection() == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert image.GetPixel(3, 2, 1) == values[1, 2, 3] == 23.0
    assert image.TransformIndexToPhysicalPoint((3, 2, 1)) == (-9.25, -19.0, 33.0)


@given(st.tuples(*[st.floats(-180, 180)] * 3), st.booleans())
def test_there_and_back_is_exact(degrees: tuple[float, float, float], mirrored: bool) -> None:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix() * np.array([3.3, 0.41, 0.27])
    affine[:3, 0] *= -1 if mirrored else 1  # a left-handed order of axes
    affine[:3, 3] = (1.25, -77.5, 12.0)
    volume = Volume(np.arange(24, dtype=np.uint8).reshape(2, 3, 4), Grid((2, 3, 4), affine, "1.2.3"))
    image = to_itk(volume)
    point = image.TransformIndexToPhysicalPoint((2, 1, 1))
    np.testing.assert_allclose(point, volume.grid.to_mm((1, 1, 2)), atol=1e-9)
    back = from_itk(image, "1.2.3")
    assert back.values.dtype == np.uint8
    np.testing.assert_array_equal(back.values, volume.values)
    np.testing.assert_allclose(back.grid.affine, affine, atol=1e-9)
    assert back.grid.frame_of_reference == "1.2.3"


def test_no_memory_is_shared() -> None:
    volume = Volume(np.zeros((1, 1, 2), dtype=np.float32), Grid((1, 1, 2), np.eye(4)))
    image = to_itk(volume)
    back = from_itk(image)
    back.values[0, 0, 0] = 5
    assert image.GetPixel(0, 0, 0) == 0
    assert volume.values[0, 0, 0] == 0


def test_a_grid_can_be_given_to_an_image() -> None:
    image = sitk.Image(3, 2, 1, sitk.sitkUInt8)
    set_itk_grid(image, Grid((1, 2, 3), np.diag([4.0, 5.0, 6.0, 1.0])))
    assert image.GetSpacing() == (6.0, 5.0, 4.0)
