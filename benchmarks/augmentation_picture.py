"""Draw what each part of augmentation does to a slice.

    python -m benchmarks.augmentation_picture MANIFEST CASE_ID [-o docs/concepts/pictures/augmentation.png]

The slice of the case that shows most of the gland, with the strengths of the recipe that ships, each part happening
every time, and the recipe as it draws.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.anatomy import with_images
from benchmarks.augmentation import OFF, PARTS, RECIPE
from zonate.augmentation.augment import augment
from zonate.case import Case
from zonate.config import Settings, load_recipe
from zonate.pictures.zones import outline
from zonate.preprocessing.slices import beside_neighbours, slice_labelled
from zonate.preprocessing.statistics import of_images, region, scaled
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode

OUTPUT = Path(__file__).parents[1] / "docs" / "concepts" / "pictures" / "augmentation.png"
_MOTION = ("rotation", "scaling, stretching", "shift")
_SELDOM = ("inversion", "channel dropout")  # which the recipe leaves out, or a slice of T2W alone cannot show
ROWS: dict[str, tuple[str, ...]] = {
    "rotation, scaling,\nstretching, shift": tuple(setting for name in _MOTION for setting in PARTS[name]),
    **{name: settings for name, settings in PARTS.items() if name not in (*_MOTION, *_SELDOM)},
}
"""By what stands beside a row, the settings that it shows."""
EXAMPLES = 4
CELL_INCHES, NAMES_INCHES = 1.3, 1.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("case_id")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    given = parser.parse_args()
    settings = load_recipe(RECIPE)
    images, labels = fullest_slice(given.manifest, given.case_id, settings)
    draw(given.output, images, labels, settings)


def fullest_slice(manifest: Path, case_id: str, settings: Settings) -> tuple[Tensor, Tensor]:
    """As the loader gives it: (1, C, H, W) scaled and (1, H, W) label codes."""
    labels, t2w = next((drawn, t2w) for name, drawn, _, t2w in with_images([manifest]) if name == case_id)
    if t2w is None:
        raise SystemExit(f"{case_id} of {manifest} has no images")
    slices = slice_labelled(Case(case_id, t2w), labels, settings.slicing)
    gland = (slices.labels > LabelCode.BACKGROUND) & (slices.labels < LabelCode.NOT_ANNOTATED)
    s = int(gland.sum(axis=(1, 2)).argmax())
    images = scaled(slices.images, of_images([region(slices.images, settings.slicing.spacing_mm)]))
    shown = beside_neighbours(images, settings.network.neighbours)[s]
    return torch.from_numpy(shown)[None], torch.from_numpy(slices.labels[s])[None]


def draw(file: Path, images: Tensor, labels: Tensor, settings: Settings) -> None:
    recipe = settings.augmentation
    rows: dict[str, AugmentationSettings] = {"as it is": OFF}
    rows |= {name: OFF.model_copy(update={key: getattr(recipe, key) for key in keys}) for name, keys in ROWS.items()}
    rows["all, as the recipe\ndraws them"] = recipe
    width_inches = NAMES_INCHES + CELL_INCHES * EXAMPLES
    figure = Figure(figsize=(width_inches, CELL_INCHES * len(rows)), dpi=80, facecolor="black")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots(len(rows), EXAMPLES, squeeze=False)
    for row, (name, augmentation) in zip(axes, rows.items(), strict=True):
        for seed, axis in enumerate(row):
            shown, told = augment(
                images,
                labels,
                augmentation,
                spacing_mm=settings.slicing.spacing_mm,
                size_px=settings.training.patch_px or settings.slicing.size_px,
                seed=seed,
            )
            t2w = shown[0, images.shape[1] // 2 - 1]
            axis.imshow(t2w.numpy(), cmap="gray", vmin=-2, vmax=3)
            outline(axis, np.asarray(told[0]), tint_alpha=0)
            axis.axis("off")
        row[0].text(-0.04, 0.5, name, color="white", fontsize=7, ha="right", va="center", transform=row[0].transAxes)
    figure.subplots_adjust(left=NAMES_INCHES / width_inches, right=1, top=1, bottom=0, wspace=0.02, hspace=0.02)
    figure.savefig(file, facecolor="black")


if __name__ == "__main__":
    main()
