"""A small simulated study and what the weights that ship make of it, kept so that a test sees whether that changes.

python -m benchmarks.weights.example
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from zonate.config import Settings
from zonate.geometry import Crop, Volume, to_canonical
from zonate.io.nifti import write_volume
from zonate.load import load_case
from zonate.verbs.predict import predict
from zonate.verbs.simulate import simulate

FOLDER = Path(__file__).parents[2] / "tests" / "data" / "shipped-example"
SPACING_MM, SIZE_PX = 1.25, 128
SEED = 7


def write_example(folder: Path = FOLDER) -> None:
    """Write `study/t2w.nii.gz` and `zones.nii.gz`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study").mkdir(exist_ok=True)
    with TemporaryDirectory() as studies:
        (study,) = simulate(1, Path(studies), seed=SEED, overwrite=True)
        t2w = load_case(study, Settings()).t2w
    write_volume(folder / "study" / "t2w.nii.gz", small(t2w))
    zones = predict(folder / "study", settings=["prediction.samples=0"])
    write_volume(folder / "zones.nii.gz", zones.labels)


def small(volume: Volume) -> Volume:
    """The same slices in coarse pixels of 256 grey values."""
    canonical = to_canonical(volume)
    crop = Crop(canonical.grid, SIZE_PX, SPACING_MM)
    values = crop.image(canonical.values)  # (S, H, W), NaN where the image ends
    grey = np.nan_to_num(values * (255 / np.nanpercentile(values, 99.8)))
    return Volume(np.clip(grey, 0, 255).astype(np.uint8), crop.grid)


if __name__ == "__main__":
    write_example()
