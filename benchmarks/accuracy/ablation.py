"""What each part of the recipe that ships is worth: one thing changed at a time, equal steps, the same patients.

    python -m benchmarks.accuracy.ablation --data DATA --work WORK --steps 600 [--variants "a;b"] [--parallel 2]
        [--folds 0,1] [--seeds 0,1] [--simulated CASES.csv] [--recipe zonate] [--set network.base_channels=8]
    python -m benchmarks.accuracy.ablation table

--simulated is the manifest that `zonate simulate` writes, for the variants on three channels; they are left out where
it is not given. --set makes the recipe smaller, for all variants alike. What was stopped goes on.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.ablation_table import ablation_page
from benchmarks.accuracy.budget import Plan, validation_interval
from benchmarks.accuracy.folds import dataset_folder, prepare_cases, prepare_simulated
from benchmarks.accuracy.further import with_shapes, with_unlabelled
from benchmarks.accuracy.job import RUN_NAME, Job, is_done, known_job, steps_per_epoch, write_job
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import collect, read_results, write_results
from benchmarks.accuracy.schedule import run_jobs
from benchmarks.accuracy.variants import BASE, VARIANTS, Variant, changes_nothing, lineage, settings_of
from zonate.config import Settings, load_recipe
from zonate.errors import ZonateError
from zonate.io.files import write_text

NAME = "ablation"
"""Of the kept results."""
VALIDATIONS = 3
"""About: the learning rate ends at nothing, so that a run's end is about its best; the time saved goes into steps. The
page says that a variant whose end is not its best loses by it."""
PAGE = Path(__file__).parents[1] / "ablation.md"


@dataclass(frozen=True)
class Conditions:
    """What is the same for all variants.

    Attributes:
        data: The folder of data sets.
        simulated: The dataset of the simulated studies; None: there is none.
        work: Where the dataset of the patients is, and jobs are kept.
        recipe: What is varied.
        steps: Of a training.
        folds: Each trained and measured.
        seeds: Each trained and measured.
        parallel: Trainings at a time.
    """

    data: Path
    simulated: Path | None
    work: Path
    recipe: Settings
    steps: int
    folds: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    parallel: int = 1


def ablate(names: Sequence[str], how: Conditions) -> list[Path]:
    """Train and measure what is not done yet: first what stands alone, then what needs the trainings of others.

    Returns:
        The job folders that failed.
    """
    waiting = [variant for variant in lineage(names) if _possible(variant, how)]
    failed: list[Path] = []
    while waiting:
        left = {variant.name for variant in waiting}
        ready = [variant for variant in waiting if not left.intersection(variant.needs)]
        waiting = [variant for variant in waiting if variant not in ready]
        folders = [
            _begun(variant, fold, seed, how)
            for variant in ready
            for fold in how.folds
            for seed in how.seeds
            if _can_begin(variant, fold, seed, how)
        ]
        failed += run_jobs([folder for folder in folders if not is_done(folder)], how.parallel)
    return failed


def _possible(variant: Variant, how: Conditions) -> bool:
    """Whether there is what it needs, and something that it changes."""
    needed = [variant, *(VARIANTS[name] for name in variant.needs)]
    missing = how.simulated is None and any(one.cases == "simulated" for one in needed)
    if missing or changes_nothing(variant, how.recipe):
        why = "no --simulated is given" if missing else "as the recipe is"
        print(f"left out: {variant.name} ({why})", file=sys.stderr)
        return False
    return True


def _can_begin(variant: Variant, fold: int, seed: int, how: Conditions) -> bool:
    """Whether those that it needs are done."""
    lacking = [name for name in variant.needs if not is_done(_folder(name, fold, seed, how))]
    for name in lacking:
        print(f"left out: {variant.name}, fold {fold}, seed {seed} ({name} is not done)", file=sys.stderr)
    return not lacking


def _begun(variant: Variant, fold: int, seed: int, how: Conditions) -> Path:
    """The job's folder, with what is to be done written down."""
    folder = _folder(variant.name, fold, seed, how)
    job = Job(
        name=variant.name,
        fold=fold,
        dataset=_dataset(variant, fold, seed, how).resolve(),
        settings=settings_of(variant, how.recipe).override([f"training.seed={seed}"]),
        clean_up=how.recipe.prediction.clean_up if variant.clean_up is None else variant.clean_up,
        beside=how.parallel,
        init=(_folder(variant.init, fold, seed, how) / RUN_NAME).resolve() if variant.init else None,
        weights_of=None if variant.retrained else _folder(variant.on, fold, seed, how).resolve(),
        t2w_alone=variant.t2w_alone,
    )
    if known_job(folder, job) is None:
        epochs = max(1, round(how.steps / steps_per_epoch(job.opened(), job.settings)))
        length = Plan(epochs, validation_interval(epochs, VALIDATIONS)).assignments()
        write_job(folder, job.with_settings(length))
    return folder


def _dataset(variant: Variant, fold: int, seed: int, how: Conditions) -> Path:
    """What it learns from, made where it is not there."""
    match variant.cases:
        case "simulated" if how.simulated:
            return how.simulated
        case "shapes" | "four-zone shapes":
            only = variant.cases == "four-zone shapes"
            return with_shapes(how.data, how.work, fold, how.recipe, four_zones_only=only)
        case "unlabelled":
            return with_unlabelled(how.data, how.work, fold, how.recipe, _folder(BASE, fold, seed, how))
        case _:
            return dataset_folder(how.work, how.recipe.slicing)


def _folder(name: str, fold: int, seed: int, how: Conditions) -> Path:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return how.work / "ablation" / f"{words}-fold{fold}-seed{seed}"


def main() -> None:
    """Run, or make the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=["run", "table"], default="run")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--variants", help="names with semicolons; all where left out")
    parser.add_argument("--folds", default="0")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--recipe", default=OWN)
    parser.add_argument("--set", dest="changes", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--simulated", type=Path, metavar="CASES.csv")
    given = parser.parse_args()
    if given.part == "run":
        if given.data is None or given.work is None:
            parser.error("--data and --work are needed")
        names = given.variants.split(";") if given.variants else list(VARIANTS)
        if unknown := [name for name in names if name not in VARIANTS]:
            parser.error(f"there is no variant {'; '.join(unknown)}: known are {'; '.join(VARIANTS)}")
        folds, seeds = (tuple(int(number) for number in text.split(",")) for text in (given.folds, given.seeds))
        try:
            recipe = load_recipe(given.recipe).override(given.changes)
            prepare_cases(given.data, given.work, recipe.slicing)
            simulated = None
            if given.simulated is not None:
                simulated = prepare_simulated(given.simulated, given.work, recipe.slicing)
            how = Conditions(given.data, simulated, given.work, recipe, given.steps, folds, seeds, given.parallel)
            failed = ablate(names, how)
        except ZonateError as error:
            sys.exit(str(error))
        write_results(NAME, collect(sorted((given.work / "ablation").iterdir())))
        if failed:
            print(f"failed, see log.txt: {', '.join(folder.name for folder in failed)}", file=sys.stderr)
    write_text(PAGE, ablation_page(read_results(NAME)))


if __name__ == "__main__":
    main()
