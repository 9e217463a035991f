"""The gland's own axes: along which it is measured and divided.

An ellipsoid's principal axes do not serve. The gland is about as deep as it is long, so that the principal axis nearest
to superior turns by up to 45° with a few voxels (docs/concepts/sectors.md has the figures). What a reader sees is
found one after another instead: the midline, by left-right symmetry, and in it the line through the middles of the
transverse sections. Everything is mirrored exactly where the gland is, and does not depend on how the grid lies.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Affine, Grid, Volume
from zonate.measures.gland import Mask, gland_mask, largest_piece, positions_mm, voxel_chord_mm
from zonate.zones import LabelCode

ROLL_LIMIT_DEG = 20
TILT_LIMIT_DEG = 30.0
"""Found beyond these, an axis is not believed and the scanner's is used: patients lie on their backs."""
SYMMETRY_GAIN = 0.005
"""How much more symmetric the gland must be about a turned midline than about the scanner's, as a share of it."""

_STEP_MM = 1.0
_SUPERIOR = np.array([0.0, 0.0, 1.0])
_BLUR_REACH = 4.0
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class GlandAxes:
    """A frame at the gland's middle, from its largest piece.

    Attributes:
        centre_mm: (3,) centroid in LPS millimetres; it lies in the midline plane.
        directions: (3, 3) rows: unit vectors to the gland's superior, posterior and the patient's left, in LPS.
        lowest_mm: Height of the gland's lower end along superior, from the centre.
        highest_mm: Height of its upper end.
        tilt_deg: Of the gland's length against the scanner's superior, positive where its upper end lies behind.
        roll_deg: Of its left against the scanner's left, positive where its left side lies behind.
        remarks: Why an axis is the scanner's and not the gland's own; empty where both are its own.
    """

    centre_mm: Affine
    directions: Affine
    lowest_mm: float
    highest_mm: float
    tilt_deg: float
    roll_deg: float
    remarks: tuple[str, ...] = ()

    def along_mm(self, positions_mm: Affine) -> Affine:
        """LPS positions (..., 3) as millimetres from the centre along superior, posterior and left (..., 3)."""
        along: Affine = (positions_mm - self.centre_mm) @ self.directions.T
        return along


@dataclass(frozen=True, eq=False)
class Gland:
    """A gland, and what is worked out of it once.

    Attributes:
        mask: (S, H, W), at least one voxel.
        grid: Where it lies.
    """

    mask: Mask
    grid: Grid

    @classmethod
    def find(cls, labels: Volume, codes: tuple[LabelCode, ...]) -> "Gland | None":
        """That of a label volume; None where `gland_mask` gives none."""
        mask = gland_mask(labels, codes)
        return None if mask is None else cls(mask, labels.grid)

    @cached_property
    def body(self) -> Mask:
        """Its largest piece."""
        return largest_piece(self.mask)

    @cached_property
    def axes(self) -> GlandAxes:
        """Along which it is measured and divided."""
        return gland_axes(self.body, self.grid)


