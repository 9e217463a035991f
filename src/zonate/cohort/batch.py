"""The cases of a batch: each has a folder, what is there already is left out, and what fails is set aside."""

import logging
from collections.abc import Callable, Mapping
from collections.abc import Sequence as Items
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from zonate.cohort.case_names import case_names
from zonate.cohort.outside import refuse_inside_study
from zonate.cohort.parallel import each_case
from zonate.cohort.set_aside import SetAside, attempt
from zonate.cohort.study_key import is_a_result
from zonate.cohort.workers import Workers
from zonate.errors import OutputError
from zonate.io.files import check_output_folder, folders_around, refuse_around, remove_half_written
from zonate.progress import Progress, hearing_stages

_log = logging.getLogger(__name__)
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


@dataclass(frozen=True)
class Place:
    """Where a study lies and its results go; absolute, since workers are elsewhere.

    Attributes:
        study: A folder or zip.
        folder: Of the case.
    """

    study: Path
    folder: Path


class StudyTask(Protocol[Result_co]):
    """What is done for one study; it goes to a worker."""

    def __call__(self, study: Path, folder: Path, *, case_id: str, overwrite: bool) -> Result_co: ...  # noqa: D102


class _Standing(Enum):
    """Of a case that may be done, whether it still must be."""

    COMPLETE = auto()
    TO_DO = auto()


@dataclass(frozen=True)
class Batch(Generic[Result]):
    """What became of the studies, each in the order given.

    Attributes:
        found: By case id, what was returned, or why the case was set aside.
        skipped: The case ids of those that were complete already.
    """

    found: Mapping[str, Result | SetAside]
    skipped: tuple[str, ...]

    @property
    def failed(self) -> dict[str, str]:
        """By case id, why it was set aside."""
        return {name: outcome.reason for name, outcome in self.found.items() if isinstance(outcome, SetAside)}


def places_of(studies: Items[Path], output: Path, case_id: str | None = None) -> dict[str, Place]:
    """By case id, where each study lies and goes: OUTPUT/<case_id>.

    Raises:
        ValueError: There is no study, or a name is no folder's.
        OutputError: Two of them have one name, or the output is a file, or lies inside a study.
    """
    names = case_names(studies, case_id)
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file, not a folder: give another output")
    refuse_inside_study(output, studies)
    return {name: Place(study.absolute(), output.absolute() / name) for name, study in zip(names, studies, strict=True)}


def do_studies(
    places: Mapping[str, Place],
    task: StudyTask[Result],
    workers: Workers,
    *,
    output: Path,
    record: str,
    is_complete: Callable[[str, Place], bool],
    overwrite: bool,
    resume: bool,
    progress: Progress,
    inputs: Items[Path] = (),
    check: Callable[[Path], None] = lambda _: None,
) -> Batch[Result]:
    """Do a task for each study whose folder may be written to.

    Args:
        places: As `places_of` gives them.
        task: With several workers, a function of a module, or a `functools.partial` of one.
        workers: As `Workers.of` gives them.
        output: The folder of the cases' folders.
        record: The name of the JSON file of a case that says what it was made from.
        is_complete: Whether the results of a case are there already, of the same study and settings. A case of which
            that cannot be told, since its study cannot be read, is set aside.
        overwrite: Whether a case folder that holds something may be replaced.
        resume: Whether cases that are complete are skipped.
        progress: Told what is looked for, after each study, and what is begun of those in hand.
        inputs: What is read besides the studies.
        check: Raises where a case folder may not be written to for another reason.
    """
    remove_half_written(output, places)
    around = folders_around([*(place.study for place in places.values()), *inputs])

    def standing(name: str, place: Place) -> _Standing:
        if resume and is_complete(name, place):
            return _Standing.COMPLETE
        refuse_around(place.folder, around)
        _refuse_what_it_holds(place.folder, record, check, overwrite=overwrite, resume=resume)
        return _Standing.TO_DO

    skipped: list[str] = []
    refused: dict[str, SetAside] = {}
    tasks: dict[str, Callable[[], Result]] = {}
    for name, place in places.items():
        if resume:  # which looks at every file of a study
            progress(len(skipped) + len(refused), len(places), f"{name}: looking for results")
        match attempt(name, partial(standing, name, place)):
            case SetAside() as refusal:
                refused[name] = refusal
            case _Standing.COMPLETE:
                skipped.append(name)
            case _Standing.TO_DO:
                tasks[name] = partial(task, place.study, place.folder, case_id=name, overwrite=overwrite)
    read = {name: (places[name].study, *inputs) for name in tasks}
    before = len(skipped) + len(refused)
    ended = refused | do_cases(
        tasks, workers, output=output, folders_in=output, inputs=read, progress=progress, before=before
    )
    return Batch({name: ended[name] for name in places if name in ended}, tuple(skipped))


def _refuse_what_it_holds(
    folder: Path, record: str, check: Callable[[Path], None], *, overwrite: bool, resume: bool
) -> None:
    """Refuse a case folder that may not be written to; of a result, resuming says why it is not taken for complete."""
    made_otherwise = resume and not overwrite and is_a_result(folder / record)
    check_output_folder(folder, overwrite=overwrite or made_otherwise)
    check(folder)
    if made_otherwise:
        raise OutputError(
            f"{folder} was made from another study, model, settings or version, or its alignment was cut short: "
            "--resume --overwrite makes it again"
        )


def do_cases(
    tasks: Mapping[str, Callable[[], Result]],
    workers: Workers,
    *,
    output: Path,
    folders_in: Path,
    inputs: Mapping[str, Items[Path]],
    progress: Progress,
    before: int,
) -> dict[str, Result | SetAside]:
    """Do the tasks of cases, tell of each, and remove what workers that were killed have half written.

    Args:
        tasks: As `each_case` takes them, like `output` and `inputs`.
        workers: As `Workers.of` gives them.
        output: The folder that the tasks write into.
        folders_in: The folder of the cases' own folders.
        inputs: What is read of each case.
        progress: Told at the beginning and after each case, and what is begun of those in hand.
        before: How many cases of the batch had ended before.
    """
    total, crew = before + len(tasks), workers.fitted(len(tasks))
    if crew.scheduler is None:
        _log.info("%d cases, %d at a time", len(tasks), crew.number)
    progress(before, total, "")
    found: dict[str, Result | SetAside] = {}

    def tell_stage(stage: str) -> None:
        progress(before + len(found), total, stage)

    try:
        with (
            hearing_stages(tell_stage),
            closing(each_case(tasks, crew, output=output, inputs=inputs)) as outcomes,
        ):
            for case_id, outcome in outcomes:
                found[case_id] = outcome
                progress(before + len(found), total, case_id)
    finally:
        remove_half_written(folders_in, tasks)
    return found
