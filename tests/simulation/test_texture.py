import numpy as np
import pytest

from zonate.simulation.texture import Texture


def test_a_texture_has_mean_0_and_standard_deviation_1_and_repeats_by_its_size() -> None:
    texture = Texture.draw(np.random.default_rng(0), spacing_mm=2.0)
    assert texture.lattice.std() == pytest.approx(1, abs=1e-4)
    assert abs(float(texture.lattice.mean())) < 0.02
    points = np.random.default_rng(1).uniform(-200, 200, (50, 3)).astype(np.float32)
    assert texture.at(points) == pytest.approx(texture.at(points + np.float32(96.0)), abs=1e-3)


def test_at_a_lattice_point_it_is_the_lattice() -> None:
    texture = Texture.draw(np.random.default_rng(0), spacing_mm=2.0)
    value = texture.at(np.array([[2.0, 4.0, 6.0]], dtype=np.float32))
    assert value[0] == pytest.approx(texture.lattice[1, 2, 3])
