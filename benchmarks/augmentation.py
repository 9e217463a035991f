"""What augmentation costs: each of its parts, and all together, beside a training step of the recipe that ships.

    python -m benchmarks.augmentation [-o benchmarks/augmentation.md]

Batches of the recipe's size in one thread; after each round of augmentations comes a step of the network, with loss and
optimiser, so that both see the same load of the machine; processor time.
"""

import argparse
import time
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from benchmarks.machine import machine
from zonate.augmentation.augment import augment
from zonate.config import Settings, load_recipe
from zonate.dataset.loader import Batch
from zonate.learner import Learner
from zonate.settings.learning import AugmentationSettings
from zonate.zones import ALL_ZONE_CODES

RECIPE = "zonate"
ROUNDS = 20
OFF = AugmentationSettings(chance=1.0)
PARTS = {
    "rotation": ("rotation_deg",),
    "scaling, stretching": ("scaling", "stretching"),
    "shift": ("shift_mm",),
    "elastic": ("elastic_mm",),
    "gain": ("bias_field",),
    "gamma": ("gamma",),
    "contrast, brightness": ("contrast", "brightness"),
    "blur, coarse pixels": ("blur_mm", "coarse_mm"),
    "Gibbs": ("gibbs",),
    "noise": ("noise",),
    "inversion": ("inversion_chance",),
    "narrow field": ("narrow_field_mm",),
    "channel dropout": ("channel_dropout_chance",),
}
"""By name, the settings that a part has."""
INPUTS: dict[str, tuple[tuple[int, ...], float]] = {
    "T2W": ((0,), 1.0),
    "T2W, void around": ((0,), 0.8),
    "T2W, DWI, ADC": ((0, 1, 2), 1.0),
    "all, void around": ((0, 1, 2), 0.8),
}
"""Sequences, and the share of a slice's height and width that was measured."""
ALL = "all, as the recipe draws them"
STEP = "training step"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_recipe(RECIPE)
    measured = {name: milliseconds(settings, *of_input) for name, of_input in INPUTS.items()}
    given.output.write_text(table(measured, settings), encoding="utf-8")


def milliseconds(settings: Settings, sequences: tuple[int, ...], measured: float) -> dict[str, float]:
    """Per slice, the median over rounds for each part, for all together and for a training step."""
    fabric = Fabric(accelerator="cpu", devices=1, precision=settings.training.precision)
    learner = Learner(settings, fabric)
    learner.train()
    recipe = settings.augmentation
    wanted = {"nothing": OFF, **{name: part(recipe, name) for name in PARTS}, ALL: recipe}
    images, labels = stored(settings, sequences, measured)
    size_px = settings.training.patch_px or settings.slicing.size_px
    times: dict[str, list[float]] = {name: [] for name in (*wanted, STEP)}
    for seed in range(ROUNDS + 1):
        for name, augmentation in wanted.items():
            begun = time.process_time()
            shown, told = augment(
                images, labels, augmentation, spacing_mm=settings.slicing.spacing_mm, size_px=size_px, seed=seed
            )
            times[name].append(time.process_time() - begun)
        begun = time.process_time()
        learner.step(Batch(shown, told, (ALL_ZONE_CODES,) * len(shown)))
        times[STEP].append(time.process_time() - begun)
    return {name: 1000 * median(seconds[1:]) / len(images) for name, seconds in times.items()}  # the first warms up


def part(recipe: AugmentationSettings, name: str) -> AugmentationSettings:
    """One part alone, happening to every slice with the recipe's strengths; for half of them if the recipe has none."""
    strengths: dict[str, Any] = {setting: getattr(recipe, setting) for setting in PARTS[name]}
    return OFF.model_copy(update=strengths if any(strengths.values()) else dict.fromkeys(strengths, 0.5))


def stored(settings: Settings, sequences: tuple[int, ...], measured: float) -> tuple[Tensor, Tensor]:
    """A batch as the loader gives it: noise, since what an image shows takes no longer."""
    n_slices, size = settings.training.batch_size, settings.slicing.size_px
    margin = round(size * (1 - measured) / 2)
    inside = slice(margin, size - margin)
    images = torch.full((n_slices, 2 * settings.network.neighbours + 1, 3, size, size), torch.nan)
    generator = torch.Generator().manual_seed(0)
    for sequence in sequences:
        images[:, :, sequence, inside, inside] = torch.randn(images[:, :, 0, inside, inside].shape, generator=generator)
    labels = torch.randint(0, len(ALL_ZONE_CODES), (n_slices, size, size), generator=generator, dtype=torch.uint8)
    return images.flatten(1, 2), labels


def table(measured: dict[str, dict[str, float]], settings: Settings) -> str:
    names = list(measured)
    rows = [
        f"| {part_} | " + " | ".join(f"{measured[name][part_]:.2f}" for name in names) + " |"
        for part_ in measured[names[0]]
    ]
    shares = " | ".join(f"{measured[name][ALL] / measured[name][STEP]:.0%}" for name in names)
    return "\n".join(
        [
            "# What augmentation costs",
            "",
            f"`python -m benchmarks.augmentation` ({date.today()}, {machine()}, one thread): slices of "
            f"{settings.slicing.size_px} px, each beside {2 * settings.network.neighbours} neighbours, patches of "
            f"{settings.training.patch_px} px, {settings.training.batch_size} a batch, recipe `{settings.name}`.",
            "",
            f"Milliseconds of processor time a slice, median of {ROUNDS} batches. A part alone happens to every slice;",
            "it includes `nothing`, which is finding what was measured and cutting the patch.",
            "",
            "| | " + " | ".join(names) + " |",
            "|---|" + "---|" * len(names),
            *rows,
            f"| all / training step | {shares} |",
            "",
        ]
    )


if __name__ == "__main__":
    main()
