"""Do images made for expert shapes help: the recipe with and without them, as many steps, the same patients.

    python -m benchmarks.accuracy.shapes --data DATA --work WORK [--folds 0,1] [--parallel 2] [-n 2]

WORK is that of `benchmarks.accuracy`, whose runs of `zonate` are what is compared with. Each fold has images of its
own, in which no patient who tests or validates there lent a gland's surroundings.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.accuracy.budget import Plan, validation_interval
from benchmarks.accuracy.folds import ALWAYS_TRAINS, COMPARED, dataset_folder
from benchmarks.accuracy.job import Job, is_done, job_folder, known_job, steps_per_epoch, write_job
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.schedule import run_jobs
from zonate.dataset.importers.nci_isbi import NCI_ISBI
from zonate.dataset.importers.prostatex import PROSTATEX
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.verbs.prepare import prepare
from zonate.verbs.synthesise import NCI_ISBI_CODES, About, synthesise
from zonate.zones import LabelCode, Zone

NAME = f"{OWN}-shapes"
"""Of the runs."""
ZONE_CODES = {int(zone): LabelCode(zone) for zone in Zone}
PZ_AND_CENTRAL_GLAND, FOUR_ZONES = "pz-and-central-gland", "four-zones"
"""The two kinds of shapes, and their folders."""


def make_images(
    data: Path, output: Path, *, leave_out: tuple[str, ...] = (), n: int = 2, only: str | None = None
) -> list[Path]:
    """Make images for all shapes of DATA, from all hosts but those left out, unless they are there.

    Args:
        data: The folder of data sets.
        output: Where they are written.
        leave_out: Patients who lend neither image nor shape.
        n: Images a shape.
        only: FOUR_ZONES or PZ_AND_CENTRAL_GLAND; None: both.

    Returns:
        The manifests.
    """
    hosts = [data / COMPARED / "manifest.csv", data / ALWAYS_TRAINS / "manifest.csv"]
    sets = (
        (PZ_AND_CENTRAL_GLAND, f"{COMPARED}-labels-only", NCI_ISBI, NCI_ISBI_CODES),
        (FOUR_ZONES, f"{ALWAYS_TRAINS}/labels-only", PROSTATEX, ZONE_CODES),
    )
    manifests = []
    for name, shapes, layout, codes in sets:
        if only not in (None, name):
            continue
        manifest = output / name / "manifest.csv"
        if not manifest.is_file():  # it is written last
            synthesise(
                output / name,
                shapes=[data / shapes],
                hosts=hosts,
                about=About(layout.title, layout.licence, layout.citation),
                label_codes=codes,
                n=n,
                leave_out=leave_out,
                overwrite=True,
            )
        manifests.append(manifest)
    return manifests


def add_shapes(data: Path, work: Path, fold: int, n: int) -> Path:
    """Write the job of a fold that learns from the shapes, too, in as many steps as the one without.

    Raises:
        DatasetError: The run without them is not there, or the patients cannot be prepared.
    """
    without = job_folder(work, OWN, fold)
    if not is_done(without):
        raise DatasetError(f"{without} is not done: run `python -m benchmarks.accuracy` first")
    job = Job.read(without)
    unseen = tuple(sorted({e.patient_id for side in ("test", "validation") for e in job.opened().split(side)}))
    made = make_images(data, work / "shapes" / f"fold{fold}", leave_out=unseen, n=n)
    plain = Dataset.open(dataset_folder(work, job.settings.slicing))
    folder = work / "datasets" / f"shapes-fold{fold}"
    splitting = plain.splitting.model_copy(update={"fold": fold})  # the dataset's own split has some hosts test
    settings = job.settings.model_copy(update={"split": splitting})
    result = prepare(folder, manifests=[work / "cases.csv", *made], settings=settings)
    if result.failed:
        raise DatasetError("; ".join(result.failed.values()))

    wanted = replace(job, name=NAME, dataset=folder.resolve())
    steps = job.settings.training.epochs * steps_per_epoch(job.opened(), job.settings)
    epochs = max(1, round(steps / steps_per_epoch(wanted.opened(), job.settings)))
    output = job_folder(work, NAME, fold)
    if known_job(output, wanted) is None:
        write_job(output, wanted.with_settings(Plan(epochs, validation_interval(epochs)).assignments()))
    return output


def main() -> None:
    """Make, train, measure; `python -m benchmarks.accuracy table` shows it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--work", type=Path, required=True, help="folder for datasets and runs")
    parser.add_argument("--folds", default="0,1", help="numbers with commas")
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
    parser.add_argument("-n", type=int, default=2, help="images a shape")
    given = parser.parse_args()
    jobs = [add_shapes(given.data, given.work, int(fold), given.n) for fold in given.folds.split(",")]
    if failed := run_jobs([job for job in jobs if not is_done(job)], given.parallel):
        sys.exit(f"failed: {', '.join(folder.name for folder in failed)}; see log.txt in their folders")


if __name__ == "__main__":
    main()
