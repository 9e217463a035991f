"""Segment studies: zones on the original T2W grid, volumes, and a picture to judge them by."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zonate.case import NO_ALIGNMENT, Case
from zonate.config import Settings
from zonate.dataset.slices import Slices, slice_case
from zonate.errors import OutputError, StudyError
from zonate.io.files import atomic_folder, check_output_folder, write_json
from zonate.io.nifti import write_volume
from zonate.io.opening import case_id_of
from zonate.load import load_case
from zonate.model import Model
from zonate.pictures.qc import draw_qc
from zonate.pictures.zones import RESEARCH_USE
from zonate.plausibility import implausibilities
from zonate.progress import Progress, silent
from zonate.study import Sequence
from zonate.verbs.model_json import model_to_json
from zonate.verbs.parallel import SetAside, attempt, cases_at_a_time, each_case
from zonate.zonemap import ZoneMap
from zonate.zones import STRUCTURES, code_name, structure_codes

DICOM_OUTPUTS = ("zones.seg.dcm", "measurements.sr.dcm", "sectors.seg.dcm")


@dataclass(frozen=True)
class PredictResult:
    """What became of the studies.

    Attributes:
        done: The folder of each case that is done, in the order given.
        failed: By case_id, why it was set aside.
    """

    done: tuple[Path, ...]
    failed: Mapping[str, str]


def predict(
    studies: Items[Path],
    output: Path,
    model: Path,
    *,
    settings: Settings | None = None,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    progress: Progress = silent,
) -> PredictResult:
    """Write `zones.nii.gz`, `zones.json` and `qc.png` of each study into OUTPUT/<case_id>/.

    A case's folder appears whole or not at all. A study that cannot be segmented is set aside and the rest go on.
    Where there are several jobs, studies are read and aligned side by side, ahead of the network, which takes one
    after another; the same studies give the same files, bit for bit, whatever their order and the number of jobs.

    Args:
        studies: Folders or zips of DICOM, or folders of NIfTI, MHA or NRRD volumes.
        output: Folder of the cases' folders.
        model: A model file or a run folder.
        settings: How to read and align; None: as the model's own training cases were. How a case is sliced is
            always the model's.
        case_id: In place of the study's name; for one study only.
        overrides: Series numbers for roles; for one study only.
        overwrite: Whether a case folder that holds something may be replaced.
        jobs: How many studies to read and align at a time, each in a process of its own, see
            `zonate.verbs.parallel`; 0: as many as cores and memory allow.
        progress: Told after each study.

    Raises:
        ValueError: No study; a case_id or overrides for more than one; a case_id that is no folder name; a negative
            number of jobs.
        ModelError: The model cannot be read.
        OutputError: Two studies would be written to one folder, or the output is a file.
    """
    if not studies:
        raise ValueError("no study to segment")
    if len(studies) > 1 and (case_id is not None or overrides):
        raise ValueError("a case_id and series overrides belong to one study: give one study at a time")
    names = [case_id] if case_id is not None else [case_id_of(study) for study in studies]
    _refuse_bad_names(names)
    _refuse_same_names(names, studies)
    jobs = cases_at_a_time(jobs, len(studies))
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file, not a folder: give another output")
    trained = Model.load(model)
    used = (settings or trained.settings).model_copy(update={"slicing": trained.settings.slicing})
    if not any(trained.channels[1:]):  # nothing looks at DWI and ADC: registering them would be time for nothing
        used = used.override(["alignment.method=header"])
    about_model = model_to_json(trained, model)

    def check(name: str) -> None:
        check_output_folder(output / name, overwrite=overwrite, inputs=[*studies, model])

    def write(name: str, case: Case) -> None:
        _write_case(case, trained, about_model, used, output / name, overwrite=overwrite)

    found: dict[str, SetAside | None] = {name: attempt(name, partial(check, name)) for name in names}
    to_load = {
        name: partial(load_case, study, used, case_id=name, overrides=overrides)
        for study, name in zip(studies, names, strict=True)
        if found[name] is None
    }
    refused = len(names) - len(to_load)
    progress(refused, len(names), "")
    with closing(each_case(to_load, jobs=jobs)) as cases:
        for number, (name, case) in enumerate(cases, start=1):
            found[name] = case if isinstance(case, SetAside) else attempt(name, partial(write, name, case))
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


def _write_case(
    case: Case, model: Model, about_model: Mapping[str, Any], settings: Settings, folder: Path, *, overwrite: bool
) -> None:
    slices = slice_case(case, settings.slicing)
    zones = model.segment(slices)
    if not zones.labels.grid.same_as(case.t2w.grid):
        raise StudyError(f"case {case.case_id}: the zones do not lie on the T2W grid, so nothing was written")
    warnings = _warnings(case, zones, slices, model.channels)
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        write_volume(temporary / "zones.nii.gz", zones.labels)
        write_json(temporary / "zones.json", _report(case, zones, model.channels, about_model, warnings))
        draw_qc(
            temporary / "qc.png", case, zones, known=model.channels, model_name=about_model["name"], warnings=warnings
        )


def _warnings(case: Case, zones: ZoneMap, slices: Slices, known: tuple[bool, bool, bool]) -> tuple[str, ...]:
    """What may make the result worthless comes first."""
    missed = [sequence.name for sequence in (Sequence.DWI, Sequence.ADC) if known[sequence]]
    unusable = case.alignment.chosen == "none" and case.alignment != NO_ALIGNMENT
    if not (missed and unusable):
        return (*implausibilities(zones, slices, known), *case.warnings)
    t2w_alone = (
        f"the zones come from T2W alone: {case.alignment.reason}. The model learnt with {' and '.join(missed)} and saw "
        "the mean everywhere in place of them"
    )
    others = (text for text in case.warnings if text != case.alignment.reason)
    return (t2w_alone, *implausibilities(zones, slices, (True, False, False)), *others)


def _report(
    case: Case, zones: ZoneMap, known: tuple[bool, bool, bool], about_model: Mapping[str, Any], warnings: Items[str]
) -> dict[str, Any]:
    volumes = zones.volumes_ml()
    alignment = case.alignment.to_json()
    del alignment["seconds"]  # the same study gives the same bits
    gland_ml = volumes["GLAND"]
    return {
        "case_id": case.case_id,
        "zonate_version": version("zonate"),
        "intended_use": RESEARCH_USE,
        "model": dict(about_model),
        "codes": {str(int(code)): code_name(code) for code in zones.codes},
        "volume_ml": {name: _rounded(volume) for name, volume in volumes.items()},
        "gland_volume_ml": _rounded(gland_ml),
        "grid": {
            "shape_shw": list(case.t2w.grid.shape),
            "spacing_mm_shw": [round(spacing, 6) for spacing in case.t2w.grid.spacing_mm],
        },
        "channels": {
            sequence.name: {"present": volume is not None, "used": volume is not None and known[sequence]}
            for sequence, volume in case.channels().items()
        },
        "dwi_b_value_s_mm2": case.dwi_b_value_s_mm2,
        "alignment": alignment,
        "warnings": list(warnings),
        "not_given": _not_given(case, zones),
    }


def _not_given(case: Case, zones: ZoneMap) -> dict[str, str]:
    """What a reader may look for and does not find, with the reason."""
    # DICOM always names a frame of reference; no file of volumes does.
    if case.t2w.grid.frame_of_reference is None:
        why = "the study is a folder of volumes, not DICOM: there are no headers to refer to"
    else:
        why = "this version does not write DICOM objects"
    missing = dict.fromkeys(DICOM_OUTPUTS, why)
    for structure in STRUCTURES:
        if structure_codes(structure, zones.codes) is None:
            missing[f"volume_ml.{structure}"] = "the model was trained on labels that do not tell it apart"
    return missing


def _rounded(volume_ml: float | None) -> float | None:
    return None if volume_ml is None else round(volume_ml, 4)
