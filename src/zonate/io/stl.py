"""STL: the surface of a structure for biopsy systems, printers and viewers."""

import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zonate.geometry import Volume
from zonate.io.files import atomic_path
from zonate.io.surface import Surface, closed_surface
from zonate.zones import LabelCode

HEADER = b"Zonate, research use only. UNIT=mm SPACE=LPS"
"""STL has no field for either: 3D Slicer looks for SPACE in the header, others must be told. It must not begin with
`solid`, which tells the text form."""

_TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])


def write_surface(path: Path, labels: Volume, members: Iterable[LabelCode]) -> Surface:
    """Write the surface of a structure as binary STL in the patient's LPS millimetres, as DICOM has them.

    Args:
        path: Its folder is made where it does not exist; a file of that name is replaced.
        labels: Label codes (S, H, W).
        members: Codes that together are the structure.

    Returns:
        What was written: closed, with the counted volume (`zonate.io.surface.closed_surface`).

    Raises:
        ValueError: No voxel has such a code: there is no surface to write.
    """
    codes = tuple(members)
    surface = closed_surface(labels, codes)
    if surface is None:
        raise ValueError(f"no voxel is {' or '.join(code.name for code in codes)}: there is no surface to write")
    with atomic_path(path) as temporary:
        temporary.write_bytes(_binary(surface))
    return surface


def _binary(surface: Surface) -> bytes:
    corners = surface.vertices_mm[surface.faces]  # (M, corner, xyz)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    triangles = np.zeros(len(corners), dtype=_TRIANGLE)
    triangles["normal"] = normals / np.where(lengths > 0, lengths, 1)
    triangles["corners"] = corners
    return HEADER.ljust(80) + struct.pack("<I", len(triangles)) + triangles.tobytes()
