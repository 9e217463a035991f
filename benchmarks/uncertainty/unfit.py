"""Ask a model for the zones of what is no prostate, and see whether the result is called doubtful.

    python -m benchmarks.uncertainty.unfit WORK NAME RUN DATASET:SPLIT...

writes WORK/NAME.unfit.csv; the cases lend their grids and grey ranges.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from benchmarks.uncertainty.measure import SAMPLES, unseen
from zonate.dataset.degradation import AS_IT_IS, degrade
from zonate.doubt import cleaned, draw
from zonate.measures.uncertainty import agreement
from zonate.model import Model
from zonate.plausibility import disqualifying
from zonate.preprocessing.slices import LabelledSlices
from zonate.zones import LabelCode


def unfit(work: Path, name: str, run: Path, sides: Sequence[str], samples: int, cases: int) -> None:
    """Ask for the zones of what is no prostate, and write what is said of them into WORK/NAME.unfit.csv."""
    model = Model.load(run)
    work.mkdir(parents=True, exist_ok=True)
    with (work / f"{name}.unfit.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, ["what", "gland_ml", "agreement", "said"])
        writer.writeheader()
        for number, (dataset, entry) in enumerate(list(unseen(model, sides))[:cases]):
            slices = degrade(dataset.slices(entry.case_id), AS_IT_IS, seed=0)
            for what, paint in UNFIT.items():
                painted = paint(slices, np.random.default_rng(number))
                segmentation = model.begin(painted)
                result = cleaned(segmentation)
                found = agreement(draw(segmentation, result.zones, samples).figures)["GLAND"]
                said = " | ".join(disqualifying(result.odd))
                line = {"what": what, "gland_ml": result.zones.volumes_ml()["GLAND"], "agreement": found, "said": said}
                writer.writerow(line)
                print(line, flush=True)


def _painted(slices: LabelledSlices, image: npt.NDArray[Any]) -> LabelledSlices:
    """T2W replaced by an image (S, H, W) from 0 to 1 in its grey range; DWI and ADC are absent."""
    low, high = np.nanpercentile(slices.images[:, 0], [1, 99])
    images = np.full_like(slices.images, np.nan)
    images[:, 0] = low + image * (high - low)
    return replace(slices, images=images)


def _noise_alone(slices: LabelledSlices, random: np.random.Generator) -> LabelledSlices:
    return _painted(slices, random.random(slices.images[:, 0].shape))


def _blobs(slices: LabelledSlices, random: np.random.Generator) -> LabelledSlices:
    field = ndimage.gaussian_filter(random.normal(size=slices.images[:, 0].shape), (1, 10, 10))
    return _painted(slices, (field - field.min()) / np.ptp(field))


def _knee(slices: LabelledSlices, random: np.random.Generator) -> LabelledSlices:
    """Two condyles of marrow with dark cortex, muscle around them, fat under the skin, air outside."""
    n, height, width = slices.images[:, 0].shape
    row, column = np.mgrid[:height, :width] / height - 0.5
    image = np.zeros((n, height, width))
    limb = np.hypot(row, column * 1.1) < 0.45
    image[:, limb] = 0.9
    image[:, np.hypot(row, column * 1.1) < 0.38] = 0.25
    for s in range(n):
        size = 0.12 + 0.05 * s / n
        for side in (-0.15, 0.15):
            away = np.hypot(row, column - side)
            image[s][away < size + 0.015] = 0.05
            image[s][away < size] = 0.75
    return _painted(slices, ndimage.gaussian_filter(image, (0, 1, 1)) + random.normal(0, 0.04, image.shape))


def _without_gland(slices: LabelledSlices, random: np.random.Generator) -> LabelledSlices:
    """The patient's own pelvis, with muscle where the gland and what lies about it were."""
    image = slices.images[:, 0].copy()
    low, high = np.nanpercentile(image, [1, 99])
    drawn = (slices.labels != LabelCode.BACKGROUND) & (slices.labels != LabelCode.NOT_ANNOTATED)
    where = ndimage.binary_dilation(np.asarray(drawn.any(axis=0)), iterations=10)
    image[:, where] = low + (high - low) * (0.2 + random.normal(0, 0.04, image[:, where].shape))
    images = np.full_like(slices.images, np.nan)
    images[:, 0] = image
    return replace(slices, images=images)


UNFIT: dict[str, Callable[[LabelledSlices, np.random.Generator], LabelledSlices]] = {
    "noise": _noise_alone,
    "random blobs": _blobs,
    "a drawn knee": _knee,
    "a pelvis without gland": _without_gland,
}


def main() -> None:
    """Ask."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("sides", nargs="+", metavar="DATASET:SPLIT")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--cases", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    unfit(given.work, given.name, given.run, given.sides, given.samples, given.cases)


if __name__ == "__main__":
    main()
