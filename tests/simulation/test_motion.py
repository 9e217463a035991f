from dataclasses import replace

import numpy as np
import pytest

from zonate.simulation.motion import Displacement, draw_displacement

STILL = Displacement(
    centre_mm=(0, 0, 0),
    rotation_deg=(0, 0, 0),
    translation_mm=(0, 0, 0),
    waves_per_mm=np.zeros((0, 3)),
    phases_rad=np.zeros(0),
    amplitudes_mm=np.zeros((0, 3)),
    distortion_centre_mm=(0, 20, 0),
    distortion_direction=(0, 1, 0),
    distortion_mm=0.0,
    distortion_width_mm=15.0,
)
POINTS = np.array([[0.0, 0, 0], [10, -5, 3], [-30, 25, 12]])


def test_a_translation_is_the_displacement_everywhere() -> None:
    moved = replace(STILL, translation_mm=(1.0, -2.0, 3.0))
    assert moved.at(POINTS) == pytest.approx(np.tile([1.0, -2.0, 3.0], (3, 1)))


def test_a_quarter_turn_about_the_body_axis_takes_left_to_posterior() -> None:
    moved = replace(STILL, rotation_deg=(0, 0, 90))
    assert np.array([10.0, 0, 0]) + moved.at(np.array([10.0, 0, 0])) == pytest.approx([0, 10, 0], abs=1e-12)


def test_the_source_of_a_moved_point_is_the_point() -> None:
    rng = np.random.default_rng(3)
    moved = draw_displacement(rng, np.zeros(3), np.array([0, 30.0, 0]), np.array([0, 1.0, 0]), gas=True)
    assert moved.source_of(POINTS + moved.at(POINTS), iterations=12) == pytest.approx(POINTS, abs=1e-3)


def test_distortion_runs_along_the_phase_axis_only_and_fades() -> None:
    moved = replace(STILL, distortion_mm=4.0)
    near, far = moved.at(np.array([[0.0, 20, 0], [0, 20, 60]]))
    assert near == pytest.approx([0, 4.0, 0])
    assert np.linalg.norm(far) < 0.01


def test_the_density_is_the_inverse_of_the_stretch() -> None:
    moved = replace(STILL, distortion_mm=4.0)
    y, step = 31.0, 1e-4
    before, after = (moved.at(np.array([0.0, y + by, 0]))[1] for by in (-step, step))
    stretch = 1 + (after - before) / (2 * step)
    assert moved.density_at(np.array([0.0, y, 0])) == pytest.approx(1 / stretch, rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_drawn_displacements_are_small_and_do_not_fold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    moved = draw_displacement(rng, np.zeros(3), np.array([0, 30.0, 0]), np.array([0, 1.0, 0]), gas=True)
    axis = np.arange(-40.0, 41.0, 4.0)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    field = moved.at(points)
    assert np.linalg.norm(field, axis=-1).max() < 13
    columns: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = [
        np.gradient(field, 4.0, axis=axis) for axis in range(3)
    ]
    jacobian = np.stack(columns, axis=-1) + np.eye(3)
    assert np.linalg.det(jacobian).min() > 0.4
