"""The prostate: an implicit shape scaled to a wanted volume, and its zones."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.simulation.tissue import Tissue

Array = npt.NDArray[np.floating[Any]]

_CALIBRATION_STEP_MM = 2.0
_ASPECT = (24.0, 15.5, 21.0)
"""Half widths in mm, left-right, front-back, up-down, of a gland of about 34 ml."""
_FORWARD, _UPWARD = 0.30, 0.22
"""How far the transition zone's middle lies from the gland's, in half widths of the gland."""


@dataclass(frozen=True)
class Nodule:
    """A round piece of other tissue; `radius_mm` includes its rim."""

    centre_mm: tuple[float, float, float]
    radius_mm: float
    tissue: Tissue


@dataclass(frozen=True)
class Gland:
    """Shape of a prostate in its own frame: u to left, v to posterior, w to superior, 0 at its middle, mm.

    Attributes:
        half_widths_mm: Left-right, front-back, up-down.
        transition_scale: Size of the transition zone relative to the gland along each axis, about 0.5 to 0.9.
        stroma_depth: Where the anterior stroma begins, as a fraction of the front half width.
        urethra_radius_mm: Of the distal urethra with the tissue around it that readers include.
        verumontanum_mm: Height of the upper end of the distal urethra.
        nodules: Hyperplastic nodules; they show inside the transition zone only.
        lesions: Cancers; they show inside the peripheral zone only.
    """

    half_widths_mm: tuple[float, float, float]
    transition_scale: float
    stroma_depth: float
    urethra_radius_mm: float
    verumontanum_mm: float
    nodules: tuple[Nodule, ...] = ()
    lesions: tuple[Nodule, ...] = ()

    def level(self, u: Array, v: Array, w: Array) -> Array:
        """Implicit shape: 0 in the middle, 1 on the capsule, more outside."""
        a, b, c = self.half_widths_mm
        height = w / c
        # The apex is narrower than the base, and the back is flattened where the rectum lies against it.
        taper = 1.0 + 0.16 * np.clip(height, -1, 1) - 0.05 * height**2
        back = np.where(v > 0, 0.88, 1.0)
        hollow = np.where(v > 0, 1.8 * np.exp(-((u / 11.0) ** 2)), 0.0)
        level: Array = (
            np.abs(u / (a * taper)) ** 2.4
            + np.abs((v + hollow) / (b * back * (0.55 + 0.45 * taper))) ** 2.2
            + np.abs(height) ** 2.8
        )
        return level

    def tissues(self, u: Array, v: Array, w: Array) -> npt.NDArray[np.uint8]:
        """The tissue at points inside the gland (any shape, uint8); outside it the answer means nothing."""
        _, b, c = self.half_widths_mm
        level = self.level(u, v, w)
        tissues = np.full(u.shape, Tissue.PERIPHERAL_ZONE, dtype=np.uint8)
        for lesion in self.lesions:
            tissues[self._inside(lesion, u, v, w, 1.0)] = Tissue.CANCER_IN_PZ
        central = (w > 0.35 * c) & (v > 0.15 * b) & (np.abs(u) < 0.55 * self.half_widths_mm[0]) & (level < 0.93)
        tissues[central & (v < (0.35 + 0.35 * w / c) * b)] = Tissue.CENTRAL_ZONE
        # In front of it there is stroma or capsule, no peripheral zone.
        transition = self._transition(u, v, w) & ((level < 0.94) | (v < -0.3 * b))
        tissues[transition] = Tissue.TRANSITION_ZONE
        for nodule in self.nodules:
            tissues[transition & self._inside(nodule, u, v, w, 1.0)] = Tissue.NODULE_RIM
            tissues[transition & self._inside(nodule, u, v, w, 0.86)] = nodule.tissue
        # Like an apron: thickest in the middle, gone at two thirds of the way to the side.
        front = -b * (self.stroma_depth + 0.75 * (u / self.half_widths_mm[0]) ** 2)
        tissues[(v < front) & (w > -0.75 * c)] = Tissue.ANTERIOR_STROMA
        urethra = (u**2 + (v - self.urethra_v(w)) ** 2 < self.urethra_radius_mm**2) & (w < self.verumontanum_mm)
        tissues[urethra] = Tissue.URETHRA
        return tissues

    def urethra_v(self, w: Array) -> Array:
        """How far behind the middle the distal urethra runs at a height, mm."""
        b, c = self.half_widths_mm[1:]
        course: Array = b * (0.05 + 0.25 * (w / c))
        return course

    def scaled_to(self, volume_ml: float) -> "Gland":
        """The same shape with another volume."""
        factor = (volume_ml / self._volumes_ml()[0]) ** (1 / 3)
        a, b, c = self.half_widths_mm
        return replace(
            self,
            half_widths_mm=(a * factor, b * factor, c * factor),
            verumontanum_mm=self.verumontanum_mm * factor,
        )

    def with_transition_fraction(self, fraction: float) -> "Gland":
        """The same gland with a transition zone (labels, nodules included) of a fraction of its volume."""
        low, high = 0.3, 1.3
        for _ in range(9):
            middle = (low + high) / 2
            gland_ml, transition_ml = replace(self, transition_scale=middle)._volumes_ml()
            low, high = (middle, high) if transition_ml < fraction * gland_ml else (low, middle)
        return replace(self, transition_scale=(low + high) / 2)

    def _transition(self, u: Array, v: Array, w: Array) -> npt.NDArray[np.bool_]:
        """Two lobes beside the urethra, in the upper and front part of the gland."""
        a, b, c = (half * self.transition_scale for half in self.half_widths_mm)
        ahead = (v + _FORWARD * self.half_widths_mm[1]) / b
        above = (w - _UPWARD * self.half_widths_mm[2]) / c
        lobes: npt.NDArray[np.bool_] = (
            np.abs((np.abs(u) - 0.36 * a) / (0.62 * a)) ** 2.2 + np.abs(ahead) ** 2.2 + np.abs(above) ** 2.4 < 1
        )
        return lobes

    @staticmethod
    def _inside(ball: Nodule, u: Array, v: Array, w: Array, scale: float) -> npt.NDArray[np.bool_]:
        x, y, z = ball.centre_mm
        inside: npt.NDArray[np.bool_] = (u - x) ** 2 + (v - y) ** 2 + (w - z) ** 2 < (ball.radius_mm * scale) ** 2
        return inside

    def _volumes_ml(self) -> tuple[float, float]:
        """Volume of the gland and of its transition zone, counted on a coarse lattice."""
        axes = [np.arange(-1.35 * h, 1.35 * h, _CALIBRATION_STEP_MM, dtype=np.float32) for h in self.half_widths_mm]
        u, v, w = np.meshgrid(*axes, indexing="ij")
        inside = self.level(u, v, w) < 1
        tissues = replace(self, nodules=(), lesions=()).tissues(u, v, w)[inside]
        voxel_ml = _CALIBRATION_STEP_MM**3 / 1000
        transition = np.isin(tissues, (Tissue.TRANSITION_ZONE, Tissue.CENTRAL_ZONE))
        return float(inside.sum()) * voxel_ml, float(transition.sum()) * voxel_ml


def draw_gland(rng: np.random.Generator, volume_ml: float, transition_fraction: float) -> Gland:
    """Draw a gland of a volume, with a transition zone that takes up a fraction of it."""
    wide, deep, tall = (float(x) for x in rng.normal(1, 0.05, 3))
    # A gland grows mostly from front to back and upwards.
    growth = (volume_ml / 34.0) ** (1 / 3)
    a, b, c = _ASPECT
    shape = Gland(
        half_widths_mm=(a * wide, b * deep * growth**0.25, c * tall * growth**0.1),
        transition_scale=0.6,
        stroma_depth=float(rng.uniform(0.55, 0.68)),
        urethra_radius_mm=float(rng.uniform(4.0, 5.2)),
        verumontanum_mm=float(rng.uniform(-0.25, -0.1)) * c,
    )
    gland = shape.scaled_to(volume_ml).with_transition_fraction(transition_fraction)
    return replace(gland, nodules=_nodules(rng, gland, volume_ml), lesions=_lesions(rng, gland))


def _nodules(rng: np.random.Generator, gland: Gland, volume_ml: float) -> tuple[Nodule, ...]:
    a, b, c = (half * gland.transition_scale for half in gland.half_widths_mm)
    count = int(rng.integers(8, 13) + volume_ml / 6)
    kinds = (Tissue.GLANDULAR_NODULE, Tissue.STROMAL_NODULE)
    nodules = []
    for _ in range(count):
        u, v, w = rng.uniform(-0.85, 0.85, 3) * (a, b, c)
        centre = (float(u), float(v - _FORWARD * b), float(w + _UPWARD * c))
        radius = float(rng.uniform(2.8, 5.5 + volume_ml / 22))
        nodules.append(Nodule(centre, radius, kinds[int(rng.random() < 0.4)]))
    return tuple(nodules)


def _lesions(rng: np.random.Generator, gland: Gland) -> tuple[Nodule, ...]:
    a, b, c = gland.half_widths_mm
    lesions = []
    for _ in range(int(rng.integers(0, 3))):
        side = rng.choice((-1.0, 1.0))
        centre = (side * rng.uniform(0.3, 0.75) * a, rng.uniform(0.35, 0.7) * b, rng.uniform(-0.6, 0.4) * c)
        u, v, w = (float(x) for x in centre)
        lesions.append(Nodule((u, v, w), float(rng.uniform(3.0, 7.0)), Tissue.CANCER_IN_PZ))
    return tuple(lesions)
