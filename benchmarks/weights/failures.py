"""Draw the patients of the cross-validation on whom the recipe that ships did worst.

    python -m benchmarks.weights.failures --work WORK

WORK is that of `benchmarks.accuracy`.
"""

import argparse
import math
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt

from benchmarks.accuracy.figures import FIGURES
from benchmarks.accuracy.job import RUN_NAME, Job, finished_jobs
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results, read_longest
from zonate.geometry import Volume
from zonate.metrics import score_case
from zonate.model import Model
from zonate.pictures.worst import draw_worst
from zonate.preprocessing.slices import restore_slices
from zonate.settings.results import EvaluationSettings

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "model-card-failures.png"
N_WORST = 3


def draw_failures(work: Path, picture: Path = PICTURE) -> None:
    """One picture of the patients on whom it did worst, the worst first."""
    worst = worst_patients(read_longest())[:N_WORST]
    with TemporaryDirectory() as folder:
        files = [_draw(work, patient, rank, Path(folder)) for rank, patient in enumerate(worst, start=1)]
        images = [plt.imread(file) for file in files]
    figure, axes = plt.subplots(
        len(images),
        1,
        figsize=(12, sum(12 * image.shape[0] / image.shape[1] for image in images)),
        layout="constrained",
    )
    for axis, image in zip(axes, images, strict=True):
        axis.imshow(image)
        axis.axis("off")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=100, pil_kwargs={"optimize": True})


def worst_patients(results: Results) -> list[str]:
    """All patients, those first on whom the mean Dice over gland, central gland and PZ is lowest."""
    gland, *others = (figure.of(results, OWN) for figure in FIGURES if figure.measure == "dice")
    return sorted(gland, key=lambda patient: fmean(of[patient] for of in (gland, *others)))


def _draw(work: Path, patient: str, rank: int, folder: Path) -> Path:
    for run in finished_jobs(work, OWN):
        dataset = Job.read(run).opened()
        for entry in dataset.split("test"):
            if entry.patient_id == patient:
                slices = dataset.slices(entry.case_id)
                reference = dataset.reference(entry.case_id)
                zones = Model.load(run / RUN_NAME).segment_and_clean_up(slices)
                scores = score_case(
                    *(entry.case_id, patient, reference, entry.codes, zones.labels, zones.codes),
                    tolerance_mm=EvaluationSettings().surface_tolerance_mm,
                )
                t2w = restore_slices(slices.images[:, :1], slices.crop, slices.original, [math.nan])[0]
                file = folder / f"{rank}.png"
                draw_worst(file, Volume(t2w, slices.original), reference, zones.labels, scores, rank)
                return file
    raise ValueError(f"no run in {work} left out {patient}")


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    draw_failures(parser.parse_args().work)


if __name__ == "__main__":
    main()
