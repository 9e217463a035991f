"""Align studies: a folder each of volumes on one grid, with the record and the picture by which to judge them."""

import json
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Self, TypedDict

from zonate.alignment.landmarks import LandmarkErrors
from zonate.case import AlignmentRecord
from zonate.cohort.batch import do_studies, places_of
from zonate.cohort.workers import Workers
from zonate.config import Settings
from zonate.errors import OutputError
from zonate.io.landmarks import read_landmark_pairs
from zonate.io.paths import Paths, paths_of
from zonate.progress import Progress, silent
from zonate.study import Sequence
from zonate.verbs.align import ALIGNMENT_NAME, DEFAULT_SETTINGS, align, is_aligned, refuse_other_things


class _OfOne(TypedDict):
    """What can be said of one study alone."""

    overrides: Mapping[Sequence, int] | None
    landmarks: Items[Path]


@dataclass(frozen=True)
class Aligned:
    """A study that is aligned.

    Attributes:
        record: What was done, with its figures.
        warnings: What a person should know.
        landmarks: How far landmarks lie from their places; None where none were given.
    """

    record: AlignmentRecord
    warnings: tuple[str, ...]
    landmarks: LandmarkErrors | None = None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """As `align` wrote it."""
        told = json.loads((folder / ALIGNMENT_NAME).read_text(encoding="utf-8"))
        record = AlignmentRecord(**{field.name: told[field.name] for field in fields(AlignmentRecord)})
        landmarks = None if told["landmarks"] is None else LandmarkErrors(**told["landmarks"])
        return cls(record, tuple(told["warnings"]), landmarks)


@dataclass(frozen=True)
class AlignStudiesResult:
    """What became of the studies.

    Attributes:
        done: By the folder of each case that is done, in the order given.
        failed: By case_id, why it was set aside.
        skipped: The folders of those that were complete already, of the same study and settings.
    """

    done: Mapping[Path, Aligned]
    failed: Mapping[str, str]
    skipped: tuple[Path, ...]


def align_studies(
    studies: Paths,
    output: Path | str,
    settings: Settings = DEFAULT_SETTINGS,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    landmarks: Paths = (),
    overwrite: bool = False,
    resume: bool = False,
    workers: int | Workers = 1,
    progress: Progress = silent,
) -> AlignStudiesResult:
    """Write into OUTPUT/<case_id>/ what `align` writes of each study.

    A study that cannot be aligned is set aside and the rest go on. The same studies give the same bits, whatever their
    order and the number of workers.

    Args:
        studies: Folders or zips, as `open_study` takes them.
        output: Folder of the cases' folders.
        settings: Of which `reading` and `alignment` are used.
        case_id: In place of the study's own name; for one study only.
        overrides: Series numbers to play a role; for one study only.
        landmarks: One or two files of point pairs, as `read_landmark_pairs` takes them; for one study only.
        overwrite: Whether a case folder that holds an alignment may be replaced.
        resume: Whether cases are skipped that are complete and made from the same study and settings, by the same
            version of Zonate.
        workers: As in `predict_studies`.
        progress: Told after each study, and what is begun of those in hand.

    Raises:
        ValueError: No study; a case_id, overrides or landmarks for more than one; a name that is no folder's; a
            negative number of workers.
        StudyError: The landmarks cannot be read.
        ConfigError: No scheduler answers.
        OutputError: Two studies would be written to one folder, or the output is a file or lies inside a study.
    """
    studies, output = paths_of(studies), Path(output)
    crew = Workers.of(workers)
    of_one: _OfOne = {"overrides": overrides, "landmarks": [file.absolute() for file in paths_of(landmarks)]}
    if len(studies) > 1 and (case_id is not None or any(of_one.values())):
        raise ValueError("a case_id, series numbers and landmarks belong to one study: give one study at a time")
    places = places_of(studies, output, case_id)
    if of_one["landmarks"]:
        read_landmark_pairs(of_one["landmarks"])  # here, since a reason that names labels must not be logged
    batch = do_studies(
        places,
        partial(align_study, settings=settings, **of_one),
        crew,
        output=output,
        record=ALIGNMENT_NAME,
        is_complete=lambda name, place: is_aligned(place.study, place.folder, settings, case_id=name, **of_one),
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        inputs=of_one["landmarks"],
        check=refuse_other_things,
    )
    return AlignStudiesResult(
        done={output / name: outcome for name, outcome in batch.found.items() if isinstance(outcome, Aligned)},
        failed=batch.failed,
        skipped=tuple(output / name for name in batch.skipped),
    )


def align_study(
    study: Path,
    folder: Path,
    settings: Settings,
    *,
    case_id: str,
    overrides: Mapping[Sequence, int] | None = None,
    landmarks: Items[Path] = (),
    overwrite: bool,
) -> Aligned:
    """Align one study of several: what a worker does.

    Raises:
        ZonateError: The study cannot be aligned, or its folder may not be written to.
    """

    def is_there() -> bool:
        return is_aligned(study, folder, settings, case_id=case_id, overrides=overrides, landmarks=landmarks)

    if overwrite or not is_there():  # else a worker died before it said so
        try:
            align(
                *(study, folder, settings),
                case_id=case_id,
                overrides=overrides,
                landmarks=landmarks,
                overwrite=overwrite,
            )
        except OutputError:
            if overwrite or not is_there():  # else one thought lost wrote it
                raise
    return Aligned.read(folder)
