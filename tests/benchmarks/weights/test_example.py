import numpy as np

from benchmarks.weights.example import small
from tests.dataset_factory import a_case


def test_an_example_is_coarse_and_of_256_grey_values() -> None:
    """The image's 80 mm lie in the middle of 160 mm."""
    t2w = a_case("x", seed=1, size=160).t2w  # pixels of 0.5 mm
    made = small(t2w)
    assert made.grid.shape == (2, 128, 128)
    assert made.grid.spacing_mm == (3.0, 1.25, 1.25)
    assert made.values.dtype == np.uint8
    np.testing.assert_allclose(made.grid.centre_mm, t2w.grid.centre_mm, atol=0.7)
    assert made.values[:, 64, 64].min() > 150  # the gland's bright middle
    assert not made.values[:, :30].any()  # 32 pixels of 1.25 mm before the image
    assert 90 < made.values.max() <= 255
