"""Another look for a T2W whose zones are known: contrast, texture, shading, blur and noise drawn anew.

Source: Billot et al., SynthSeg: Segmentation of brain MRI scans of any contrast and resolution without retraining,
Med Image Anal 2023. There each label gets a random mean and variance; here the pelvis has no labels, so its tissues
are the clusters of the image's own intensities.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.cluster import vq

from zonate.geometry import Grid
from zonate.simulation.physics import add_rician_noise
from zonate.simulation.texture import Texture
from zonate.zones import LabelCode

Image = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

FULL_SCALE = 1000.0
"""The brightest tissue of a redrawn image, about."""

_REAL_ORDER = 0.5
"""How often the tissues keep the order of brightness that T2W gives them."""
_CLUSTERS = (6, 10)
_REAL_MEANS: dict[LabelCode, tuple[float, float]] = {
    LabelCode.PZ: (0.45, 0.9),
    LabelCode.TZ: (0.25, 0.5),
    LabelCode.CENTRAL_GLAND: (0.25, 0.5),
    LabelCode.DPU: (0.35, 0.7),
    LabelCode.AFS: (0.08, 0.2),
}


def redraw(t2w: Image, zones: Codes, grid: Grid, rng: np.random.Generator) -> Image:
    """An image of the same anatomy with another look.

    Args:
        t2w: (S, H, W), any unit.
        zones: Label codes (S, H, W) of the gland.
        grid: Where they lie.
        rng: Of all that is drawn.

    Returns:
        (S, H, W) float32, from 0 to a little above `FULL_SCALE`.
    """
    low, high = np.percentile(t2w, [1, 99.5])
    image = np.clip((t2w - low) / max(high - low, 1e-6), 0, 1.2).astype(np.float32)
    real = rng.random() < _REAL_ORDER
    drawn = _surroundings(image, zones == LabelCode.BACKGROUND, rng, real=real)
    for code in np.unique(zones[zones != LabelCode.BACKGROUND]):
        inside = zones == code
        drawn[inside] = _tissue(image, inside, LabelCode(code), grid, rng, real=real)
    drawn = _borders(drawn, zones, grid, rng)
    blur_px = rng.uniform(0.2, 0.9) / np.array(grid.spacing_mm[1:])
    drawn = ndimage.gaussian_filter(drawn, (0, *(0.6 * blur_px)))
    drawn = np.maximum(drawn, 0) * _shading(grid, rng)
    return add_rician_noise(drawn.astype(np.float32), float(rng.uniform(0.005, 0.05)), rng) * np.float32(FULL_SCALE)


def _surroundings(image: Image, outside: npt.NDArray[np.bool_], rng: np.random.Generator, *, real: bool) -> Image:
    """The image through a curve that takes the clusters of what lies outside the gland to new brightnesses."""
    sample = rng.choice(ndimage.gaussian_filter(image, (0, 1, 1))[outside], 5000).astype(np.float64)
    n = int(rng.integers(_CLUSTERS[0], _CLUSTERS[1] + 1))
    start = np.quantile(sample, (np.arange(n) + 0.5) / n)
    start = np.unique(start)
    centres = np.sort(vq.kmeans(sample, start)[0]) if len(start) > 1 else start
    if real:
        brightness = np.clip(centres ** rng.uniform(0.7, 1.4) + rng.normal(0, 0.05, len(centres)), 0.0, 1.1)
    else:
        brightness = rng.uniform(0.02, 1.0, len(centres))
    air = rng.uniform(0, 0.03)
    smooth = image if real else ndimage.gaussian_filter(image, (0, 1.2, 1.2))  # a steep curve makes speckle of noise
    curve = np.interp(smooth, [0.0, *centres + 1e-6, 1.2], [air, *brightness, brightness[-1]])
    kept = image - ndimage.gaussian_filter(image, (0, 1.5, 1.5))
    return np.asarray(curve + rng.uniform(0, 0.6) * kept, np.float32)


def _tissue(
    image: Image, inside: npt.NDArray[np.bool_], code: LabelCode, grid: Grid, rng: np.random.Generator, *, real: bool
) -> Image:
    """The voxels of one zone: a mean, and a texture that is partly the image's own."""
    mean = rng.uniform(*_REAL_MEANS[code]) if real and code in _REAL_MEANS else rng.uniform(0.08, 1.0)
    spread = rng.uniform(0.04, 0.14) * (0.5 + mean)
    own = image[inside] - image[inside].mean()
    own /= max(float(own.std()), 1e-6)
    points_mm = np.argwhere(inside) * grid.spacing_mm
    fine = Texture.draw(rng, float(rng.uniform(0.8, 2.0))).at(points_mm)
    coarse = Texture.draw(rng, float(rng.uniform(3.0, 6.0))).at(points_mm)
    shares = rng.dirichlet((2.0, 1.0, 1.0)) ** 0.5  # their squares add up to 1
    return np.asarray(mean + spread * (shares[0] * own + shares[1] * fine + shares[2] * coarse), np.float32)


def _borders(drawn: Image, zones: Codes, grid: Grid, rng: np.random.Generator) -> Image:
    """A capsule about the gland and one between its zones, darker than both, of a drawn strength."""
    gland = zones != LabelCode.BACKGROUND
    for mask, largest in ((gland, 0.5), (gland & (zones != LabelCode.PZ), 0.45)):
        strength, width_mm = rng.uniform(0, largest), rng.uniform(0.5, 1.0)
        for s in np.flatnonzero(mask.any(axis=(1, 2))):
            inside = ndimage.distance_transform_edt(mask[s], sampling=grid.spacing_mm[1:])
            apart = inside + ndimage.distance_transform_edt(~mask[s], sampling=grid.spacing_mm[1:])
            drawn[s] *= 1 - strength * np.exp(-0.5 * (apart / width_mm) ** 2)
    return drawn


def _shading(grid: Grid, rng: np.random.Generator) -> Image:
    """A smooth field about 1 (S, H, W): the receive coils."""
    knots = rng.normal(0, rng.uniform(0.05, 0.35), (2, 4, 4))
    axes = [np.linspace(0, n - 1, size) for n, size in zip(knots.shape, grid.shape, strict=True)]
    at = np.meshgrid(*axes, indexing="ij")
    return np.exp(ndimage.map_coordinates(knots, at, order=3, mode="nearest")).astype(np.float32)
