"""The digital pelvis: which tissue lies at a point, drawn from implicit shapes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zonate.simulation.coarse import interpolated
from zonate.simulation.gland import Gland, draw_gland
from zonate.simulation.texture import Texture
from zonate.simulation.tissue import Tissue

Array = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
Tissues = npt.NDArray[np.uint8]
Unevenness = tuple[Array, Array, Array]


@dataclass(frozen=True)
class Features:
    """What is unusual about a study."""

    full_bladder: bool = False
    small_field_of_view: bool = False
    huge_transition_zone: bool = False


@dataclass(frozen=True, eq=False)
class Pelvis:
    """A pelvis in the gland's frame: u to left, v to posterior, w to superior, mm, 0 in the gland's middle.

    Attributes:
        gland: The prostate.
        half_width_mm: From the midline to the pelvic side wall.
        bladder_mm: Half widths of the bladder's lumen.
        bladder_wall_mm: Thickness of its wall.
        rectum_radius_mm: Of the rectum's outer wall.
        rectum_aside_mm: How far the rectum lies to the left of the midline.
        rectum_content: What fills it.
        skin_v_mm: Where the body ends at the front.
        warp, ripple: Fields that make every border uneven, and give fine structures.
    """

    gland: Gland
    half_width_mm: float
    bladder_mm: tuple[float, float, float]
    bladder_wall_mm: float
    rectum_radius_mm: float
    rectum_aside_mm: float
    rectum_content: Tissue
    skin_v_mm: float
    warp: Texture
    ripple: Texture

    @property
    def rectum_centre_mm(self) -> tuple[float, float, float]:
        """The middle of the rectum behind the middle of the gland."""
        return self.rectum_aside_mm, self._rectum_v(np.zeros(1, np.float32))[0], 0.0

    def unevenness(self, points_mm: Array, *, regular: bool) -> Unevenness:
        """At points (H, W, 3): how far borders are shifted along u and v, and the fine field of vessels and folds.

        Args:
            points_mm: The points.
            regular: Whether they lie on a lattice of 0.5 mm or so, where most of the work can be saved.
        """

        def shift(points: Array) -> Array:
            return np.stack([self.warp.at(points), self.warp.at(points, 17.3)], axis=-1) * np.float32(1.1)

        shifts = interpolated(shift, points_mm) if regular else shift(points_mm)
        return shifts[..., 0], shifts[..., 1], self.ripple.at(points_mm, 5.5)

    def tissues(self, points_mm: Array, unevenness: Unevenness) -> Tissues:
        """The tissue at points (..., 3) of the gland's frame, (...) uint8.

        Args:
            points_mm: The points.
            unevenness: As `unevenness` gives it at these points, or at points within a fraction of a millimetre:
                it is the dearest part, and layers of one slice can share it.
        """
        along_u, along_v, fine = unevenness
        u, v, w = points_mm[..., 0] + along_u, points_mm[..., 1] + along_v, np.ascontiguousarray(points_mm[..., 2])
        tissues = np.full(u.shape, Tissue.FAT, dtype=np.uint8)
        tissues[np.abs(fine) < 0.05] = Tissue.FASCIA  # septa of the fat
        self._paint_wall(tissues, u, v, w)
        self._paint_bones(tissues, u, v, w)
        self._paint_floor(tissues, u, v, w)
        self._paint_bladder(tissues, u, v, w)
        self._paint_behind(tissues, u, v, w, fine)
        self._paint_gland(tissues, u, v, w, fine)
        return tissues

    def _paint_wall(self, tissues: Tissues, u: Array, v: Array, w: Array) -> None:
        """Muscles of the wall, skin and the large vessels."""
        side = np.abs(u)
        wall = self.half_width_mm
        tissues[_ball(side - 20, v + 66 + 0.05 * w, w - 35, (21, 7.5, 60))] = Tissue.MUSCLE  # rectus abdominis
        tissues[_ball(side - 46, v - 80, w, (42, 24, 90))] = Tissue.MUSCLE  # gluteus maximus
        tissues[_ball(side - wall - 16, v + 44, w + 12, (17, 20, 34))] = Tissue.MUSCLE  # pectineus
        tissues[_ball(side - 34, v + 36, w + 34, (24, 22, 26))] = Tissue.MUSCLE  # obturator externus, adductors
        bent = side - wall - 5 + 9 * np.clip(v / 40, 0, 2) ** 2
        tissues[_ball(bent, v - 3, w - 2, (8.5, 36, 44), blunt=True)] = Tissue.MUSCLE  # obturator internus
        artery = np.hypot(side - wall - 3, v + 47 - 0.25 * w)
        tissues[artery < 5.2] = Tissue.FASCIA
        tissues[artery < 4.4] = Tissue.FLOWING_BLOOD
        tissues[np.hypot(side - wall - 5, v + 35 - 0.2 * w) < 5.5] = Tissue.FLOWING_BLOOD
        tissues[np.hypot(side - wall - 5, v + 35 - 0.2 * w) < 2.0] = Tissue.SLOW_BLOOD
        skin = self.skin_v_mm + (u / 120) ** 2 * 18
        tissues[v < skin + 2.0] = Tissue.MUSCLE
        tissues[v < skin] = Tissue.AIR

    def _paint_bones(self, tissues: Tissues, u: Array, v: Array, w: Array) -> None:
        """Pubis with its symphysis, ischium, hip joint and coccyx: marrow inside a dark shell."""
        side, wall = np.abs(u), self.half_width_mm
        front = -self.gland.half_widths_mm[1] - 27
        pubis = (side - 20, v - front - 0.45 * (side - 20), w + 16, (21, 10, 20))
        ischium = (side - wall - 17, v - 30, w + 10, (11, 17, 34))
        socket = (side - wall - 21, v + 6, w - 24, (9, 27, 26))
        head = (side - wall - 42, v + 10, w - 16, (23, 23, 23))
        coccyx = (u, v - 76, w - 6, (9, 6, 24))
        for x, y, z, axes in (pubis, ischium, socket, head, coccyx):
            tissues[_ball(x, y, z, axes)] = Tissue.CORTICAL_BONE
            inner = (axes[0] - 1.5, axes[1] - 1.5, axes[2] - 1.5)
            tissues[_ball(x, y, z, inner)] = Tissue.MARROW
        symphysis = _ball(u, v - front + 9, w + 16, (3.2, 11, 21))
        tissues[symphysis] = Tissue.FASCIA

    def _paint_floor(self, tissues: Tissues, u: Array, v: Array, w: Array) -> None:
        """Levator ani as a sling beside gland and rectum, and below the apex the sphincter and the bulb."""
        a, b, c = self.gland.half_widths_mm
        # The funnel narrows towards the perineum.
        funnel = 1.0 / (1.0 + np.exp(-(w + 1.1 * c) / 7.0))
        across = 9.0 + (a + 1.5) * funnel
        along = np.where(v < 14, b + 16, 30.0)
        sling = np.sqrt((u / across) ** 2 + ((v - 14) / along) ** 2)
        band = (np.abs(sling - 1) * np.minimum(across, 30) < 1.9) & (v > -0.6 * b) & (w < 0.9 * c)
        tissues[band] = Tissue.MUSCLE
        below = w < -0.85 * c
        urethra = np.hypot(u, v - self.gland.urethra_v(np.maximum(w, -c)))
        tissues[below & (urethra < 7.5)] = Tissue.SPHINCTER
        tissues[below & (urethra < 2.5)] = Tissue.RECTAL_MUCOSA
        tissues[_ball(u, v + 2, w + c + 19, (9, 9, 9))] = Tissue.CORPUS_SPONGIOSUM

    def _paint_bladder(self, tissues: Tissues, u: Array, v: Array, w: Array) -> None:
        x, y, z = self.bladder_mm
        _, b, c = self.gland.half_widths_mm
        floor = 0.82 * c - 0.15 * (v + b)
        height = w - floor - z - self.bladder_wall_mm
        ahead = v + 0.45 * b + 4
        wall = self.bladder_wall_mm
        tissues[_ball(u, ahead, height, (x + wall, y + wall, z + wall))] = Tissue.BLADDER_WALL
        tissues[_ball(u, ahead, height, (x, y, z))] = Tissue.URINE

    def _paint_behind(self, tissues: Tissues, u: Array, v: Array, w: Array, fine: Array) -> None:
        """Seminal vesicles, and the rectum behind them."""
        _, b, c = self.gland.half_widths_mm
        side = np.abs(u)
        vesicle = _ball(side - 17, v - 0.62 * b - 0.10 * side + 2, w - c - 4 - 0.12 * side, (16, 5.0, 8.5))
        tissues[vesicle] = Tissue.SEMINAL_VESICLE_WALL
        tissues[vesicle & (fine > -0.25)] = Tissue.SEMINAL_FLUID
        duct = _ball(side - 4, v - 0.6 * b, w - c - 6, (3.6, 3.6, 12))
        tissues[duct] = Tissue.SEMINAL_VESICLE_WALL
        radius = self.rectum_radius_mm * (0.72 + 0.28 / (1.0 + np.exp(-(w + 0.9 * c) / 5.0)))
        distance = np.hypot((u - self.rectum_aside_mm) * 0.92, v - self._rectum_v(w))
        tissues[distance < radius + 0.6] = Tissue.FASCIA
        tissues[distance < radius] = Tissue.RECTAL_WALL
        folded = distance + 0.9 * fine
        tissues[folded < radius - 3.2] = Tissue.RECTAL_MUCOSA
        content = (folded < radius - 5.0) & (w > -0.95 * c)
        tissues[content] = self.rectum_content
        if self.rectum_content is Tissue.GAS:  # gas rises to the front of a patient on the back
            level = self._rectum_v(w) + 0.35 * radius
            tissues[content & (v > level)] = Tissue.STOOL

    def _paint_gland(self, tissues: Tissues, u: Array, v: Array, w: Array, fine: Array) -> None:
        """The gland, its capsule, the bundles at its corners and the veins in front of it."""
        a, b, c = self.gland.half_widths_mm
        side = np.abs(u)
        bundle = _ball(side - 0.80 * a, v - 0.72 * b, w, (6.0, 4.5, 1.15 * c))
        plexus = _ball(u, v + b + 5, w - 2, (0.9 * a, 6.5, 1.05 * c))
        veins = _ball(side - a - 2.5, v + 1, w - 0.1 * c, (3.5, 0.6 * b, 0.9 * c))
        vessels = (bundle | plexus | veins) & (tissues <= Tissue.FASCIA)
        tissues[vessels & (fine > 0.45)] = Tissue.SLOW_BLOOD
        tissues[vessels & (fine < -0.9)] = Tissue.FASCIA
        near = (side < 1.2 * a) & (np.abs(v) < 1.2 * b) & (np.abs(w) < 1.2 * c)
        u, v, w = u[near], v[near], w[near]
        level = self.gland.level(u, v, w)
        near_tissues = np.where(level < 1.06, np.uint8(Tissue.FASCIA), tissues[near])  # the capsule
        inside = level < 1
        near_tissues[inside] = self.gland.tissues(u[inside], v[inside], w[inside])
        tissues[near] = near_tissues

    def _rectum_v(self, w: Array) -> Array:
        """Centre of the rectum behind the gland at a height; towards the apex it turns backwards and narrows."""
        b, c = self.gland.half_widths_mm[1:]
        touch = 0.80 * b + self.rectum_radius_mm + 1.0
        course: Array = touch + 0.0035 * np.clip(w, 0, None) ** 2 - 1.5 * np.clip(-w / c - 0.6, 0, 1.2)
        return course


def _ball(x: Array, y: Array, z: Array, half_widths: tuple[float, float, float], *, blunt: bool = False) -> Mask:
    """An ellipsoid about 0, or a blunter body of the fourth power."""
    a, b, c = half_widths
    up = (z / c) ** 2
    if float(up.min()) >= 1:  # the slice lies above or below it
        return np.zeros(x.shape, dtype=np.bool_)
    across, along = (x / a) ** 2, (y / b) ** 2
    inside: Mask = (across**2 + along**2 + up**2 if blunt else across + along + up) < 1
    return inside


def draw_pelvis(rng: np.random.Generator, features: Features) -> Pelvis:
    """Draw a pelvis; a huge transition zone comes with a gland of 75 to 115 ml."""
    if features.huge_transition_zone:
        volume_ml, fraction = float(rng.uniform(75, 112)), float(rng.uniform(0.66, 0.74))
    else:
        volume_ml = float(np.clip(np.exp(rng.normal(np.log(42), 0.42)), 22, 95))
        fraction = float(np.clip(0.30 + 0.0045 * volume_ml + rng.normal(0, 0.04), 0.28, 0.66))
    gland = draw_gland(rng, volume_ml, fraction)
    if features.full_bladder:
        bladder = (float(rng.uniform(38, 46)), float(rng.uniform(28, 34)), float(rng.uniform(34, 45)))
    else:
        bladder = (float(rng.uniform(20, 30)), float(rng.uniform(12, 20)), float(rng.uniform(12, 22)))
    content = (Tissue.GAS, Tissue.STOOL, Tissue.RECTAL_MUCOSA)[int(rng.integers(3))]
    return Pelvis(
        gland=gland,
        half_width_mm=float(max(rng.uniform(40, 45), gland.half_widths_mm[0] * 1.25 + 8)),
        bladder_mm=bladder,
        bladder_wall_mm=float(rng.uniform(2.5, 3.5) if features.full_bladder else rng.uniform(4, 6)),
        rectum_radius_mm=float(rng.uniform(11, 17) if content is not Tissue.RECTAL_MUCOSA else rng.uniform(9, 12)),
        rectum_aside_mm=float(rng.normal(0, 2.5)),
        rectum_content=content,
        skin_v_mm=float(rng.uniform(-100, -84)) - max(0.0, gland.half_widths_mm[1] - 18),
        warp=Texture.draw(rng, 9.0),
        ripple=Texture.draw(rng, 1.7),
    )
