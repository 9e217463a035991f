import pytest
import torch

from benchmarks.augmentation import INPUTS, PARTS, part, stored
from zonate.augmentation.augment import augment
from zonate.config import load_recipe
from zonate.settings.learning import AugmentationSettings

ELSEWHERE = {"rotate_90", "flip_horizontal", "flip_vertical", "far_neighbours_chance", "chance"}


def test_every_setting_is_of_one_part() -> None:
    named = [setting for settings in PARTS.values() for setting in settings]
    assert sorted(named) == sorted(set(AugmentationSettings.model_fields) - ELSEWHERE)


def test_each_part_changes_something_alone() -> None:
    recipe = load_recipe("zonate")
    small = recipe.model_copy(update={"slicing": recipe.slicing.model_copy(update={"size_px": 160})})
    images, labels = stored(small, *INPUTS["all, void around"])
    assert torch.isnan(images).float().mean().item() == pytest.approx(1 - (128 / 160) ** 2)
    for name in PARTS:
        changed, _ = augment(images, labels, part(recipe.augmentation, name), spacing_mm=0.75, size_px=160, seed=1)
        assert not torch.equal(changed, images.nan_to_num()), name
