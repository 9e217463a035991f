"""`zonate prepare`: from studies with labels to a dataset."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence as Items
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from zonate.case import Case
from zonate.config import Settings
from zonate.dataset.cases import CASES_FOLDER, CaseRecord, Origin, case_folder, read_record, write_case
from zonate.dataset.importers import LAYOUTS, Source, read_manifest
from zonate.dataset.importers.identity import settings_json, source_key
from zonate.dataset.labels import map_labels, place_labels
from zonate.dataset.slices import slice_case
from zonate.dataset.splits import Candidate, Split, check_no_leakage, split_cases
from zonate.dataset.store import INDEX_NAME, write_index
from zonate.errors import DatasetError, LabelError, OutputError
from zonate.geometry import Volume
from zonate.io.files import claim_output_folder
from zonate.io.nifti import read_volume
from zonate.load import load_case
from zonate.progress import Progress, silent
from zonate.verbs.parallel import SetAside, cases_at_a_time, each_case
from zonate.zones import LabelCode, told_apart

_TEMPORARY = re.compile(r"\.[0-9a-f]{8}\.")  # as io.files.atomic_path names them


@dataclass(frozen=True)
class PrepareResult:
    """What became of the cases.

    Attributes:
        path: The dataset; it has no index, so cannot be opened, where every case failed.
        done: Cases prepared now.
        skipped: Cases that were complete already, of unchanged sources and settings.
        failed: From case id to the reason; these are not in the dataset.
        warnings: What a person should know, case by case.
    """

    path: Path
    done: tuple[str, ...]
    skipped: tuple[str, ...]
    failed: Mapping[str, str]
    warnings: tuple[str, ...]


def prepare(
    output: Path,
    *,
    manifests: Items[Path] = (),
    source: Path | None = None,
    layout: str | None = None,
    settings: Settings = Settings(),  # noqa: B008 (frozen)
    overwrite: bool = False,
    jobs: int = 1,
    progress: Progress = silent,
) -> PrepareResult:
    """Turn studies with labels into a dataset; called again, it resumes.

    A case that is complete and whose source and settings are unchanged is kept. A case that fails is set aside and the
    others are finished. The index is written last; it lists the cases of this call that succeeded. The same sources
    and settings give the same files, bit for bit, whatever the order of the cases and the number of jobs.

    Args:
        output: The dataset's folder: new, empty, or one that `prepare` began.
        manifests: CSV files of cases, see `zonate.dataset.importers.manifest`.
        source: A folder that has a public layout.
        layout: The name of that layout, a key of `LAYOUTS`.
        settings: reading, alignment, slicing and split are used.
        overwrite: Whether an output that holds something is emptied first.
        jobs: How many cases at a time, each in a process of its own, see `zonate.verbs.parallel`; 0: as many as cores
            and memory allow.
        progress: Told after each case.

    Raises:
        ValueError: A negative number of jobs.
        DatasetError: There is nothing to prepare, a manifest or layout is not what it should be, or two cases have one
            id.
        LeakageError: Manifests put a patient on two sides of the split.
        OutputError: The output holds something else, or cases that this call does not name.
    """
    sources = _sources(manifests, source, layout)
    jobs = cases_at_a_time(jobs, len(sources))
    _claim(output, sources, overwrite)
    kept = _unchanged(output, sources, settings)
    to_make = [case for case in sources if case.case_id not in kept]
    made, failed = _make_each(output, to_make, settings, jobs, progress, len(kept))
    complete = {**kept, **made}
    by_id = sorted(sources, key=lambda case: case.case_id)  # so that the order of the sources changes nothing
    records = [(case, complete[case.case_id]) for case in by_id if case.case_id in complete]
    warnings = [f"case {r.case_id}: {text}" for _, r in records for text in r.origin.provenance["warnings"]]
    if records:
        splits = split_cases([_candidate(case, record) for case, record in records], settings.split)
        split_records = [(record, split) for (_, record), split in zip(records, splits, strict=True)]
        warnings += _seen_in_training(split_records)
        write_index(output, split_records, settings)
    else:
        (output / INDEX_NAME).unlink(missing_ok=True)
    return PrepareResult(output, tuple(made), tuple(kept), failed, tuple(warnings))


def _sources(manifests: Items[Path], source: Path | None, layout: str | None) -> list[Source]:
    sources = [case for manifest in manifests for case in read_manifest(manifest)]
    if (source is None) != (layout is None):
        raise DatasetError(f"a source folder needs a layout, and a layout a source folder: known are {_known()}")
    if source is not None and layout is not None:
        if layout not in LAYOUTS:
            raise DatasetError(f"there is no layout {layout!r}: known are {_known()}")
        sources += LAYOUTS[layout](source)
    if not sources:
        raise DatasetError("there is nothing to prepare: give a manifest, or a source folder and its layout")
    for case_id, count in Counter(case.case_id for case in sources).items():
        if count > 1:
            places = "; ".join(case.where for case in sources if case.case_id == case_id)
            raise DatasetError(f"the case id {case_id} is given {count} times: {places}. Give each case its own")
    check_no_leakage((case.patient_id, case.side) for case in sources if case.side and case.use != "evaluation")
    return sources


def _known() -> str:
    return ", ".join(sorted(LAYOUTS))


def _claim(output: Path, sources: Items[Source], overwrite: bool) -> None:
    """Make the output ready for a first call or for resuming."""
    cases = output / CASES_FOLDER
    if overwrite or not (cases.is_dir() or (output / INDEX_NAME).is_file()):
        claim_output_folder(output, overwrite=overwrite, inputs=[path for case in sources for path in _inputs(case)])
    cases.mkdir(exist_ok=True)
    visible = {folder.name for folder in cases.iterdir() if not folder.name.startswith(".")}
    strangers = sorted(visible - {case.case_id for case in sources})
    if strangers:
        raise OutputError(
            f"{output} holds cases that this call does not name ({', '.join(strangers[:5])}"
            f"{', …' if len(strangers) > 5 else ''}): name their manifests too, give another folder, or --overwrite"
        )
    _remove_leftovers(cases)


def _inputs(case: Source) -> list[Path]:
    """Everything that is read for a case."""
    images = [case.inputs] if isinstance(case.inputs, Path) else list(case.inputs.values())
    return [case.root, *images, *([case.labels] if case.labels is not None else [])]


def _remove_leftovers(cases: Path) -> None:
    """Remove the temporary folders of a call that was killed; other hidden things are not ours."""
    for folder in cases.iterdir():
        if _TEMPORARY.match(folder.name) and folder.is_dir():
            shutil.rmtree(folder)


def _unchanged(output: Path, sources: Items[Source], settings: Settings) -> dict[str, CaseRecord]:
    """The cases that lie there complete, made from these very sources and settings."""
    found: dict[str, CaseRecord] = {}
    for source in sources:
        try:
            record = read_record(output, source.case_id)
            if record is not None and record.origin.source_key == source_key(source, settings):
                found[source.case_id] = record
        except Exception:  # noqa: BLE001, S112  (it is made again, and says itself what is wrong)
            continue
    return found


def _make_each(
    output: Path, sources: Items[Source], settings: Settings, jobs: int, progress: Progress, kept: int
) -> tuple[dict[str, CaseRecord], dict[str, str]]:
    """The records of those that could be made, and the reasons of those that could not, each in the order given."""
    if any(case_folder(output, source.case_id).exists() for source in sources):
        (output / INDEX_NAME).unlink(missing_ok=True)  # an index must not speak of a case that is being replaced
    total = kept + len(sources)
    progress(kept, total, "")
    tasks = {source.case_id: partial(_make, output, source, settings) for source in sources}
    found: dict[str, CaseRecord | SetAside] = {}
    with closing(each_case(tasks, jobs=jobs)) as outcomes:
        for case_id, outcome in outcomes:
            found[case_id] = outcome
            progress(kept + len(found), total, case_id)
    _remove_leftovers(output / CASES_FOLDER)  # of processes that died
    made: dict[str, CaseRecord] = {}
    failed: dict[str, str] = {}
    for source in sources:
        outcome = found[source.case_id]
        if isinstance(outcome, SetAside):
            failed[source.case_id] = outcome.reason
        else:
            made[source.case_id] = outcome
    return made, failed


def _make(output: Path, source: Source, settings: Settings) -> CaseRecord:
    """Prepare one case; in a process of its own where there are several jobs."""
    labels = _checked_labels(source)
    key = source_key(source, settings)
    codes = tuple(sorted({code for code in source.label_codes.values() if code != LabelCode.NOT_ANNOTATED}))
    told_apart(codes)  # refuse codes that no network could learn from before the long part
    case = load_case(source.inputs, settings, case_id=source.case_id)
    reference = _reference(source, labels, case)
    slices = slice_case(replace(case, labels=reference), settings.slicing)
    origin = Origin(
        patient_id=source.patient_id,
        dataset=source.dataset,
        licence=source.licence,
        use=source.use,
        codes=codes,
        source_key=key,
        provenance=_provenance(source, case, settings),
    )
    return write_case(output, slices, reference, origin)


def _checked_labels(source: Source) -> Path:
    """The label file, once it is sure that every file is there."""
    if source.labels is None:
        raise LabelError(f"case {source.case_id} ({source.where}): there are no labels to learn from")
    for name, path in source.files.items():
        if not path.exists():
            raise DatasetError(f"case {source.case_id} ({source.where}, {name}): {path} does not exist")
    return source.labels


def _reference(source: Source, labels: Path, case: Case) -> Volume:
    """The label codes (S, H, W) on the T2W grid."""
    volume = place_labels(read_volume(labels), case.t2w.grid, source.case_id)
    return volume.with_values(map_labels(volume.values, source.label_codes, source.case_id))


def _provenance(source: Source, case: Case, settings: Settings) -> dict[str, Any]:
    alignment = case.alignment.to_json()
    del alignment["seconds"]  # the same input gives the same bits
    return {
        "source": Path(source.where).name.partition(", line ")[0],  # a row may move
        "files": {name: Path(os.path.relpath(path, source.root)).as_posix() for name, path in source.files.items()},
        "label_codes": {str(value): code.name for value, code in sorted(source.label_codes.items())},
        "alignment": alignment,
        "dwi_b_value_s_mm2": case.dwi_b_value_s_mm2,
        "warnings": [*source.notes, *case.warnings],
        "versions": {name: metadata.version(name) for name in ("zonate", "numpy", "SimpleITK-SimpleElastix", "zarr")},
        "settings": settings_json(settings),
    }


def _candidate(source: Source, record: CaseRecord) -> Candidate:
    return Candidate(source.patient_id, record.gland_volume_ml, source.use == "evaluation", source.side)


def _seen_in_training(records: Items[tuple[CaseRecord, Split]]) -> list[str]:
    """Evaluation rows of patients who train: allowed, but no score of an unseen patient."""
    trained = {record.origin.patient_id for record, split in records if split == "train"}
    return [
        f"case {record.case_id}: it is for evaluation, but other cases of its patient train, so that a score on it is "
        "not one of an unseen patient"
        for record, split in records
        if split == "evaluation" and record.origin.patient_id in trained
    ]
