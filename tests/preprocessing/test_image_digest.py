import numpy as np

from zonate.geometry import Grid, Volume
from zonate.preprocessing.image_digest import image_digest


def test_an_image_is_the_same_in_any_order_of_its_axes_and_not_with_another_voxel() -> None:
    affine = np.array([[0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 0.0, 2.0], [3.0, 0.0, 0.0, 3.0], [0.0, 0.0, 0.0, 1.0]])
    image = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), Grid((2, 3, 4), affine))
    flipped = affine.copy()
    flipped[:3, 3] += affine[:3, 0]
    flipped[:3, 0] *= -1
    upside_down = Volume(image.values[::-1].astype(np.float32), Grid((2, 3, 4), flipped))
    assert image_digest(image) == image_digest(upside_down)
    other = image.values.copy()
    other[0, 0, 0] = 7
    assert image_digest(image) != image_digest(image.with_values(other))
