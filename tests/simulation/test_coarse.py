import numpy as np
import numpy.typing as npt
import pytest

from zonate.simulation.coarse import interpolated


@pytest.mark.parametrize("shape", [(9, 13), (10, 12), (8, 8)])
def test_a_linear_function_is_interpolated_exactly(shape: tuple[int, int]) -> None:
    h, w = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape), indexing="ij")
    points = np.stack([w * 0.5, h * 0.5, h * 0.1], axis=-1)

    def evaluate(p: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return p @ np.array([[1, 0], [2, -1], [3, 4]], dtype=np.float32)

    assert interpolated(evaluate, points) == pytest.approx(evaluate(points), abs=1e-5)
