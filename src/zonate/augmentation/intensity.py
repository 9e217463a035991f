"""Contrast, gain and brightness: what sequences, coils and normalisation do to intensities."""

import torch
from torch import Tensor

from zonate.augmentation.draws import Draws
from zonate.augmentation.planes import N_SEQUENCES, Planes, sent
from zonate.augmentation.smooth import n_coefficients, smooth_field
from zonate.settings.learning import AugmentationSettings
from zonate.study import Sequence

_CELL_MM = 50.0  # of the gain: coils see the pelvis from afar
_GAINED = (Sequence.T2W, Sequence.DWI)
_TINY = 1e-6  # instead of the spread of an image that has none


def distort(planes: Planes, draws: Draws, settings: AugmentationSettings, *, spacing_mm: float) -> None:
    """Change the planes' intensities in place.

    Each sequence is changed in its own way and each neighbour like its slice, but a gain, which is the same for T2W
    and DWI and spares ADC, a ratio in which it cancels. Each volume is normalised by its own figures, which gain and
    gamma would not escape, so they leave mean and standard deviation as they were; contrast and brightness stand for
    what normalisation gets wrong.

    Source: Isensee et al., nnU-Net, Nature Methods 2021, supplementary information, for gamma, contrast and brightness.
    """
    size_px = planes.values.shape[-1]
    chance = settings.chance

    invert(planes, draws.of("inversion").happens(settings.inversion_chance, N_SEQUENCES))

    gamma = draws.of("gamma")
    drawn = gamma.happens(chance)[:, None]
    exponents = torch.where(drawn, gamma.ratio(settings.gamma, N_SEQUENCES), 1.0)

    bias = draws.of("bias field")
    drawn = bias.happens(chance)
    strengths = bias.uniform(0, settings.bias_field) * drawn
    n = n_coefficients(size_px, _CELL_MM / spacing_mm)
    coefficients = bias.normal(n, n) * strengths[:, None, None]

    changed = (exponents != 1) | (strengths != 0)[:, None]  # (B, 3)
    if changed.any():
        before = planes.mean(), planes.std()
        apply_gamma(planes, exponents)
        apply_gain(planes, coefficients, cell_px=_CELL_MM / spacing_mm)
        restore(planes, *before, changed)

    contrast = draws.of("contrast")
    drawn = contrast.happens(chance)[:, None]
    apply_contrast(planes, torch.where(drawn, contrast.ratio(settings.contrast, N_SEQUENCES), 1.0))

    brightness = draws.of("brightness")
    drawn = brightness.happens(chance)[:, None]
    apply_brightness(planes, brightness.uniform(-1, 1, N_SEQUENCES) * settings.brightness * drawn)


def invert(planes: Planes, inverted: Tensor) -> None:
    """Exchange dark and bright about the mean, where `inverted` (B, 3) bool says so."""
    if not inverted.any():
        return
    flags = sent(planes.of_sequence(inverted), planes.values.device)[:, None, None]
    planes.scale(torch.where(flags, -1.0, 1.0), torch.where(flags, 2 * planes.mean(), 0.0))


def apply_gamma(planes: Planes, exponents: Tensor) -> None:
    """Raise intensities to a power (B, 3), on a scale of 0 to 1 from the darkest to the brightest."""
    chosen, exponent = planes.changed(planes.of_sequence(exponents), 1)
    low, high = planes.lowest()[chosen], planes.highest()[chosen]
    span = (high - low).clamp(min=_TINY)
    planes.put(chosen, planes.take(chosen).sub_(low).div_(span).clamp_(min=0).pow_(exponent).mul_(span).add_(low))


def apply_gain(planes: Planes, coefficients: Tensor, *, cell_px: float) -> None:
    """Multiply T2W and DWI, from their darkest value on, by a smooth gain.

    Args:
        planes: Square.
        coefficients: (B, N, N) of the gain's logarithm, as `smooth_field` takes them; 0 for no gain.
        cell_px: Distance of the coefficients.
    """
    gained = (coefficients != 0).flatten(1).any(dim=1)[:, None] & torch.tensor([s in _GAINED for s in Sequence])
    chosen, _ = planes.changed(planes.of_sequence(gained), 0)
    device = chosen.device
    gain = smooth_field(sent(coefficients, device), planes.values.shape[-1], cell_px).exp_()  # (B, H, W)
    low = planes.lowest()[chosen]
    gain_of_chosen = gain.index_select(0, planes.places_of_slices[chosen])
    planes.put(chosen, planes.take(chosen).sub_(low).mul_(gain_of_chosen).add_(low))


def restore(planes: Planes, mean: Tensor, std: Tensor, changed: Tensor) -> None:
    """Give planes back the mean and standard deviation (P, 1, 1) they had, where `changed` (B, 3) bool says so."""
    flags = sent(planes.of_sequence(changed), mean.device)[:, None, None]
    factor = torch.where(flags, std / planes.std().clamp(min=_TINY), 1.0)
    planes.scale(factor, torch.where(flags, mean - planes.mean() * factor, 0.0))


def apply_contrast(planes: Planes, factors: Tensor) -> None:
    """Multiply the distance from the mean by factors (B, 3)."""
    if (factors == 1).all():
        return
    factor = sent(planes.of_sequence(factors), planes.values.device)[:, None, None]
    planes.scale(factor, planes.mean() * (1 - factor))


def apply_brightness(planes: Planes, offsets: Tensor) -> None:
    """Add offsets (B, 3)."""
    if offsets.any():
        planes.values += sent(planes.of_sequence(offsets), planes.values.device)[:, None, None]
