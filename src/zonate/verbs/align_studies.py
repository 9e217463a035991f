"""Align studies: a folder each of volumes on one grid, with the record and the picture by which to judge them."""

import json
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Self

from zonate.case import AlignmentRecord
from zonate.cohort.batch import do_studies, places_of
from zonate.cohort.workers import Workers
from zonate.config import Settings
from zonate.errors import OutputError
from zonate.progress import Progress, silent
from zonate.verbs.align import ALIGNMENT_NAME, DEFAULT_SETTINGS, align, is_aligned


@dataclass(frozen=True)
class Aligned:
    """A study that is aligned.

    Attributes:
        record: What was done, with its figures.
        warnings: What a person should know.
    """

    record: AlignmentRecord
    warnings: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """As `align` wrote it."""
        told = json.loads((folder / ALIGNMENT_NAME).read_text(encoding="utf-8"))
        record = AlignmentRecord(**{field.name: told[field.name] for field in fields(AlignmentRecord)})
        return cls(record, tuple(told["warnings"]))


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
    studies: Items[Path],
    output: Path,
    settings: Settings = DEFAULT_SETTINGS,
    *,
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
        overwrite: Whether a case folder that holds something may be replaced.
        resume: Whether cases are skipped that are complete and made from the same study and settings, by the same
            version of Zonate.
        workers: As in `predict_studies`.
        progress: Told after each study, and what is begun of the one in hand where one process does them.

    Raises:
        ValueError: No study, or one whose name is no folder's; a negative number of workers.
        ConfigError: No scheduler answers.
        OutputError: Two studies would be written to one folder, or the output is a file or lies inside a study.
    """
    crew = Workers.of(workers)
    places = places_of(studies, output)
    batch = do_studies(
        places,
        partial(align_study, settings=settings),
        crew,
        output=output,
        is_complete=lambda name, place: is_aligned(place.study, place.folder, settings, case_id=name),
        overwrite=overwrite,
        resume=resume,
        progress=progress,
    )
    return AlignStudiesResult(
        done={output / name: outcome for name, outcome in batch.found.items() if isinstance(outcome, Aligned)},
        failed=batch.failed,
        skipped=tuple(output / name for name in batch.skipped),
    )


def align_study(study: Path, folder: Path, settings: Settings, *, case_id: str, overwrite: bool) -> Aligned:
    """Align one study of several: what a worker does.

    Raises:
        ZonateError: The study cannot be aligned, or its folder may not be written to.
    """
    if overwrite or not is_aligned(study, folder, settings, case_id=case_id):  # else a worker died before it said so
        try:
            align(study, folder, settings, case_id=case_id, overwrite=overwrite)
        except OutputError:
            if overwrite or not is_aligned(study, folder, settings, case_id=case_id):  # else one thought lost wrote it
                raise
    return Aligned.read(folder)
