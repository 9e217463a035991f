"""One case of a dataset, from its source on disk to the store."""

import os
from importlib import metadata
from pathlib import Path
from typing import Any

from zonate.anatomy import examine
from zonate.case import Case
from zonate.config import Settings
from zonate.dataset.annotation import read_annotation
from zonate.dataset.cases import CaseRecord, Origin, write_case
from zonate.dataset.importers import Source
from zonate.dataset.importers.identity import label_codes_json, settings_json, source_key
from zonate.errors import DatasetError, GeometryError, LabelError, StudyError
from zonate.load import load_case
from zonate.preprocessing.image_digest import image_digest
from zonate.preprocessing.slices import slice_labelled
from zonate.study import Sequence
from zonate.suitability import refuse_unsuitable
from zonate.zones import GLAND, LabelCode, drawn_within, told_apart


def prepare_case(output: Path, source: Source, settings: Settings) -> CaseRecord:
    """Read a source, check its labels against anatomy, and write the case; whole or not at all.

    Args:
        output: The dataset's folder.
        source: With labels.
        settings: reading, alignment, checking and slicing are used.

    Raises:
        DatasetError: A file does not exist.
        LabelError: There are no labels, their codes cannot be learnt from, they hold a value that was not declared, or
            they lie as no prostate does.
        GeometryError: The labels do not lie on the T2W grid.
        StudyError: A file cannot be read, or the T2W is one that `predict` refuses for another reason than few slices.
    """
    _check_files(source)
    _check_codes(source)
    key = source_key(source, settings)
    case, lost = _load(source, settings)
    if not case.alignment.repeatable:
        key = ""
    refuse_unsuitable(case, least_slices=1)
    reference, notes = read_annotation(source, case.t2w.grid)
    anatomy = examine(reference, source.codes, case.t2w)
    if anatomy.refusals and settings.checking.anatomy == "refuse":
        raise LabelError(
            f"case {source.case_id} ({source.where}): {'; '.join(anatomy.refusals)}. Correct the labels or their "
            'declared codes; checking.anatomy = "warn" takes them as they are'
        )
    doubts = [] if settings.checking.anatomy == "off" else [*anatomy.refusals, *anatomy.warnings]
    slices = slice_labelled(case, reference, settings.slicing)
    origin = Origin(
        patient_id=source.patient_id,
        dataset=source.dataset,
        licence=source.licence,
        use=source.use,
        codes=source.codes,
        source_key=key,
        provenance={
            **_provenance(source, case, settings),
            "anatomy": {"figures": dict(anatomy.figures), "doubts": [*anatomy.refusals, *anatomy.warnings]},
            "warnings": [*source.notes, *lost, *case.warnings, *notes, *doubts],
        },
        citation=source.citation,
        reader=source.reader,
        image_id=source.image_id,
        derived_from=source.derived_from,
    )
    return write_case(output, slices, reference, origin, image_digest=image_digest(case.t2w))


def _check_files(source: Source) -> None:
    """Make sure that there are labels and that every file is there."""
    if not source.labels:
        raise LabelError(f"case {source.case_id} ({source.where}): there are no labels to learn from")
    for name, path in source.files.items():
        if not path.exists():
            raise DatasetError(f"case {source.case_id} ({source.where}, {name}): {path} does not exist")


def _check_codes(source: Source) -> None:
    """Refuse codes that no network could learn from, or would learn wrongly from, before the long part."""
    told_apart(source.codes)
    if LabelCode.BACKGROUND not in source.codes:
        return
    unnamed = GLAND - drawn_within(GLAND, source.codes)
    if unnamed:
        raise LabelError(
            f"case {source.case_id} ({source.where}): the label codes {', '.join(code.name for code in source.codes)} "
            f"have no place for {', '.join(zone.name for zone in sorted(unnamed))}, which would be learnt as "
            "background: declare the coarser code that was drawn (CENTRAL_GLAND for all of the gland that is not PZ), "
            "or the value of the background as NOT_ANNOTATED"
        )


def _load(source: Source, settings: Settings) -> tuple[Case, tuple[str, ...]]:
    """The case; and of channels that the importer found by name alone, which turned out not to be what it says."""
    try:
        return load_case(source.inputs, settings, case_id=source.case_id), ()
    except (StudyError, GeometryError) as error:
        if not source.lenient_channels or isinstance(source.inputs, Path):
            raise
        reason = str(error)
        failed = error
    roles = set(source.inputs)
    for lost in ({Sequence.DWI}, {Sequence.ADC}, {Sequence.DWI, Sequence.ADC}):
        if lost <= roles:
            try:
                kept = {role: source.inputs[role] for role in roles - lost}
                case = load_case(kept, settings, case_id=source.case_id)
            except (StudyError, GeometryError):
                continue
            return case, (f"{' and '.join(role.name for role in sorted(lost))} left out: {reason}",)
    raise failed


def _provenance(source: Source, case: Case, settings: Settings) -> dict[str, Any]:
    alignment = case.alignment.to_json()
    del alignment["seconds"]  # the same input gives the same bits
    return {
        "source": Path(source.where).name.partition(", line ")[0],  # a row may move
        "files": {name: Path(os.path.relpath(path, source.root)).as_posix() for name, path in source.files.items()},
        "label_codes": label_codes_json(source),
        "alignment": alignment,
        "dwi_b_value_s_mm2": case.dwi_b_value_s_mm2,
        "versions": {name: metadata.version(name) for name in ("zonate", "numpy", "SimpleITK-SimpleElastix", "zarr")},
        "settings": settings_json(settings),
    }