def gland_axes(gland: Mask, grid: Grid) -> GlandAxes:
    """Find the axes of a gland.

    The midline contains the scanner's superior and the gland's centroid, and is turned about superior to where the
    gland seen from above is most like its own mirror image. The long axis lies in the midline: it is the regression
    line, on height, of the middles of the transverse sections. The third is orthogonal to both. The gland's ends are
    those of the outermost voxels, not their centres.

    Args:
        gland: (S, H, W), at least one voxel.
        grid: Where it lies.

    Raises:
        ValueError: There is no voxel.
    """
    if not gland.any():
        raise ValueError("an empty gland has no axes")
    positions = positions_mm(largest_piece(gland), grid)
    centre = positions.mean(axis=0)
    from_centre = positions - centre
    voxel_covariance = grid.affine[:3, :3] @ grid.affine[:3, :3].T / 12  # of the points within a box
    covariance = from_centre.T @ from_centre / len(from_centre) + voxel_covariance

    remarks = []
    roll_deg = _roll_deg(from_centre, grid)
    if roll_deg is None:
        remarks.append(f"the gland's midline would be turned by {ROLL_LIMIT_DEG}° or more: the scanner's is used")
        roll_deg = 0.0
    roll = np.radians(roll_deg)
    left = np.array([np.cos(roll), np.sin(roll), 0.0])
    behind = np.array([-np.sin(roll), np.cos(roll), 0.0])
    tilt = float(np.arctan2(behind @ covariance @ _SUPERIOR, _SUPERIOR @ covariance @ _SUPERIOR))
    if abs(np.degrees(tilt)) > TILT_LIMIT_DEG:
        remarks.append(
            f"the gland's length would be tilted by {np.degrees(tilt):.0f}°, more than {TILT_LIMIT_DEG:g}°: "
            "the scanner's superior is used"
        )
        tilt = 0.0
    superior = np.cos(tilt) * _SUPERIOR + np.sin(tilt) * behind
    posterior = np.cos(tilt) * behind - np.sin(tilt) * _SUPERIOR
    directions = np.stack([superior, posterior, left])
    heights, half_voxel_mm = from_centre @ superior, voxel_chord_mm(grid, superior) / 2
    return GlandAxes(
        centre_mm=centre,
        directions=directions,
        lowest_mm=float(heights.min()) - half_voxel_mm,
        highest_mm=float(heights.max()) + half_voxel_mm,
        tilt_deg=float(np.degrees(tilt)),
        roll_deg=roll_deg,
        remarks=tuple(remarks),
    )


def _roll_deg(from_centre: Affine, grid: Grid) -> float | None:
    """By how much to turn the midline; 0 where symmetry does not tell, None where the best is out of bounds."""
    angles = np.arange(-ROLL_LIMIT_DEG, ROLL_LIMIT_DEG + 1)
    thickness = _seen_from_above(from_centre[:, :2], grid)
    symmetry = np.array([_symmetry(thickness, float(angle)) for angle in angles])
    if symmetry.max() - symmetry[ROLL_LIMIT_DEG] < SYMMETRY_GAIN:
        return 0.0
    best = angles[symmetry >= symmetry.max() - _TIE]
    # Both of two equally good angles stand in for the one between them, so that a mirror image gets the mirrored angle.
    return None if np.abs(best).max() == ROLL_LIMIT_DEG else float(best.mean())


def _seen_from_above(left_and_behind: Affine, grid: Grid) -> npt.NDArray[np.float64]:
    """How thick the gland is along superior, on a square (left, behind) of 1 mm steps about its centre."""
    # Voxels wider than the steps would leave stripes.
    blur = max(1.0, float(np.abs(grid.affine[:2, :3]).max()) / 2 / _STEP_MM)
    half = int(np.ceil(np.abs(left_and_behind).max() / _STEP_MM)) + int(np.ceil(_BLUR_REACH * blur)) + 2
    n = 2 * half + 1
    thickness = np.zeros(n * n)
    lower = np.floor(left_and_behind / _STEP_MM)
    share = left_and_behind / _STEP_MM - lower
    corner = lower.astype(np.intp) + half
    for dx in (0, 1):
        for dy in (0, 1):
            weights = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
            thickness += np.bincount((corner[:, 0] + dx) * n + corner[:, 1] + dy, weights, minlength=n * n)
    return np.asarray(ndimage.gaussian_filter(thickness.reshape(n, n), blur, truncate=_BLUR_REACH))


def _symmetry(thickness: npt.NDArray[np.float64], angle_deg: float) -> float:
    """Share of the gland that its mirror image covers, 0 to 1."""
    half = thickness.shape[0] // 2
    across = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))])
    places = np.stack(np.meshgrid(*[np.arange(-half, half + 1.0)] * 2, indexing="ij"))  # (2, left, behind)
    distance = np.tensordot(across, places, axes=1)
    mirrored = places - 2 * distance * across[:, None, None] + half
    image = ndimage.map_coordinates(thickness, mirrored, order=1)
    return float(np.minimum(thickness, image).sum() / thickness.sum())
