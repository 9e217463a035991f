"""STL as others read it: read back here from the bytes alone."""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from zonate.geometry import Grid, Volume
from zonate.io.stl import write_surface
from zonate.zones import LabelCode

TZ = LabelCode.TZ


def oblique_block() -> Volume:
    """TZ of 6 × 20 × 24 voxels of 3 × 0.5 × 0.5 mm, turned by 30° about the left-right axis."""
    cosine, sine = np.cos(np.pi / 6), np.sin(np.pi / 6)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([[0, -3 * sine, 3 * cosine], [0, 0.5 * cosine, 0.5 * sine], [0.5, 0, 0]])
    affine[:3, 3] = (-30.0, 40.0, -90.0)
    values = np.zeros((10, 30, 34), dtype=np.uint8)
    values[2:8, 5:25, 5:29] = TZ
    return Volume(values, Grid((10, 30, 34), affine))


def triangles(data: bytes) -> npt.NDArray[np.float64]:
    """(M, 3, 3): after a header of 80 bytes the count, then 50 bytes a triangle: normal, three corners, two bytes."""
    (count,) = struct.unpack_from("<I", data, 80)
    assert len(data) == 84 + 50 * count
    return np.array([struct.unpack_from("<9f", data, 84 + 50 * i + 12) for i in range(count)]).reshape(-1, 3, 3)


def enclosed_mm3(corners: npt.NDArray[np.float64]) -> float:
    return float(sum(np.dot(a, np.cross(b, c)) for a, b, c in corners - corners.mean(axis=(0, 1)))) / 6


def test_the_file_holds_a_closed_surface_with_the_counted_volume(tmp_path: Path) -> None:
    labels = oblique_block()
    written = write_surface(tmp_path / "surfaces" / "tz.stl", labels, (TZ,))
    corners = triangles((tmp_path / "surfaces" / "tz.stl").read_bytes())
    assert enclosed_mm3(corners) == pytest.approx(6 * 20 * 24 * 0.75, rel=1e-3)
    assert written.volume_ml == pytest.approx(2.16, rel=1e-3)
    edges: dict[tuple[bytes, ...], int] = {}
    for triangle in corners.astype(np.float32):
        points = [point.tobytes() for point in triangle]
        for a, b in ((0, 1), (1, 2), (2, 0)):
            edge = tuple(sorted((points[a], points[b])))
            edges[edge] = edges.get(edge, 0) + 1
    assert set(edges.values()) == {2}  # by position, as programs weld them


def test_it_lies_in_the_patients_lps_millimetres_and_says_so(tmp_path: Path) -> None:
    write_surface(tmp_path / "tz.stl", oblique_block(), (TZ,))
    data = (tmp_path / "tz.stl").read_bytes()
    assert b"SPACE=LPS" in data[:80]
    assert not data.startswith(b"solid")
    expected_mm = (
        -30 + 0.5 * 16.5,
        40 - 3 * 4.5 * np.sin(np.pi / 6) + 0.5 * 14.5 * np.cos(np.pi / 6),
        -90 + 3 * 4.5 * np.cos(np.pi / 6) + 0.5 * 14.5 * np.sin(np.pi / 6),
    )
    corners = triangles(data)
    middle_mm = (corners.min(axis=(0, 1)) + corners.max(axis=(0, 1))) / 2
    assert middle_mm == pytest.approx(expected_mm, abs=0.05)


def test_the_normals_point_outwards(tmp_path: Path) -> None:
    write_surface(tmp_path / "tz.stl", oblique_block(), (TZ,))
    data = (tmp_path / "tz.stl").read_bytes()
    corners = triangles(data)
    normals = np.array([struct.unpack_from("<3f", data, 84 + 50 * i) for i in range(len(corners))])
    assert np.linalg.norm(normals, axis=1) == pytest.approx(np.ones(len(normals)), abs=1e-5)
    outwards = corners.mean(axis=1) - corners.mean(axis=(0, 1))  # of a convex block
    assert ((normals * outwards).sum(axis=1) > 0).all()


def test_a_structure_that_is_not_there_has_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no voxel is PZ or AFS"):
        write_surface(tmp_path / "pz.stl", oblique_block(), (LabelCode.PZ, LabelCode.AFS))
    assert list(tmp_path.iterdir()) == []
