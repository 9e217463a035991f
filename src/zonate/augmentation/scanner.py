"""Resolution and noise: what an image loses at the scanner."""

import torch
from torch import Tensor
from torch.nn import functional

from zonate.augmentation.draws import Draw, Draws
from zonate.augmentation.planes import N_SEQUENCES, Planes, sent
from zonate.settings.learning import AugmentationSettings

_MARGIN_PX = 16  # mirrored around: the transform takes opposite sides for neighbours
_HAMMING = 0.54
_ALONG = torch.tensor([[True, False], [False, True], [True, True]])  # height, width, both


def degrade(planes: Planes, draws: Draws, settings: AugmentationSettings, *, spacing_mm: float) -> None:
    """Take resolution from the planes and add noise, in place; alike in a slice and its neighbours.

    Noise is Gaussian: Rician noise differs from it where the signal is below about three times the noise, which is air.

    Source: Gudbjartsson and Patz, The Rician distribution of noisy MRI data, MRM 1995, for the latter.
    """
    blur = draws.of("blur")
    drawn = blur.happens(settings.chance)[:, None]
    sigma_mm = blur.uniform(0, settings.blur_mm, N_SEQUENCES) * drawn

    coarse = draws.of("coarse")
    drawn = coarse.happens(settings.chance)
    axes = _ALONG[coarse.uniform(0, len(_ALONG)).long()]  # (B, 2)
    finest = min(spacing_mm, settings.coarse_mm)
    pixel_mm = coarse.uniform(finest, settings.coarse_mm, N_SEQUENCES)[..., None] * (axes & drawn[:, None])[:, None]

    gibbs = draws.of("gibbs")
    drawn = gibbs.happens(settings.chance)
    cut_off = gibbs.uniform(0, settings.gibbs) * drawn

    filter_frequencies(planes, sigma_mm, pixel_mm, cut_off, spacing_mm=spacing_mm)

    noise = draws.of("noise")
    drawn = noise.happens(settings.chance)[:, None]
    add_noise(planes, noise.uniform(0, settings.noise, N_SEQUENCES) * drawn, noise)


def filter_frequencies(
    planes: Planes, sigma_mm: Tensor, pixel_mm: Tensor, cut_off: Tensor, *, spacing_mm: float
) -> None:
    """Weaken or take away high spatial frequencies, all in one Fourier transform.

    Args:
        planes: Of B slices.
        sigma_mm: (B, 3) standard deviation of a Gaussian blur; 0 for none.
        pixel_mm: (B, 3, 2) height and width of the pixels that are imitated: frequencies that they could not hold are
            taken away, the rest tapered by a Hamming window as scanners do; no more than spacing_mm for none.
        cut_off: (B,) share of the frequencies, from the highest on, that is cut off sharply along both axes.
        spacing_mm: Of the planes' pixels.
    """
    changed = (sigma_mm != 0) | (pixel_mm > spacing_mm).any(dim=-1) | (cut_off != 0)[:, None]  # (B, 3)
    of_chosen = planes.of_sequence(changed).nonzero().flatten()  # (Q,)
    if not len(of_chosen):
        return
    chosen = sent(of_chosen, planes.values.device)
    sigma, pixel, share = (
        sent(of_planes[of_chosen], chosen.device)
        for of_planes in (planes.of_sequence(sigma_mm), planes.of_sequence(pixel_mm), planes.of_slice(cut_off))
    )
    size = planes.values.shape[1:]
    margin = min(_MARGIN_PX, min(size) - 1)
    values = functional.pad(planes.take(chosen), (margin,) * 4, mode="reflect")
    height, width = values.shape[1:]
    spectrum = torch.fft.rfft2(values)  # (Q, height, width // 2 + 1)
    along = (torch.fft.fftfreq(height, spacing_mm), torch.fft.rfftfreq(width, spacing_mm))
    rows, columns = (
        _passed(sent(f.abs(), chosen.device), sigma, pixel[:, axis], share, spacing_mm) for axis, f in enumerate(along)
    )
    spectrum *= rows[:, :, None]
    spectrum *= columns[:, None, :]
    values = torch.fft.irfft2(spectrum, s=(height, width))
    planes.put(chosen, values[:, margin : margin + size[0], margin : margin + size[1]])


def add_noise(planes: Planes, sigma: Tensor, noise: Draw) -> None:
    """Add Gaussian noise of standard deviation sigma (B, 3), other in every plane."""
    chosen, strength = planes.changed(planes.of_sequence(sigma), 0)
    if not len(chosen):
        return
    shape = (len(chosen), *planes.values.shape[1:])
    drawn = torch.randn(shape, generator=noise.own, pin_memory=chosen.is_cuda)
    planes.put(chosen, planes.take(chosen).add_(sent(drawn, chosen.device) * strength))


def _passed(frequency: Tensor, sigma_mm: Tensor, pixel_mm: Tensor, share: Tensor, spacing_mm: float) -> Tensor:
    """What is left (Q, F) of each frequency (F,) in cycles per mm; the other arguments are (Q,)."""
    gauss = (-2 * (torch.pi * sigma_mm[:, None] * frequency).square()).exp()
    phase = 2 * frequency * pixel_mm[:, None]  # 1 at the highest frequency that the pixels hold
    window = (_HAMMING + (1 - _HAMMING) * (torch.pi * phase).cos()) * (phase <= 1)
    window = torch.where(pixel_mm[:, None] > spacing_mm, window, 1.0)
    return gauss * window * (2 * spacing_mm * frequency <= 1 - share[:, None])
