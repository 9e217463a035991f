"""The gland's volume as clinics estimate it: from three diameters."""

import math

import numpy as np

from zonate.geometry import Affine, Grid
from zonate.measurements import Ellipsoid
from zonate.measures.axes import Gland, GlandAxes
from zonate.measures.gland import Mask, largest_piece, positions_mm, voxel_chord_mm

SECTION_MM = 3.0
"""Thickness of the image that a diameter is measured on, as slices usually are; thicker voxels count whole."""

_STEP_MM = 1.0
_TIE_MM = 1e-6


def ellipsoid(gland: Gland) -> Ellipsoid | None:
    """Measure the gland's diameters as a reader does, along its own axes, and the ellipsoid that they span.

    Diameters are of the largest piece; planimetry, which the difference is taken from, counts every voxel.

    Returns:
        None where nothing of it lies in the midline.
    """
    diameters_mm = measured_diameters_mm(gland.body, gland.grid, gland.axes)
    if diameters_mm is None:
        return None
    anterior_posterior_mm, transverse_mm, craniocaudal_mm = diameters_mm
    volume_ml = anterior_posterior_mm * transverse_mm * craniocaudal_mm * math.pi / 6 / 1000
    planimetry_ml = int(gland.mask.sum()) * gland.grid.voxel_volume_ml
    return Ellipsoid(
        anterior_posterior_mm=anterior_posterior_mm,
        transverse_mm=transverse_mm,
        craniocaudal_mm=craniocaudal_mm,
        volume_ml=volume_ml,
        difference_percent=100 * (volume_ml - planimetry_ml) / planimetry_ml,
    )


def measured_diameters_mm(gland: Mask, grid: Grid, axes: GlandAxes) -> tuple[float, float, float] | None:
    """Anterior-posterior, transverse and craniocaudal diameter of a gland's largest piece.

    On the midsagittal section: the extent along the gland's length (CC), and the largest depth at right angles to it
    (AP). On the sections at right angles to the length: the largest width (T). Each is from edge to edge of the
    outermost voxels.

    Args:
        gland: (S, H, W), at least one voxel.
        grid: Where it lies.
        axes: To measure along.

    Returns:
        None where nothing of the gland lies in the midline.

    Source: PI-RADS v2.1 (2019): AP and longitudinal diameter on the midsagittal, transverse on the axial image,
        AP × T × CC × 0.52, which is π/6.
    """
    superior, posterior, left = axes.along_mm(positions_mm(largest_piece(gland), grid)).T  # each (N,)
    voxel_cc, voxel_ap, voxel_t = (voxel_chord_mm(grid, direction) for direction in axes.directions)
    in_midline = np.abs(left) <= max(SECTION_MM, voxel_t) / 2 + _TIE_MM
    if not in_midline.any():
        return None
    thickness_mm = max(SECTION_MM, voxel_cc)
    return (
        _longest_mm(posterior[in_midline], superior[in_midline], thickness_mm) + voxel_ap,
        _longest_mm(left, superior, thickness_mm) + voxel_t,
        float(np.ptp(superior[in_midline])) + voxel_cc,
    )


def _longest_mm(across: Affine, heights: Affine, thickness_mm: float) -> float:
    """The largest extent (N,) of a section of that thickness, of those from the lowest to the highest."""
    longest = 0.0
    for height in np.arange(heights.min(), heights.max() + _STEP_MM, _STEP_MM):
        section = across[np.abs(heights - height) <= thickness_mm / 2 + _TIE_MM]
        if len(section):
            longest = max(longest, float(np.ptp(section)))
    return longest
