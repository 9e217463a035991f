"""The fair comparison: the same patients, folds, time and evaluation for every method.

    python -m benchmarks.accuracy --data DATA --work WORK --minutes 18 [--methods a,b] [--folds 0,1] [--parallel 2]
    python -m benchmarks.accuracy --data DATA --work ANOTHER --minutes 60 --longer
    python -m benchmarks.accuracy table

--longer keeps what the recipe that ships does with more time beside the comparison, instead of in its place. A run that
was stopped goes on where it was; one that is done is not done again. `table` makes the pages anew from
benchmarks/results alone.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.budget import Pace, plan
from benchmarks.accuracy.folds import check_same_folds, prepare_cases
from benchmarks.accuracy.job import Job, finished_jobs, is_done, job_folder, known_job, steps_per_epoch, write_job
from benchmarks.accuracy.methods import OWN, Method, methods
from benchmarks.accuracy.results import COMPARISON, LONGER, RESULTS, Results, collect, read_results, write_results
from benchmarks.accuracy.schedule import probe, run_jobs
from benchmarks.accuracy.table import page
from zonate.dataset.store import Dataset
from zonate.errors import ZonateError
from zonate.io.files import write_text

PAGE = Path(__file__).parents[1] / "accuracy.md"
PROBE_SHARE, LEAST_PROBE_S, MOST_PROBE_S = 0.05, 1.0, 60.0
"""How much of the budget is spent to find a method's pace."""


@dataclass(frozen=True)
class Conditions:
    """What is the same for all methods.

    Attributes:
        data: Folder of the data sets.
        work: Where datasets and runs are kept.
        minutes: Time of one core that a run has.
        parallel: Runs at a time.
        threads: Of a run.
        folds: Those that are run; None: each method's own.
    """

    data: Path
    work: Path
    minutes: float
    parallel: int = 1
    threads: int = 1
    folds: tuple[int, ...] | None = None


def compare(chosen: Sequence[Method], own: Method, how: Conditions) -> Iterator[Results]:
    """Train and measure what is not done yet.

    Args:
        chosen: In the order in which they are run.
        own: Whose clean-up is done to every method's results.
        how: The conditions.

    Yields:
        After each method, the results of all runs that lie in the work folder.

    Raises:
        DatasetError: The methods' datasets are not divided alike.
        RuntimeError: A run failed; the others were finished.
    """
    slicings = {method.settings.slicing: None for method in (own, *chosen)}
    datasets = {slicing: prepare_cases(how.data, how.work, slicing) for slicing in slicings}
    check_same_folds([Dataset.open(path) for path in datasets.values()])
    failed: list[Path] = []
    for method in chosen:
        path = datasets[method.settings.slicing]
        folds = how.folds or method.folds or range(Dataset.open(path).splitting.folds)
        jobs = {
            job_folder(how.work, method.name, fold): Job(
                name=method.name,
                fold=fold,
                dataset=path.resolve(),
                settings=method.settings,
                clean_up=own.settings.prediction.clean_up,
                threads=how.threads,
                beside=how.parallel,
                volumetric=method.volumetric,
                minutes=how.minutes,
            )
            for fold in folds
        }
        failed += run_jobs(planned(jobs, method, how), how.parallel)
        yield collect(finished_jobs(how.work))
    if failed:
        raise RuntimeError(f"failed: {', '.join(folder.name for folder in failed)}; see log.txt in their folders")


def planned(jobs: dict[Path, Job], method: Method, how: Conditions) -> list[Path]:
    """The folders of the jobs that are still to do, each with its length worked out and written down."""
    unplanned = {folder: job for folder, job in jobs.items() if known_job(folder, job) is None}
    if unplanned:
        pace = find_pace(next(iter(unplanned.values())), how)
        for folder, job in unplanned.items():
            steps = steps_per_epoch(job.opened(), job.settings, volumetric=job.volumetric)
            length = plan(pace, minutes=how.minutes, steps_per_epoch=steps, most_epochs=method.most_epochs)
            print(f"{folder.name}: {pace.seconds_per_step:.3f} s a step, {length.epochs} epochs", file=sys.stderr)
            write_job(folder, job.with_settings(length.assignments()))
    return [folder for folder in jobs if not is_done(folder)]


def find_pace(job: Job, how: Conditions) -> Pace:
    """The mean pace of a method's runs when as many as will run at a time do."""
    folders = [how.work / "pace" / f"{job.name}-{number}" for number in range(how.parallel)]
    for folder in folders:
        write_job(folder, job)
    seconds = min(MOST_PROBE_S, max(LEAST_PROBE_S, PROBE_SHARE * 60 * how.minutes))
    found = [Pace(**json.loads(file.read_text(encoding="utf-8"))) for file in probe(folders, seconds)]
    return Pace(
        sum(pace.seconds_per_step for pace in found) / len(found),
        sum(pace.seconds_per_validation for pace in found) / len(found),
    )


def write_page(results: Path = RESULTS) -> None:
    """Make the page from what is kept."""
    kept = [read_results(name, results) for name in (COMPARISON, "external", "doubt", LONGER)]
    write_text(PAGE, page(*kept))


def main() -> None:
    """Run, or make the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["run", "table"], default="run")
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--work", type=Path, help="folder for datasets and runs")
    parser.add_argument("--minutes", type=float, default=18.0, help="time of one core that each run has")
    parser.add_argument("--methods", help="names with commas; all where left out")
    parser.add_argument("--folds", help="numbers with commas; each method's own where left out")
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument("--longer", action="store_true", help="zonate alone, with more time than the comparison gave")
    parser.add_argument("--recipe", default=OWN, help="name or file of the recipe that stands for zonate")
    given = parser.parse_args()
    if given.part == "run":
        if given.data is None or given.work is None:
            parser.error("--data and --work are needed")
        try:
            known = methods(given.recipe)
            if given.longer and given.methods:
                parser.error(f"--longer is for {OWN} alone: leave --methods out")
            every = [OWN] if given.longer else list(known)
            names = given.methods.split(",") if given.methods else every
            if unknown := [name for name in names if name not in known]:
                parser.error(f"there is no method {', '.join(unknown)}: known are {', '.join(known)}")
            folds = tuple(int(fold) for fold in given.folds.split(",")) if given.folds else None
            how = Conditions(given.data, given.work, given.minutes, given.parallel, given.threads, folds)
            for results in compare([known[name] for name in names], known[OWN], how):
                write_results(LONGER if given.longer else COMPARISON, results)
                write_page()
        except (ZonateError, RuntimeError) as error:
            sys.exit(str(error))
    write_page()


if __name__ == "__main__":
    main()
