import math

import pytest
import torch
from torch import Tensor

from tests.augmentation.images import planes_of
from zonate.augmentation.draws import Draws
from zonate.augmentation.planes import Planes
from zonate.augmentation.scanner import degrade, filter_frequencies
from zonate.settings.learning import AugmentationSettings

INSIDE = (slice(16, 48), slice(16, 48))


def _wave(period_px: float, *, along: int) -> Tensor:
    """(64, 64) of amplitude 1."""
    wave = torch.cos(2 * torch.pi * torch.arange(64) / period_px)
    return wave[:, None].expand(64, 64) if along == 0 else wave.expand(64, 64)


def _filtered(
    image: Tensor, *, sigma_mm: float = 0, pixel_mm: tuple[float, float] = (0, 0), cut_off: float = 0
) -> Tensor:
    planes = planes_of(image)
    filter_frequencies(
        planes,
        torch.full((1, 3), float(sigma_mm)),
        torch.tensor(pixel_mm, dtype=torch.float32).expand(1, 3, 2),
        torch.tensor([float(cut_off)]),
        spacing_mm=0.5,
    )
    return planes.values[0]


def _amplitude(image: Tensor) -> float:
    return float(image[INSIDE].abs().max())


@pytest.mark.parametrize("along", [0, 1])
def test_a_blur_weakens_a_wave_as_a_gaussian_does(along: int) -> None:
    blurred = _filtered(_wave(8, along=along), sigma_mm=0.5)
    assert _amplitude(blurred) == pytest.approx(math.exp(-2 * (math.pi * 0.5 / 4.0) ** 2), abs=0.005)


def test_coarse_pixels_hold_no_wave_shorter_than_two_of_them_along_their_axis_alone() -> None:
    wave = _wave(4, along=0)  # 2 mm long
    assert _amplitude(_filtered(wave, pixel_mm=(1.2, 0))) < 0.02
    assert _amplitude(_filtered(wave, pixel_mm=(0, 1.2))) == pytest.approx(1, abs=0.01)
    longer = _filtered(_wave(16, along=0), pixel_mm=(2.0, 0))  # 8 mm: half of the highest frequency that is held
    assert _amplitude(longer) == pytest.approx(0.54, abs=0.01)


def test_pixels_no_coarser_than_they_are_change_nothing() -> None:
    assert torch.equal(_filtered(_wave(4, along=1), pixel_mm=(0.5, 0.5)), _wave(4, along=1))


def test_cutting_off_frequencies_makes_an_edge_ring_by_nine_percent() -> None:
    edge = torch.zeros(64, 64)
    edge[:, 32:] = 1
    ringing = _filtered(edge, cut_off=0.5)[INSIDE]
    assert 1.05 < float(ringing.max()) < 1.12  # Gibbs: 1.09
    assert _amplitude(_filtered(_wave(3, along=1), cut_off=0.5)) < 0.05
    assert _amplitude(_filtered(_wave(8, along=1), cut_off=0.5)) == pytest.approx(1, abs=0.03)


def test_a_flat_image_stays_as_it_is() -> None:
    flat = _filtered(torch.full((64, 64), 2.0), sigma_mm=1, pixel_mm=(2, 2), cut_off=0.3)
    assert torch.allclose(flat, torch.tensor(2.0), atol=1e-5)


def test_an_image_smaller_than_the_mirrored_margin() -> None:
    planes = planes_of(torch.full((5, 5), 2.0))
    filter_frequencies(planes, torch.ones(1, 3), torch.zeros(1, 3, 2), torch.zeros(1), spacing_mm=0.5)
    assert torch.allclose(planes.values, torch.tensor(2.0), atol=1e-5)


def test_noise_differs_between_planes_and_is_no_stronger_than_asked_for() -> None:
    planes = Planes.of_images(torch.zeros(50, 9, 16, 16))
    degrade(planes, Draws(0, 50), AugmentationSettings(chance=1.0, noise=0.3), spacing_mm=1.0)
    stds = planes.values.std(dim=(1, 2))
    assert stds.max() < 0.36
    assert stds.mean().item() == pytest.approx(0.15, abs=0.02)
    assert not torch.equal(planes.values[0], planes.values[3])
    below, _, above = stds.view(50, 3, 3).unbind(dim=1)
    assert torch.allclose(below, above, rtol=0.4)  # of the same strength


def test_coarseness_is_drawn_along_one_axis_or_both() -> None:
    image = _wave(2.5, along=0) + _wave(2.5, along=1)
    planes = Planes.of_images(image.expand(60, 3, 64, 64).clone())
    degrade(planes, Draws(0, 60), AugmentationSettings(chance=1.0, coarse_mm=4.0), spacing_mm=0.5)
    left = planes.values[::3][:, INSIDE[0], INSIDE[1]]
    down, right = left.mean(dim=2).std(dim=1), left.mean(dim=1).std(dim=1)
    kinds = {(bool(a < 0.1), bool(b < 0.1)) for a, b in zip(down, right, strict=True)}
    assert {(True, True), (True, False), (False, True)} <= kinds
