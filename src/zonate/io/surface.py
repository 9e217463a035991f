"""The closed surface of a structure in the patient's space."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from skimage.measure import marching_cubes

from zonate.geometry import Volume, box_about
from zonate.io.borders import half_pixel_mm, level_that_encloses, signed_distance_mm
from zonate.zones import LabelCode

_MARGIN = 1
"""Empty voxels around the structure, so that its surface closes where it reaches the edge of the volume."""


@dataclass(frozen=True, eq=False)
class Surface:
    """Triangles that enclose a structure.

    Attributes:
        vertices_mm: (N, 3) float64, LPS.
        faces: (M, 3) vertex numbers, anticlockwise as seen from outside.
    """

    vertices_mm: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int32]

    @property
    def volume_ml(self) -> float:
        """What it encloses, by the divergence theorem."""
        return float(_signed_volume(self.vertices_mm, self.faces)) / 1000.0


def closed_surface(labels: Volume, members: Iterable[LabelCode]) -> Surface | None:
    """Draw the surface of the voxels that have one of these codes.

    Between slices the outline changes from one to the next as their distance maps do (Raya and Udupa, Shape-based
    interpolation of multidimensional objects, IEEE TMI 1990), so that a slice of 3 mm leaves no step; marching cubes
    (Lewiner et al. 2003, scikit-image) draws the level that encloses the counted volume. Every voxel centre lies on its
    own side of the surface.

    Args:
        labels: Label codes (S, H, W).
        members: Codes that together are the structure.

    Returns:
        Every edge belongs to two triangles. Pieces that do not touch have surfaces apart. None where no voxel has such
        a code.
    """
    mask = np.isin(labels.values, [int(code) for code in members])
    if not mask.any():
        return None
    box = box_about(mask)
    mask = np.pad(mask[box], _MARGIN)
    first = np.array([side.start for side in box]) - _MARGIN
    vertices, faces = _enclosing(mask, labels.grid.spacing_mm)
    vertices_mm = labels.grid.to_mm(vertices + first)
    if _signed_volume(vertices_mm, faces) < 0:
        faces = faces[:, ::-1]
    return Surface(vertices_mm, np.ascontiguousarray(faces))


def _enclosing(
    mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Vertices in voxels and faces of the surface that encloses as much as the voxels do.

    Distances count up to the distance of slices, which gives slopes of up to 45° without a step. A structure that is
    too thin for that, a pixel wide and elsewhere on the next slice, gets shorter ones: at half a pixel the map is the
    mask itself, of which some level always encloses enough.
    """
    in_plane_mm = spacing_mm[1:]
    distances = np.stack([signed_distance_mm(drawn, in_plane_mm) for drawn in mask])  # (S, H, W)
    wanted = float(mask.sum())
    shortest_mm = half_pixel_mm(in_plane_mm)
    reach_mm = max(spacing_mm[0], shortest_mm)
    while True:
        field = distances.clip(-reach_mm, reach_mm)
        level = level_that_encloses(wanted, partial(_enclosed, field), in_plane_mm)
        if level is not None or reach_mm == shortest_mm:
            return _march(field, level or 0.0)
        reach_mm = max(reach_mm / 2, shortest_mm)


def _enclosed(field: npt.NDArray[np.float64], level: float) -> float:
    return abs(_signed_volume(*_march(field, level)))


def _march(field: npt.NDArray[np.float64], level: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    vertices, faces, _, _ = marching_cubes(field, level, allow_degenerate=False)
    return vertices.astype(np.float64), faces


def _signed_volume(vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.int32]) -> float:
    """Sum of the tetrahedra between each triangle and one point; in the cube of the vertices' unit."""
    a, b, c = (vertices[faces[:, corner]] - vertices.mean(axis=0) for corner in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6.0
