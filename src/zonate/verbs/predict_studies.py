"""Segment studies: a folder each of zones, figures, pictures and what other systems read."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypedDict

from zonate.cohort.batch import Place, do_studies, places_of
from zonate.cohort.study_key import is_made_from
from zonate.cohort.workers import Workers
from zonate.io.paths import Paths, paths_of
from zonate.measures.psa import check_psa
from zonate.outputs.write import ZONES_NAME
from zonate.progress import Progress, silent
from zonate.shipped import model_path
from zonate.study import Sequence
from zonate.verbs.predict_study import ModelUse, forget_model, predict_study, predicted_from, refuse_corrections


class _OfOne(TypedDict):
    """What can be said of one study alone."""

    overrides: Mapping[Sequence, int] | None
    psa_ng_ml: float | None


@dataclass(frozen=True)
class PredictResult:
    """What became of the studies.

    Attributes:
        done: The folder of each case that is done, in the order given.
        failed: By case_id, why it was set aside.
        skipped: The folders of those that were complete already, of the same study, model and settings.
    """

    done: tuple[Path, ...]
    failed: Mapping[str, str]
    skipped: tuple[Path, ...] = ()


def predict_studies(
    studies: Paths,
    output: Path | str,
    model: Path | str | None = None,
    *,
    settings: Items[str] = (),
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    psa_ng_ml: float | None = None,
    overwrite: bool = False,
    resume: bool = False,
    workers: int | Workers = 1,
    progress: Progress = silent,
) -> PredictResult:
    """Write the zones of each study, and what is made of them, into OUTPUT/<case_id>/; see `write_outputs`.

    A case's folder appears whole or not at all. A study that cannot be segmented is set aside and the rest go on.
    Where there are several workers, each does one study at a time, from reading to writing; the same studies give the
    same results, whatever their order and the number of workers. DICOM objects and reports name the moment that they
    were made at.

    Args:
        studies: Folders or zips of DICOM, or folders of NIfTI, MHA or NRRD volumes.
        output: Folder of the cases' folders.
        model: A model file or a run folder; None or `shipped`: the weights that ship with the package.
        settings: To be changed, such as `alignment.method=rigid`; of the sections reading, alignment, prediction and
            output. What is not changed is as the model's own training cases were read and aligned.
        case_id: In place of the study's name; for one study only.
        overrides: Series numbers for roles; for one study only.
        psa_ng_ml: Prostate-specific antigen, for its density; for one study only.
        overwrite: Whether a case folder that holds something may be replaced.
        resume: Whether cases are skipped that are complete and made from the same study, model and settings, by the
            same version of Zonate.
        workers: How many studies at a time, each in a process of its own (0: as many as cores and memory allow), or
            which workers and what a study may take.
        progress: Told after each study, and what is begun of those in hand.

    Raises:
        ValueError: No study; a case_id, overrides or a PSA for more than one; a case_id that is no folder name; a PSA
            that cannot be one; a negative number of workers.
        ModelError: The model cannot be read, or none ships with this installation.
        ConfigError: A setting is unknown, does not fit, or is part of what was trained; no scheduler answers; or MONAI,
            whose network it is, is not installed.
        OutputError: Two studies would be written to one folder, or the output is a file or lies inside a study.
    """
    output, studies = Path(output), paths_of(studies)
    crew = Workers.of(workers)
    if len(studies) > 1 and (case_id is not None or overrides or psa_ng_ml is not None):
        raise ValueError("a case_id, series overrides and a PSA belong to one study: give one study at a time")
    if psa_ng_ml is not None:
        check_psa(psa_ng_ml)
    places = places_of(studies, output, case_id)
    file = model_path(model).absolute()
    use = ModelUse.of(file, settings)
    of_one: _OfOne = {"overrides": overrides, "psa_ng_ml": psa_ng_ml}

    def is_complete(name: str, place: Place) -> bool:
        key = predicted_from(place.study, use.segmenter(), case_id=name, **of_one)
        return is_made_from(place.folder / ZONES_NAME, key)

    try:
        batch = do_studies(
            places,
            partial(predict_study, use=use, **of_one),
            crew,
            output=output,
            record=ZONES_NAME,
            is_complete=is_complete,
            overwrite=overwrite,
            resume=resume,
            progress=progress,
            inputs=[file],
            check=refuse_corrections,
        )
    finally:
        forget_model()
    return PredictResult(
        done=tuple(output / name for name, outcome in batch.found.items() if outcome is None),
        failed=batch.failed,
        skipped=tuple(output / name for name in batch.skipped),
    )
