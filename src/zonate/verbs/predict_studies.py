"""Segment studies: a folder each of zones, figures, pictures and what other systems read."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zonate.errors import OutputError
from zonate.io.files import atomic_folder, check_output_folder
from zonate.io.opening import case_id_of
from zonate.load import LoadedStudy, load_study
from zonate.measures.psa import check_psa
from zonate.progress import Progress, silent
from zonate.shipped import model_path
from zonate.study import Sequence
from zonate.verbs.outputs import write_outputs
from zonate.verbs.parallel import SetAside, attempt, cases_at_a_time, each_case
from zonate.verbs.segment import Segmenter


@dataclass(frozen=True)
class PredictResult:
    """What became of the studies.

    Attributes:
        done: The folder of each case that is done, in the order given.
        failed: By case_id, why it was set aside.
    """

    done: tuple[Path, ...]
    failed: Mapping[str, str]


def predict_studies(
    studies: Items[Path],
    output: Path,
    model: Path | str | None = None,
    *,
    settings: Items[str] = (),
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    psa_ng_ml: float | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    progress: Progress = silent,
) -> PredictResult:
    """Write the zones of each study, and what is made of them, into OUTPUT/<case_id>/; see `write_outputs`.

    A case's folder appears whole or not at all. A study that cannot be segmented is set aside and the rest go on.
    Where there are several jobs, studies are read and aligned side by side, ahead of the network, which takes one
    after another; the same studies give the same volumes, figures, surfaces and pictures, bit for bit, whatever their
    order and the number of jobs. DICOM objects and reports name the moment that they were made at.

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
        jobs: How many studies to read and align at a time, each in a process of its own, see
            `zonate.verbs.parallel`; 0: as many as cores and memory allow.
        progress: Told after each study.

    Raises:
        ValueError: No study; a case_id, overrides or a PSA for more than one; a case_id that is no folder name; a PSA
            that cannot be one; a negative number of jobs.
        ModelError: The model cannot be read, or none ships with this installation.
        ConfigError: A setting is unknown, does not fit, or is part of what was trained.
        OutputError: Two studies would be written to one folder, or the output is a file.
    """
    if not studies:
        raise ValueError("no study to segment")
    if len(studies) > 1 and (case_id is not None or overrides or psa_ng_ml is not None):
        raise ValueError("a case_id, series overrides and a PSA belong to one study: give one study at a time")
    if psa_ng_ml is not None:
        check_psa(psa_ng_ml)
    names = [case_id] if case_id is not None else [case_id_of(study) for study in studies]
    _refuse_bad_names(names)
    _refuse_same_names(names, studies)
    jobs = cases_at_a_time(jobs, len(studies))
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file, not a folder: give another output")
    file = model_path(model)
    segmenter = Segmenter.load(file, settings)

    def check(name: str) -> None:
        check_output_folder(output / name, overwrite=overwrite, inputs=[*studies, file])
        refuse_corrections(name)

    def refuse_corrections(name: str) -> None:
        if corrections := sorted((output / name).glob("zones.edited*")):
            raise OutputError(
                f"{output / name} holds corrections by hand ({corrections[0].name}), which are not overwritten: move "
                "them, or give another output"
            )

    def write(name: str, loaded: LoadedStudy) -> None:
        zones = segmenter.segment(loaded.case, psa_ng_ml=psa_ng_ml)
        with atomic_folder(output / name, overwrite=overwrite) as folder:
            write_outputs(folder, loaded, zones, segmenter)
            refuse_corrections(name)  # one may have been saved meanwhile

    found: dict[str, SetAside | None] = {name: attempt(name, partial(check, name)) for name in names}
    to_load = {
        name: partial(load_study, study, segmenter.settings, case_id=name, overrides=overrides)
        for study, name in zip(studies, names, strict=True)
        if found[name] is None
    }
    refused = len(names) - len(to_load)
    progress(refused, len(names), "")
    with closing(each_case(to_load, jobs=jobs)) as each:
        for number, (name, loaded) in enumerate(each, start=1):
            found[name] = loaded if isinstance(loaded, SetAside) else attempt(name, partial(write, name, loaded))
            progress(refused + number, len(names), name)
    return PredictResult(
        done=tuple(output / name for name in names if found[name] is None),
        failed={name: outcome.reason for name in names if (outcome := found[name]) is not None},
    )


def _refuse_bad_names(names: Items[str]) -> None:
    """A case_id is a folder below the output: nothing that leads elsewhere or hides."""
    for name in names:
        if not name or name.startswith(".") or "/" in name or "\\" in name:
            raise ValueError(f"the case_id {name!r} is no folder name: give one without slashes or a leading dot")


def _refuse_same_names(names: Items[str], studies: Items[Path]) -> None:
    for name in names:
        same = [str(study) for study, other in zip(studies, names, strict=True) if other == name]
        if len(same) > 1:
            raise OutputError(
                f"the studies {' and '.join(same)} are both called {name} and would be written to one folder: "
                "segment them one at a time, with a case id each (--case-id)"
            )
