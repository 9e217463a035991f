"""Models on their held-out patients as other scanners, protocols and bladders would have shown them.

    python -m benchmarks.accuracy.robustness --data DATA --work WORK [--methods zonate,unet] [--folds 0,1]
    python -m benchmarks.accuracy.robustness table

The models are those that `python -m benchmarks.accuracy` trained. Each case goes the way of a prediction, from the case
over its slices to zones on its own grid.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy.folds import COMPARED
from benchmarks.accuracy.images import Image, read_images
from benchmarks.accuracy.imitations import IMITATIONS, canonical
from benchmarks.accuracy.job import RUN_NAME, Job, finished_jobs
from benchmarks.accuracy.measure import STRUCTURES, TOLERANCE_MM
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import Results, read_results, write_results
from benchmarks.accuracy.robustness_table import robustness_page
from benchmarks.machine import circumstances
from zonate.case import Case
from zonate.dataset.degradation import degrade
from zonate.errors import ZonateError
from zonate.geometry import Volume
from zonate.io.files import write_text
from zonate.measures.clean_up import clean_up
from zonate.metrics import score_case
from zonate.metrics.tables import score_columns, score_row
from zonate.model import Model
from zonate.plausibility import disqualifying, implausibilities
from zonate.preprocessing.slices import Slices, slice_case, slice_labelled

NAME = "robustness"
"""Of the kept results."""
PAGE = Path(__file__).parents[1] / "robustness.md"
DEGRADED = ("noise", "blur", "low resolution", "ghosts", "inverted contrast")
"""Of `zonate.dataset.degradation`, done to the slices."""


def measure_robustness(folders: Sequence[Path], images: Sequence[Image]) -> Iterator[Results]:
    """Measure the models of job folders on the patients that they left out.

    Yields:
        After each model, its results.
    """
    by_patient = {image.patient_id: image for image in images}
    for folder in folders:
        job, model = Job.read(folder), Model.load(folder / RUN_NAME)
        rows: list[dict[str, str]] = []
        for patient in sorted({entry.patient_id for entry in job.opened().split("test")}):
            rows += _rows_of_patient(model, by_patient[patient], job)
            print(f"{folder.name}: {patient}", file=sys.stderr)
        yield Results([_about(job, model)], rows)


def _rows_of_patient(model: Model, image: Image, job: Job) -> Iterator[dict[str, str]]:
    (reading,) = image.readings
    case = canonical(replace(image.case, labels=reading.reference))
    for how, slices, reference in _shown(case, model):
        zones = model.segment(slices)
        labels, _ = clean_up(zones.labels, zones.codes, job.clean_up)
        said = "; ".join(disqualifying(implausibilities(zones, slices)))
        scores = score_case(
            case.case_id,
            image.patient_id,
            reference,
            reading.source.codes,
            labels,
            zones.codes,
            tolerance_mm=TOLERANCE_MM,
        )
        about = {"name": job.name, "fold": str(job.fold), "how": how, "patient_id": image.patient_id, "said": said}
        for score in scores:
            if score.structure in STRUCTURES:
                row = score_row(score, TOLERANCE_MM)
                yield {**about, **dict(zip(score_columns(TOLERANCE_MM), row, strict=True))}


def _shown(case: Case, model: Model) -> Iterator[tuple[str, Slices, Volume]]:
    """What the model is shown of a case, under which name, and the reference beside it."""
    for how, imitate in IMITATIONS.items():
        changed = imitate(case)
        yield how, slice_case(changed, model.settings.slicing), _labels(changed)
    plain = slice_labelled(case, _labels(case), model.settings.slicing)
    for how in DEGRADED:
        worse = degrade(plain, how, seed=0)
        yield how, worse, Volume(worse.labels, worse.original)


def _labels(case: Case) -> Volume:
    if case.labels is None:
        raise ValueError(f"{case.case_id} has no labels")
    return case.labels


def _about(job: Job, model: Model) -> dict[str, Any]:
    return {
        "name": job.name,
        "fold": job.fold,
        "clean_up": job.clean_up,
        "parameters": sum(p.numel() for p in model.generator.parameters()),
        **circumstances(torch.get_num_threads()),
    }


def main() -> None:
    """Measure, or make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["run", "table"], default="run")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--methods", default=OWN, help="names with commas")
    parser.add_argument("--folds", help="numbers with commas; all where left out")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.part == "run":
        if given.data is None or given.work is None:
            parser.error("--data and --work are needed")
        try:
            _run(given.data, given.work, given.methods.split(","), given.folds.split(",") if given.folds else None)
        except ZonateError as error:
            sys.exit(str(error))
    write_text(PAGE, robustness_page(read_results(NAME)))


def _run(data: Path, work: Path, methods: Sequence[str], folds: Sequence[str] | None) -> None:
    jobs = [(folder, Job.read(folder)) for folder in finished_jobs(work)]
    folders = [
        folder
        for folder, job in jobs
        if job.name in methods and not job.volumetric and (folds is None or str(job.fold) in folds)
    ]
    images = list(read_images(data / COMPARED / "manifest.csv", ("any",)))
    kept = Results([], [])
    for part in measure_robustness(folders, images):
        kept = Results([*kept.runs, *part.runs], [*kept.rows, *part.rows])
        write_results(NAME, kept)


if __name__ == "__main__":
    main()
