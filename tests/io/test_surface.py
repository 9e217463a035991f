"""Closed surfaces: watertight, outward, with the volume that was counted, between the right voxel centres."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from zonate.geometry import Grid, Volume
from zonate.io.surface import Surface, closed_surface
from zonate.zones import LabelCode

PZ, TZ = LabelCode.PZ, LabelCode.TZ
SPACING_MM = (3.0, 0.5, 0.5)


def volume(
    mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float] = SPACING_MM, *, mirrored: bool = False
) -> Volume:
    """PZ where the mask says so, slices to superior, rows to posterior, columns to left (or right)."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
    affine[0, 2] *= -1 if mirrored else 1
    affine[:, 3] = (10.0, -20.0, 30.0, 1.0)
    shape = (mask.shape[0], mask.shape[1], mask.shape[2])
    return Volume(np.where(mask, PZ, 0).astype(np.uint8), Grid(shape, affine))


def surface_of(labels: Volume) -> Surface:
    surface = closed_surface(labels, (PZ,))
    assert surface is not None
    return surface


def edge_counts(faces: npt.NDArray[np.int32]) -> set[int]:
    """By how many triangles each edge is shared, and each directed edge is walked."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, walked = np.unique(directed, axis=0, return_counts=True)
    assert set(walked.tolist()) == {1}  # all triangles turn the same way
    _, shared = np.unique(np.sort(directed, axis=1), axis=0, return_counts=True)
    return set(shared.tolist())


def test_nothing_drawn_has_no_surface() -> None:
    assert closed_surface(volume(np.zeros((2, 3, 3), dtype=np.bool_)), (PZ,)) is None


def test_a_block_has_the_volume_of_its_voxels_and_lies_where_they_do() -> None:
    mask = np.zeros((10, 40, 44), dtype=np.bool_)
    mask[2:8, 8:32, 10:34] = True  # 6 × 24 × 24 voxels of 0.75 mm³
    surface = surface_of(volume(mask))
    assert surface.volume_ml == pytest.approx(2.592, rel=1e-3)
    # x: columns 10 to 33 of 0.5 mm, border to border; what the rounded ends lose, the sides gain: at most half a pixel
    assert surface.vertices_mm[:, 0].min() == pytest.approx(10 + 0.5 * 9.5, abs=0.25)
    assert surface.vertices_mm[:, 0].max() == pytest.approx(10 + 0.5 * 33.5, abs=0.25)
    assert surface.vertices_mm.mean(axis=0) == pytest.approx([10 + 0.5 * 21.5, -20 + 0.5 * 19.5, 30 + 3 * 4.5], abs=0.1)


def test_a_sphere_has_its_volume() -> None:
    s, h, w = np.indices((15, 90, 90))
    mask = (3 * (s - 7)) ** 2 + (0.5 * (h - 45)) ** 2 + (0.5 * (w - 45)) ** 2 <= 18**2
    surface = surface_of(volume(mask))
    assert surface.volume_ml == pytest.approx(mask.sum() * 0.75e-3, rel=1e-3)
    assert surface.volume_ml == pytest.approx(4 / 3 * np.pi * 1.8**3, rel=0.02)  # 24.43 ml
    from_centre_mm = np.linalg.norm(surface.vertices_mm - [10 + 22.5, -20 + 22.5, 30 + 21], axis=1)
    assert np.abs(from_centre_mm - 18).max() < 1.5  # half a slice; a staircase of slices would be further off
    assert np.abs(from_centre_mm - 18).mean() < 0.3


@pytest.mark.parametrize("mirrored", [False, True])
def test_it_points_outwards_whichever_way_the_columns_run(mirrored: bool) -> None:
    mask = np.zeros((4, 6, 6), dtype=np.bool_)
    mask[1:3, 2:4, 2:4] = True
    assert surface_of(volume(mask, mirrored=mirrored)).volume_ml == pytest.approx(8 * 0.75e-3, rel=1e-3)


def test_it_closes_where_the_structure_reaches_the_edge_of_the_volume() -> None:
    surface = surface_of(volume(np.ones((3, 4, 5), dtype=np.bool_)))
    assert edge_counts(surface.faces) == {2}
    assert surface.volume_ml == pytest.approx(60 * 0.75e-3, rel=1e-3)


def test_several_codes_are_one_structure() -> None:
    labels = volume(np.ones((3, 6, 6), dtype=np.bool_))
    labels.values[:, :3] = TZ
    both = closed_surface(labels, (PZ, TZ))
    assert both is not None
    assert both.volume_ml == pytest.approx(108 * 0.75e-3, rel=1e-3)


@given(
    arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.booleans()),
    st.sampled_from([(3.0, 0.5, 0.5), (0.5, 0.5, 0.5), (6.0, 0.4, 0.6)]),
)
def test_whatever_is_drawn_the_surface_is_watertight(
    mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> None:
    labels = volume(mask, spacing_mm)
    surface = closed_surface(labels, (PZ,))
    if surface is None:
        assert not mask.any()
        return
    assert edge_counts(surface.faces) == {2}


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([SPACING_MM, (0.5, 0.5, 0.5), (6.0, 0.4, 0.6)]))
def test_smooth_shapes_keep_their_volume_and_every_voxel_centre_its_side(
    seed: int, spacing_mm: tuple[float, float, float]
) -> None:
    noise = np.random.default_rng(seed).normal(size=(4, 14, 14))
    mask = ndimage.gaussian_filter(noise, (0.5, 2, 2)) > 0.1  # pieces and holes, a few pixels wide
    labels = volume(mask, spacing_mm)
    surface = closed_surface(labels, (PZ,))
    if surface is not None:
        assert surface.volume_ml == pytest.approx(int(mask.sum()) * labels.grid.voxel_volume_ml, rel=0.01)
        assert (centres_inside(surface, labels.grid) == mask).all()


def centres_inside(surface: Surface, grid: Grid) -> npt.NDArray[np.bool_]:
    """Centres that the surface winds around once: the solid angles of its triangles add up to 4π, outside to 0.

    Source: Van Oosterom and Strackee, The solid angle of a plane triangle, IEEE TBME 1983.
    """
    centres_mm = grid.to_mm(np.indices(grid.shape).reshape(3, -1).T)
    rays = surface.vertices_mm[surface.faces][None] - centres_mm[:, None, None]  # (voxels, M, corner, xyz)
    a, b, c = (rays[:, :, corner] for corner in range(3))
    na, nb, nc = (np.linalg.norm(ray, axis=-1) for ray in (a, b, c))
    volume = (a * np.cross(b, c)).sum(axis=-1)
    cosines = na * nb * nc + (a * b).sum(axis=-1) * nc + (b * c).sum(axis=-1) * na + (c * a).sum(axis=-1) * nb
    turns = 2 * np.arctan2(volume, cosines).sum(axis=1) / (4 * np.pi)
    assert np.abs(turns - np.rint(turns)).max() < 1e-6
    inside: npt.NDArray[np.bool_] = np.rint(turns).reshape(grid.shape) == 1
    return inside
