"""One training and its measurement: what is to be done, in a folder of its own, so that any process can take it up.

job.json        what is to be done, with the whole settings
run/            the run folder of `zonate.train`
log.txt         what the process said
scores.csv      a row a case and structure
result.json     everything else; written last, so that a job with one is done
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError
from zonate.io.files import write_json
from zonate.measures.clean_up import CleanUp

JOB_NAME, RUN_NAME, LOG_NAME, SCORES_NAME, RESULT_NAME = "job.json", "run", "log.txt", "scores.csv", "result.json"


@dataclass(frozen=True)
class Job:
    """What is to be done.

    Attributes:
        name: Of the method or variant.
        fold: That is left out, and measured.
        dataset: Its folder.
        settings: Complete, but for the sections that the dataset brings.
        clean_up: Done to every method's result alike before it is measured.
        threads: Of the process.
        beside: How many such processes run at a time.
        volumetric: As in `Method`.
        minutes: The budget; None where steps are the budget.
        init: A run folder whose weights are the beginning.
        weights_of: A job folder whose run is measured instead of training one.
        t2w_alone: Whether DWI and ADC are taken away before it is measured.
    """

    name: str
    fold: int
    dataset: Path
    settings: Settings
    clean_up: CleanUp = "none"
    threads: int = 1
    beside: int = 1
    volumetric: bool = False
    minutes: float | None = None
    init: Path | None = None
    weights_of: Path | None = None
    t2w_alone: bool = False

    def to_json(self) -> dict[str, Any]:
        """The job as JSON values."""
        paths = {name: None if (path := getattr(self, name)) is None else str(path) for name in _PATHS}
        return {**vars(self), **paths, "settings": self.settings.model_dump(mode="json")}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        paths = {name: None if value[name] is None else Path(value[name]) for name in _PATHS}
        return cls(**{**value, **paths, "settings": Settings.model_validate(value["settings"])})

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The job of a folder."""
        return cls.from_json(json.loads((folder / JOB_NAME).read_text(encoding="utf-8")))

    def with_settings(self, assignments: Sequence[str]) -> Self:
        """The same with other settings."""
        return replace(self, settings=self.settings.override(assignments))

    def opened(self) -> Dataset:
        """The dataset as the fold divides it."""
        return Dataset.open(self.dataset).folded(self.fold)


def job_folder(work: Path, name: str, fold: int) -> Path:
    """Where the job of a method and a fold lies in a work folder."""
    return work / "runs" / f"{name}-fold{fold}"


def is_done(folder: Path) -> bool:
    """Whether a job has been trained and measured."""
    return (folder / RESULT_NAME).is_file()


def finished_jobs(work: Path, name: str = "*") -> list[Path]:
    """The folders of the jobs in a work folder that are done, by name; none where there is no such folder.

    Args:
        work: Of a comparison.
        name: Of a method; all where left out.
    """
    return [folder for folder in sorted((work / "runs").glob(f"{name}-fold*")) if is_done(folder)]


def known_job(folder: Path, wanted: Job) -> Job | None:
    """The job that a folder holds already, with the length that was planned for it then.

    Args:
        folder: Of the job.
        wanted: What it should be, but for its length.

    Returns:
        None where the folder holds no job.

    Raises:
        ConfigError: It holds another job.
    """
    if not (folder / JOB_NAME).is_file():
        return None
    held = Job.read(folder)
    if _without_length(held) != _without_length(wanted):
        raise ConfigError(
            f"{folder} was begun with other settings, data or minutes: remove it so that it is done again, or give "
            "another --work"
        )
    return held


def write_job(folder: Path, job: Job) -> None:
    """Begin a job's folder."""
    write_json(folder / JOB_NAME, job.to_json())


def steps_per_epoch(dataset: Dataset, settings: Settings, *, volumetric: bool = False) -> int:
    """Batches in an epoch over the training patients: of slices, or of whole stacks."""
    entries = dataset.split("train")
    n = len(entries) if volumetric else sum(entry.slices for entry in entries)
    return -(-n // settings.training.batch_size)


_PATHS = ("dataset", "init", "weights_of")
_LENGTH = ("training.epochs=1", "training.validate_every_epochs=1", "training.pictures_every_epochs=1")


def _without_length(job: Job) -> Job:
    return job.with_settings(_LENGTH)
