import math

import numpy as np
import pytest
import torch

from tests.augmentation.images import motion, planes_of
from zonate.augmentation.draws import Draws
from zonate.augmentation.geometry import Motion, draw_motion, move
from zonate.augmentation.planes import Planes
from zonate.augmentation.smooth import n_coefficients, smooth_field
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode

NAN = torch.nan


def _image(size: int = 8) -> torch.Tensor:
    return torch.arange(size * size, dtype=torch.float32).reshape(size, size)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turn_by_quarters_equals_rot90(turns: int) -> None:
    labels = (_image() % 5).to(torch.uint8)[None]
    turn = motion(rotation_rad=turns * math.pi / 2)
    planes, moved = move(planes_of(_image()), labels, turn, spacing_mm=0.5, size_px=8)
    assert torch.allclose(planes.images()[0, 0], _image().rot90(turns), atol=1e-4)
    assert torch.equal(moved, labels.rot90(turns, (1, 2)))


def test_scaling_by_two_doubles_what_is_shown() -> None:
    labels = torch.zeros(1, 9, 9, dtype=torch.uint8)
    labels[0, 3:6, 4] = 2  # 3 × 1 px about the middle
    planes, moved = move(planes_of(_image(9)), labels, motion(scale=(2, 2)), spacing_mm=1.0, size_px=9)
    assert planes.images()[0, 0, 4, 4] == 40  # the middle stays
    assert planes.images()[0, 0, 6, 4] == pytest.approx(49, abs=1e-4)  # two below it: one below it before
    assert planes.images()[0, 0, 4, 5] == pytest.approx(40.5, abs=1e-4)
    assert (moved == 2).sum(dim=(1, 2)).item() == pytest.approx(4 * 3, abs=3)


def test_stretching_scales_one_axis_alone() -> None:
    planes, _ = move(
        planes_of(_image(9)), torch.zeros(1, 9, 9, dtype=torch.uint8), motion(scale=(2, 1)), spacing_mm=1.0, size_px=9
    )
    assert planes.images()[0, 0, 4].tolist() == pytest.approx(_image(9)[4].tolist(), abs=1e-4)
    assert planes.images()[0, 0, 6].tolist() == pytest.approx(_image(9)[5].tolist(), abs=1e-4)


def test_a_shift_is_in_mm_and_what_comes_from_beyond_is_void_and_background() -> None:
    labels = torch.full((1, 8, 8), 3, dtype=torch.uint8)
    shift = motion(shift_mm=(1.0, -0.5))  # of 0.5 mm pixels: two down, one to the left
    planes, moved = move(planes_of(_image() + 1), labels, shift, spacing_mm=0.5, size_px=8)
    image = planes.images()[0, 0]
    assert torch.allclose(image[2:, :-1], (_image() + 1)[:-2, 1:], atol=1e-4)
    assert (image[:2] == 0).all()
    assert (image[:, -1] == 0).all()
    assert (moved[0, 2:, :-1] == 3).all()
    assert (moved[0, :2] == LabelCode.BACKGROUND).all()


def test_a_patch_is_cut_about_the_middle_of_what_was_moved() -> None:
    shift = motion(shift_mm=(0.0, 1.0))
    planes, _ = move(planes_of(_image()), torch.zeros(1, 8, 8, dtype=torch.uint8), shift, spacing_mm=1.0, size_px=4)
    assert torch.allclose(planes.images()[0, 0], _image()[2:6, 1:5], atol=1e-4)
    odd = motion(shift_mm=(0.0, 1e-6))
    planes, _ = move(planes_of(_image()), torch.zeros(1, 8, 8, dtype=torch.uint8), odd, spacing_mm=1.0, size_px=5)
    assert torch.allclose(planes.images()[0, 0], _image()[1:6, 1:6], atol=1e-4)  # the pixels of the plain cut


def test_image_and_label_move_together() -> None:
    image, labels = torch.zeros(64, 64), torch.zeros(1, 64, 64, dtype=torch.uint8)
    image[20:40, 25:50], labels[0, 20:40, 25:50] = 1.0, 1
    for seed in range(20):
        settings = AugmentationSettings(
            chance=1.0, rotation_deg=180, scaling=0.3, stretching=0.2, shift_mm=5, elastic_mm=3
        )
        drawn = draw_motion(Draws(seed, 1), settings, spacing_mm=1.0, size_px=64)
        planes, moved = move(planes_of(image), labels, drawn, spacing_mm=1.0, size_px=64)
        shown, told = planes.images()[0, 0] > 0.5, moved[0] == 1
        assert 2 * (shown & told).sum() / (shown.sum() + told.sum()) > 0.95
        assert told.sum() > 100


