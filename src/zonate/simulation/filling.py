"""Tissue of the right zone where a warp brought that of another, and of zones that the host does not tell apart."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.simulation.parts import INNER, OUTSIDE, PERIPHERAL, Parts, parts_of
from zonate.simulation.physics import spin_echo
from zonate.simulation.texture import Texture
from zonate.simulation.tissue import Tissue, column
from zonate.zones import LabelCode

Mask = npt.NDArray[np.bool_]
Image = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]

MIRRORED_MM, DRAWN_MM = 5.0, 10.0
"""Up to the first distance from tissue of its part a pixel mirrors that tissue; from the second on it is drawn."""

_SURROUNDINGS_PX = 8
_TEXTURE_MM = 1.2
_TR_MS, _TE_MS = 4500.0, 100.0
"""Of a T2W turbo spin echo, as they usually are at 3 T."""
_THIN_SHARE = 0.7
"""How far the host's tissue is moved towards the brightness of a thin zone; the rest keeps its texture."""


def fill(image: Image, parts: Parts, brought: Parts, spacing_mm: Spacing, rng: np.random.Generator) -> Image:
    """Give every pixel tissue of its part.

    Args:
        image: (S, H, W).
        parts: (S, H, W): what each pixel has to show.
        brought: (S, H, W): what it shows.
        spacing_mm: Along S, H, W.
        rng: Of the texture.

    Returns:
        (S, H, W). Where both say the same, the image's own values. Elsewhere the part's tissue in the slice, mirrored
        at its border, and further away values with the median and the spread that the part has in the volume.
    """
    filled = image.copy()
    near = ndimage.binary_dilation(parts != OUTSIDE, iterations=_SURROUNDINGS_PX)
    for part in (OUTSIDE, PERIPHERAL, INNER):
        right = (parts == part) & (brought == part)
        wrong = (parts == part) & ~right
        known = image[right & near] if (right & near).any() else image
        low, middle, high = np.percentile(known, [16, 50, 84])
        texture = Texture.draw(rng, _TEXTURE_MM)
        for s in np.flatnonzero(wrong.any(axis=(1, 2))):
            points_mm = np.argwhere(wrong[s]) * np.array(spacing_mm[1:])  # (n, 2)
            points_mm = np.column_stack([np.full(len(points_mm), s * spacing_mm[0]), points_mm])
            drawn = (middle + (high - low) / 2 * texture.at(points_mm)).astype(np.float32)
            filled[s][wrong[s]] = _mirrored(image[s], right[s], wrong[s], spacing_mm, drawn)
    return filled


def with_thin_zones(image: Image, codes: npt.NDArray[np.uint8]) -> Image:
    """Distal urethra and anterior stroma, as bright against the rest of the inner gland as their T2 makes them.

    Args:
        image: (S, H, W).
        codes: Label codes (S, H, W); without DPU and AFS the image stays as it is.
    """
    inner = parts_of(codes) == INNER
    signal = spin_echo(column("proton_density"), column("t1_ms"), column("t2_ms"), _TR_MS, _TE_MS)
    out = image.copy()
    for code, tissue in ((LabelCode.DPU, Tissue.URETHRA), (LabelCode.AFS, Tissue.ANTERIOR_STROMA)):
        mask = codes == code
        if mask.any():
            mean = np.median(image[inner]) * signal[tissue] / signal[Tissue.TRANSITION_ZONE]
            weight = _THIN_SHARE * ndimage.gaussian_filter(mask.astype(np.float32), (0, 1, 1))
            out[mask] += (weight * (mean - image))[mask]
    return out


def _mirrored(image: Image, right: Mask, wrong: Mask, spacing_mm: Spacing, drawn: Image) -> Image:
    """Values (n,) for the wrong pixels of a slice; `drawn` (n,) where no right one is near."""
    if not right.any():
        return drawn
    distance_mm, nearest = ndimage.distance_transform_edt(~right, sampling=spacing_mm[1:], return_indices=True)
    source = nearest[:, wrong].T  # (n, 2)
    mirrored = np.clip(2 * source - np.argwhere(wrong), 0, np.array(right.shape) - 1)
    source = np.where(right[tuple(mirrored.T)][:, None], mirrored, source)
    weight = np.clip((DRAWN_MM - distance_mm[wrong]) / (DRAWN_MM - MIRRORED_MM), 0, 1)
    return np.asarray(weight * image[tuple(source.T)] + (1 - weight) * drawn, np.float32)
