import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import grid_of, rigid
from zonate.alignment.field import (
    displacement_mm,
    displacement_transform,
    figures_of,
    jacobian_determinant,
    measure_field,
)

GRID = grid_of((6, 20, 20), (3.0, 1.0, 1.0))
EVERYWHERE = np.ones(GRID.shape, dtype=np.bool_)


def along_w(amount_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A field (S, H, W, 3) along the grid's own W axis."""
    field: npt.NDArray[np.float32] = (amount_mm[..., None] * GRID.direction[:, 2]).astype(np.float32)
    return field


def test_a_translation_keeps_the_volume_and_moves_every_point_alike() -> None:
    figures = measure_field(sitk.TranslationTransform(3, (0.0, 3.0, -4.0)), GRID, EVERYWHERE)
    assert figures.minimum_jacobian == pytest.approx(1.0, abs=1e-5)
    assert figures.maximum_jacobian == pytest.approx(1.0, abs=1e-5)
    assert (figures.mean_displacement_mm, figures.max_displacement_mm) == pytest.approx((5.0, 5.0))
    assert figures.folded_fraction == 0


def test_a_stretch_along_one_axis_has_its_factor_as_determinant() -> None:
    w = np.broadcast_to(np.arange(20.0), GRID.shape)
    assert jacobian_determinant(along_w(0.25 * w), GRID) == pytest.approx(1.25, abs=1e-4)


def test_a_field_that_turns_space_over_is_called_folded() -> None:
    w = np.broadcast_to(np.arange(20.0), GRID.shape)
    figures = figures_of(along_w(-1.5 * w), GRID, EVERYWHERE)
    assert figures.minimum_jacobian == pytest.approx(-0.5, abs=1e-4)
    assert figures.folded_fraction == 1.0


def test_the_displacement_of_a_rotation_points_from_the_grid_to_where_it_goes() -> None:
    field = displacement_mm(rigid(90, (0, 0, 0)), GRID)
    point = GRID.to_mm((2, 3, 4))
    d = point - np.array([5.0, -7.0, 20.0])
    assert field[2, 3, 4] == pytest.approx([-d[1] - d[0], d[0] - d[1], 0.0], abs=1e-4)


def test_a_single_slice_has_a_determinant() -> None:
    grid = grid_of((1, 4, 4), (3.0, 1.0, 1.0))
    assert jacobian_determinant(np.zeros((1, 4, 4, 3), dtype=np.float32), grid) == pytest.approx(1.0)


def test_a_field_as_a_transform_moves_points_as_the_field_says_to_the_corners() -> None:
    truth = rigid(5.0, (2.0, -1.0, 3.0))
    transform = displacement_transform(displacement_mm(truth, GRID), GRID)
    for corner in (GRID.to_mm((2, 7, 11)), *GRID.corners_mm()):
        assert transform.TransformPoint(corner.tolist()) == pytest.approx(
            truth.TransformPoint(corner.tolist()), abs=1e-4
        )