def test_neither_void_nor_its_filling_bleeds_into_what_was_measured() -> None:
    image = torch.full((16, 16), 7.0)
    image[:, :5], image[9, 9] = NAN, NAN  # a margin, and a hole within
    turn = motion(rotation_rad=0.3)
    planes, _ = move(planes_of(image), torch.zeros(1, 16, 16, dtype=torch.uint8), turn, spacing_mm=1.0, size_px=16)
    assert torch.allclose(planes.values[0][planes.measured[0]], torch.tensor(7.0))
    assert 100 < planes.measured.sum() < 16 * 11 - 1
    assert set(planes.images()[0, 0].flatten().round(decimals=3).tolist()) == {0.0, 7.0}


def test_only_what_moves_is_interpolated() -> None:
    images = torch.stack([torch.stack([_image(), _image(), torch.full((8, 8), NAN)])] * 2)
    two = Motion(torch.ones(2, 2), torch.tensor([0.0, 0.1]), torch.zeros(2, 2), torch.zeros(2, 2, 4, 4))
    assert two.moves.tolist() == [False, True]
    planes, _ = move(Planes.of_images(images), torch.zeros(2, 8, 8, dtype=torch.uint8), two, spacing_mm=1.0, size_px=8)
    assert torch.equal(planes.images()[0, 0], _image())
    assert not torch.equal(planes.images()[1, 0], _image())
    assert torch.equal(planes.images()[1, 0], planes.images()[1, 1])


def test_bending_moves_by_its_displacement_and_folds_nowhere() -> None:
    n = n_coefficients(96, 32.0)
    column = torch.arange(96.0).expand(96, 96)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        bending = 3 * torch.randn(1, 2, n, n, generator=generator)
        planes, _ = move(
            planes_of(column),
            torch.zeros(1, 96, 96, dtype=torch.uint8),
            motion(bending_mm=bending),
            spacing_mm=1.0,
            size_px=96,
        )
        down, right = smooth_field(bending[0], 96, 32.0)
        inside = planes.measured[0] & (column + right < 95) & (column + right > 0)
        assert torch.allclose(planes.values[0][inside], (column + right)[inside], atol=1e-3)
        (by_row, by_column), (other_by_row, other_by_column) = (np.gradient(field.numpy()) for field in (down, right))
        assert ((1 + by_row) * (1 + other_by_column) - by_column * other_by_row).min() > 0.1


def test_drawn_motions_keep_to_their_bounds_and_happen_by_chance() -> None:
    settings = AugmentationSettings(chance=0.25, rotation_deg=30, scaling=0.2, shift_mm=10)
    drawn = draw_motion(Draws(0, 4000), settings, spacing_mm=1.0, size_px=32)
    turned = drawn.rotation_rad != 0
    assert turned.float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert math.radians(29) < drawn.rotation_rad.abs().max() <= math.radians(30) + 1e-6
    assert drawn.scale.min() >= 1 / 1.2 - 1e-6
    assert torch.equal(drawn.scale[:, 0], drawn.scale[:, 1])
    assert 9.9 < drawn.shift_mm.abs().max() <= 10


def test_stretching_draws_one_axis() -> None:
    drawn = draw_motion(Draws(0, 400), AugmentationSettings(chance=1.0, stretching=0.2), spacing_mm=1.0, size_px=32)
    assert ((drawn.scale != 1).sum(dim=1) == 1).all()
    assert 150 < (drawn.scale[:, 0] != 1).sum() < 250


def test_what_a_motion_draws_does_not_depend_on_its_other_parts() -> None:
    alone = AugmentationSettings(chance=0.5, rotation_deg=30)
    beside = alone.model_copy(update={"scaling": 0.2, "shift_mm": 3.0, "elastic_mm": 2.0})
    first, second = (draw_motion(Draws(5, 50), s, spacing_mm=1.0, size_px=32) for s in (alone, beside))
    assert torch.equal(first.rotation_rad, second.rotation_rad)
