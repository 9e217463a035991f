"""The known displacement between T2W and DWI: rigid motion, a smooth deformation, and EPI distortion."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Displacement:
    """Where a point of the T2W lies in the DWI: at x + d(x), all in LPS millimetres.

    Attributes:
        centre_mm: (3,) what the rotation turns about.
        rotation_deg: Rotation vector (axis times angle) in degrees.
        translation_mm: Of the centre.
        waves_per_mm: (N, 3) wave vectors of the smooth part, in radians per mm.
        phases_rad: (N,) their phases.
        amplitudes_mm: (N, 3) their displacements.
        distortion_centre_mm: (3,) where the field is disturbed, such as the gas in the rectum.
        distortion_direction: (3,) unit vector along the phase axis of the EPI.
        distortion_mm: Shift at that centre; it falls off as a Gaussian.
        distortion_width_mm: Standard deviation of that Gaussian.
    """

    centre_mm: tuple[float, float, float]
    rotation_deg: tuple[float, float, float]
    translation_mm: tuple[float, float, float]
    waves_per_mm: Array
    phases_rad: Array
    amplitudes_mm: Array
    distortion_centre_mm: tuple[float, float, float]
    distortion_direction: tuple[float, float, float]
    distortion_mm: float
    distortion_width_mm: float

    def at(self, points_mm: npt.NDArray[np.floating]) -> Array:
        """d(x) at T2W points (..., 3), in mm."""
        points = np.asarray(points_mm, dtype=np.float64)
        centred = points - np.array(self.centre_mm)
        turn = Rotation.from_rotvec(self.rotation_deg, degrees=True).as_matrix()
        moved: Array = centred @ (turn - np.eye(3)).T + np.array(self.translation_mm)
        for wave, phase, amplitude in zip(self.waves_per_mm, self.phases_rad, self.amplitudes_mm, strict=True):
            moved += np.sin(centred @ wave + phase)[..., None] * amplitude
        moved += self._distortion(points)[..., None] * np.array(self.distortion_direction)
        return moved

    def source_of(self, points_mm: npt.NDArray[np.floating], iterations: int = 6) -> Array:
        """The T2W points (..., 3) that lie at these DWI points: the inverse, by fixed-point iteration."""
        points = np.asarray(points_mm, dtype=np.float64)
        source = points
        for _ in range(iterations):
            source = points - self.at(source)
        return source

    def density_at(self, points_mm: npt.NDArray[np.floating]) -> Array:
        """How much brighter EPI distortion makes the DWI of T2W points (...,): it piles signal up or spreads it."""
        points = np.asarray(points_mm, dtype=np.float64)
        along = (points - np.array(self.distortion_centre_mm)) @ np.array(self.distortion_direction)
        stretch = -self._distortion(points) * along / self.distortion_width_mm**2
        density: Array = 1 / (1 + stretch)
        return density

    def _distortion(self, points: Array) -> Array:
        squared = ((points - np.array(self.distortion_centre_mm)) ** 2).sum(axis=-1)
        shift: Array = self.distortion_mm * np.exp(-squared / (2 * self.distortion_width_mm**2))
        return shift


def draw_displacement(
    rng: np.random.Generator,
    centre_mm: Array,
    field_centre_mm: Array,
    phase_direction: Array,
    gas: bool,
) -> Displacement:
    """Draw a displacement of the size that is seen between T2W and DWI: a few millimetres.

    Args:
        rng: Where the numbers come from.
        centre_mm: (3,) the gland's centre.
        field_centre_mm: (3,) the middle of the rectum, where gas disturbs the field.
        phase_direction: (3,) unit vector along the phase axis.
        gas: Whether there is gas in the rectum; without it the distortion is slight.
    """
    directions = rng.standard_normal((3, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    lengths = rng.uniform(70, 130, 3)
    shift = rng.uniform(2.0, 4.0) if gas else rng.uniform(0.2, 1.0)
    return Displacement(
        centre_mm=_triple(centre_mm),
        rotation_deg=_triple(rng.normal(0, 1.2, 3).clip(-3, 3)),
        translation_mm=_triple(rng.normal(0, 1.2, 3).clip(-3, 3)),
        waves_per_mm=directions * (2 * np.pi / lengths)[:, None],
        phases_rad=rng.uniform(0, 2 * np.pi, 3),
        amplitudes_mm=rng.normal(0, 0.5, (3, 3)).clip(-1, 1),
        distortion_centre_mm=_triple(field_centre_mm),
        distortion_direction=_triple(phase_direction),
        distortion_mm=float(shift * rng.choice((-1, 1))),
        distortion_width_mm=float(rng.uniform(14, 20)),
    )


def _triple(values: npt.NDArray[np.floating]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
