import os
import subprocess
import sys

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


def test_the_number_of_threads_changes_no_bit() -> None:
    """OpenBLAS, by which NumPy multiplies matrices, adds up in another order with more threads."""
    program = (
        "import hashlib, numpy as np\n"
        "from zonate.simulation.coarse import interpolated\n"
        "h, w = np.meshgrid(np.arange(320.0), np.arange(320.0), indexing='ij')\n"
        "points = np.stack([w, h, 0.1 * h], axis=-1).astype(np.float32)\n"
        "filled = interpolated(lambda p: np.sin(p[..., :2]), points, step=4)\n"
        "print(hashlib.sha256(filled.tobytes()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)},
            capture_output=True,
            check=True,
        ).stdout
        for threads in (1, 2)
    }
    assert len(digests) == 1
