"""What each part of the recipe that ships is worth: one thing changed at a time, equal steps, the same patients.

    python -m benchmarks.accuracy.ablation --data DATA --work WORK --steps 600 [--variants "a;b"] [--parallel 2]
        [--folds 0,1] [--seeds 0,1] [--simulated CASES.csv] [--init RUN]
    python -m benchmarks.accuracy.ablation table

--simulated is the manifest that `zonate simulate` writes, for the variants on three channels; --init a run folder, or a
model file, whose weights one variant begins from. Variants that lack these are left out. What was stopped goes on.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.ablation_table import ablation_page
from benchmarks.accuracy.budget import Plan, validation_interval
from benchmarks.accuracy.folds import prepare_cases, prepare_simulated
from benchmarks.accuracy.job import Job, is_done, known_job, steps_per_epoch, write_job
from benchmarks.accuracy.methods import OWN
from benchmarks.accuracy.results import collect, read_results, write_results
from benchmarks.accuracy.schedule import run_jobs
from benchmarks.accuracy.variants import VARIANTS, Variant, changes_nothing, lineage, settings_of
from zonate.config import Settings, load_recipe
from zonate.errors import ZonateError
from zonate.io.files import write_text

NAME = "ablation"
"""Of the kept results."""
PAGE = Path(__file__).parents[1] / "ablation.md"


@dataclass(frozen=True)
class Conditions:
    """What is the same for all variants.

    Attributes:
        dataset: Of the patients.
        simulated: Of the simulated studies; None: there are none.
        work: Where jobs are kept.
        recipe: What is varied.
        steps: Of a training.
        folds: Each trained and measured.
        seeds: Each trained and measured.
        parallel: Trainings at a time.
        init: What one variant begins from; None: it is left out.
    """

    dataset: Path
    simulated: Path | None
    work: Path
    recipe: Settings
    steps: int
    folds: tuple[int, ...] = (0,)
    seeds: tuple[int, ...] = (0,)
    parallel: int = 1
    init: Path | None = None


def ablate(names: Sequence[str], how: Conditions) -> list[Path]:
    """Train and measure what is not done yet: first the trainings, then what measures their weights in other ways.

    Returns:
        The job folders that failed.
    """
    variants = [variant for variant in lineage(names) if _possible(variant, how)]
    failed: list[Path] = []
    for retrained in (True, False):
        folders = [
            _begun(variant, fold, seed, how)
            for variant in variants
            if variant.retrained == retrained
            for fold in how.folds
            for seed in how.seeds
        ]
        failed += run_jobs([folder for folder in folders if not is_done(folder)], how.parallel)
    return failed


def _possible(variant: Variant, how: Conditions) -> bool:
    """Whether there is what it needs, and something that it changes."""
    missing = (variant.simulated and how.simulated is None) or (variant.pretrained and how.init is None)
    if missing or changes_nothing(variant, how.recipe):
        print(f"left out: {variant.name} ({'nothing given' if missing else 'as the recipe is'})", file=sys.stderr)
        return False
    return True


def _begun(variant: Variant, fold: int, seed: int, how: Conditions) -> Path:
    """The job's folder, with what is to be done written down."""
    folder = _folder(variant.name, fold, seed, how)
    dataset = how.simulated if variant.simulated and how.simulated else how.dataset
    job = Job(
        name=variant.name,
        fold=fold,
        dataset=dataset.resolve(),
        settings=settings_of(variant, how.recipe).override([f"training.seed={seed}"]),
        clean_up=how.recipe.prediction.clean_up if variant.clean_up is None else variant.clean_up,
        beside=how.parallel,
        init=how.init.resolve() if variant.pretrained and how.init else None,
        weights_of=None if variant.retrained else _folder(variant.on, fold, seed, how).resolve(),
        t2w_alone=variant.t2w_alone,
    )
    if known_job(folder, job) is None:
        epochs = max(1, round(how.steps / steps_per_epoch(job.opened(), job.settings)))
        length = Plan(epochs, validation_interval(epochs)).assignments()
        write_job(folder, job.with_settings(length))
    return folder


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
    parser.add_argument("--simulated", type=Path, metavar="CASES.csv")
    parser.add_argument("--init", type=Path, metavar="RUN")
    given = parser.parse_args()
    if given.part == "run":
        if given.data is None or given.work is None:
            parser.error("--data and --work are needed")
        names = given.variants.split(";") if given.variants else list(VARIANTS)
        if unknown := [name for name in names if name not in VARIANTS]:
            parser.error(f"there is no variant {'; '.join(unknown)}: known are {'; '.join(VARIANTS)}")
        folds, seeds = (tuple(int(number) for number in text.split(",")) for text in (given.folds, given.seeds))
        try:
            recipe = load_recipe(given.recipe)
            dataset = prepare_cases(given.data, given.work, recipe.slicing)
            simulated = None
            if given.simulated is not None:
                simulated = prepare_simulated(given.simulated, given.work, recipe.slicing)
            how = Conditions(
                dataset, simulated, given.work, recipe, given.steps, folds, seeds, given.parallel, given.init
            )
            failed = ablate(names, how)
        except ZonateError as error:
            sys.exit(str(error))
        write_results(NAME, collect(sorted((given.work / "ablation").iterdir())))
        if failed:
            print(f"failed, see log.txt: {', '.join(folder.name for folder in failed)}", file=sys.stderr)
    write_text(PAGE, ablation_page(read_results(NAME)))


if __name__ == "__main__":
    main()
