import math

import pytest
import torch

from tests.augmentation.images import planes_of
from zonate.augmentation.draws import Draws
from zonate.augmentation.intensity import (
    apply_brightness,
    apply_contrast,
    apply_gain,
    apply_gamma,
    distort,
    invert,
    restore,
)
from zonate.augmentation.planes import Planes
from zonate.augmentation.smooth import n_coefficients
from zonate.settings.learning import AugmentationSettings

T2W = torch.tensor([[0.0, 1.0], [2.0, 4.0]])  # mean 1.75


def test_gamma_raises_to_a_power_between_the_darkest_and_the_brightest() -> None:
    planes = planes_of(T2W, T2W)
    apply_gamma(planes, torch.tensor([[2.0, 1.0, 1.0]]))
    assert planes.values[0].tolist() == [[0, 0.25], [1, 4]]  # 4 · (x / 4)²
    assert torch.equal(planes.values[1], T2W)


def test_what_is_not_asked_for_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = planes_of(T2W, T2W)

    def look(_: Planes) -> torch.Tensor:
        pytest.fail("the planes were looked at")

    for name in ("lowest", "highest", "mean", "std"):
        monkeypatch.setattr(Planes, name, look)
    distort(planes, Draws(0, 1), AugmentationSettings(), spacing_mm=1.0)
    assert torch.equal(planes.values[0], T2W)


def test_gamma_of_a_flat_image_changes_nothing() -> None:
    planes = planes_of(torch.full((2, 2), 3.0))
    apply_gamma(planes, torch.full((1, 3), 0.5))
    assert planes.values[0].tolist() == [[3, 3], [3, 3]]


def test_inversion_mirrors_about_the_mean() -> None:
    planes = planes_of(T2W, T2W)
    invert(planes, torch.tensor([[True, False, False]]))
    assert planes.values[0].tolist() == [[3.5, 2.5], [1.5, -0.5]]
    assert torch.equal(planes.values[1], T2W)


def test_contrast_multiplies_the_distance_from_the_mean() -> None:
    planes = planes_of(T2W, T2W)
    apply_contrast(planes, torch.tensor([[2.0, 1.0, 1.0]]))
    assert planes.values[0].tolist() == [[-1.75, 0.25], [2.25, 6.25]]
    assert torch.equal(planes.values[1], T2W)


def test_brightness_adds() -> None:
    planes = planes_of(T2W, T2W)
    apply_brightness(planes, torch.tensor([[0.0, -1.0, 5.0]]))
    assert torch.equal(planes.values[0], T2W)
    assert torch.equal(planes.values[1], T2W - 1)


def test_a_gain_multiplies_what_lies_above_the_darkest_and_spares_adc() -> None:
    n = n_coefficients(2, 10.0)
    planes = planes_of(T2W - 1, T2W, T2W)
    flat = torch.full((1, n, n), math.log(2) * 151 / 315)  # the gain's logarithm is ln 2 everywhere
    apply_gain(planes, flat, cell_px=10.0)
    assert torch.allclose(planes.values[0], 2 * T2W - 1)
    assert torch.allclose(planes.values[1], 2 * T2W)
    assert torch.equal(planes.values[2], T2W)


def test_restoring_gives_mean_and_standard_deviation_back() -> None:
    planes = planes_of(T2W, T2W)
    mean, std = planes.mean(), planes.std()
    planes.values.mul_(3).add_(5)
    restore(planes, mean, std, torch.tensor([[True, False, False]]))
    assert torch.allclose(planes.values[0], T2W, atol=1e-6)
    assert torch.equal(planes.values[1], 3 * T2W + 5)


def test_gamma_and_gain_leave_mean_and_standard_deviation() -> None:
    images = torch.rand(4, 9, 32, 32, generator=torch.Generator().manual_seed(0))
    planes = Planes.of_images(images)
    mean, std = planes.mean(), planes.std()
    settings = AugmentationSettings(chance=1.0, gamma=0.5, bias_field=0.5)
    distort(planes, Draws(0, 4), settings, spacing_mm=1.0)
    assert not torch.allclose(planes.values, images.flatten(0, 1), atol=0.01)
    assert torch.allclose(planes.mean(), mean, atol=1e-5)
    assert torch.allclose(planes.std(), std, atol=1e-5)


def test_neighbours_are_changed_alike_and_sequences_differently() -> None:
    image = torch.rand(16, 16, generator=torch.Generator().manual_seed(0))
    planes = Planes.of_images(image.expand(1, 9, 16, 16).clone())
    settings = AugmentationSettings(
        chance=1.0, gamma=0.5, bias_field=0.3, contrast=0.3, brightness=0.5, inversion_chance=0.5
    )
    distort(planes, Draws(3, 1), settings, spacing_mm=1.0)
    below, middle, above = planes.values.view(3, 3, 16, 16)
    assert torch.allclose(below, middle, atol=1e-6)
    assert torch.allclose(middle, above, atol=1e-6)
    assert not torch.allclose(middle[0], middle[1], atol=0.05)


def test_contrast_and_brightness_keep_to_their_bounds() -> None:
    planes = Planes.of_images(T2W.expand(500, 3, 2, 2).clone())
    distort(planes, Draws(0, 500), AugmentationSettings(chance=1.0, contrast=0.25), spacing_mm=1.0)
    factors = planes.std().flatten() / T2W.std(correction=0)
    assert factors.min().item() == pytest.approx(0.8, abs=0.01)
    assert factors.max().item() == pytest.approx(1.25, abs=0.01)
    planes = Planes.of_images(T2W.expand(500, 3, 2, 2).clone())
    distort(planes, Draws(0, 500), AugmentationSettings(chance=1.0, brightness=0.4), spacing_mm=1.0)
    offsets = planes.mean().flatten() - 1.75
    assert offsets.min().item() == pytest.approx(-0.4, abs=0.01)
    assert offsets.max().item() == pytest.approx(0.4, abs=0.01)
