"""What `predict` leaves of a case: volumes, figures, pictures, surfaces, a report, and objects for a PACS."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zonate.case import Case
from zonate.helper import aside
from zonate.io.files import remove_left_behind, write_json
from zonate.io.nifti import write_volume
from zonate.load import LoadedStudy
from zonate.measurements import NO_SAMPLES, measurements_to_json, rounded, uncertainty_to_json
from zonate.measures.measure import sector_volumes_ml
from zonate.measures.sector_map import why_no_sectors
from zonate.outputs.put_aside import write_objects, write_report_object, write_surfaces
from zonate.pictures.qc import draw_qc
from zonate.pictures.zones import RESEARCH_USE
from zonate.report.write import write_report
from zonate.segmenter import Segmenter
from zonate.settings.results import OutputSettings, left_out
from zonate.zonemap import ZoneMap
from zonate.zones import code_name

ZONES_NAME = "zones.json"


def write_outputs(
    folder: Path, loaded: LoadedStudy, zones: ZoneMap, segmenter: Segmenter, *, source_key: str | None = None
) -> None:
    """Write everything that the settings ask for, and `zones.json`, which says what was not written and why.

    Where no prostate was found there are `zones.nii.gz`, `zones.json`, `qc.png` and the report, which say so, and no
    object, surface or sector map that could be taken for a result. Where the result is doubtful, every file says so
    itself: in its text, in the description of its series or of its header, or in its name. So does every file of a
    structure that is not validated. Surfaces and objects are put aside.

    Args:
        folder: Empty.
        loaded: What was segmented, and the headers that DICOM objects refer to.
        zones: What came of it.
        segmenter: What it was segmented by.
        source_key: Of all that the result depends on, see `study_key`; None: it will not be resumed, as where
            the alignment is not repeatable.
    """
    case, wanted, about_model = loaded.case, segmenter.settings.output, segmenter.about_model
    source = loaded.source.without_patient() if loaded.source and wanted.deidentify else loaded.source
    drawn = replace(zones, probabilities=zones.probabilities[:, :0], sample_entropy=None)  # all that goes aside
    with (
        aside(write_surfaces, folder / "surfaces", drawn, wanted) as surfaces,
        aside(write_objects, folder, drawn, source, about_model, wanted) as objects,
    ):
        not_given = _write_volumes(folder, case, zones, wanted)
        draw_qc(
            folder / "qc.png",
            case,
            zones,
            known=segmenter.model.channels,
            model_name=about_model["name"],
            warnings=zones.warnings,
        )
        not_given |= surfaces.result()
        if wanted.report:
            write_report(folder, case, zones, about_model, created=datetime.now(UTC))
        else:
            not_given |= left_out("report", "report.html", "report.pdf")
        unwritten = objects.result()
    zones = _with_failed(zones, unwritten.failed)
    if unwritten.failed and wanted.report:
        write_report(folder, case, zones, about_model, created=datetime.now(UTC))
    with aside(write_report_object, folder, drawn, source, wanted) as report_object:
        unwritten_report = report_object.result()
    zones = _with_failed(zones, unwritten_report.failed)
    for left, failed in (unwritten, unwritten_report):
        not_given |= left | failed
    remove_left_behind(folder)  # by a second process that was killed
    key = source_key if case.alignment.repeatable else None
    write_json(folder / ZONES_NAME, {**_report(case, zones, segmenter, not_given), "source_key": key})


def _with_failed(zones: ZoneMap, failed: Mapping[str, str]) -> ZoneMap:
    """The zones with a warning of each file that was asked for and could not be made."""
    said = (f"there is no {file}: {why}" for file, why in failed.items())
    return replace(zones, warnings=(*zones.warnings, *said))


def _write_volumes(folder: Path, case: Case, zones: ZoneMap, wanted: OutputSettings) -> dict[str, str]:
    """Zones, sectors, and what they are looked at with; what is missing, with the reason."""
    missing: dict[str, str] = {}
    note = _note(zones)
    write_volume(folder / "zones.nii.gz", zones.labels, note=note)
    if zones.sectors is not None:
        write_volume(folder / "sectors.nii.gz", zones.sectors, note=note)
    else:
        missing["sectors.nii.gz"] = why_no_sectors(zones.labels, zones.codes)
    if wanted.images:
        missing |= _write_images(folder, case, zones, note)
    else:
        missing |= left_out("images", "t2w.nii.gz", "dwi.nii.gz", "adc.nii.gz", "entropy.nii.gz")
    if zones.uncertainty is None:
        missing["uncertainty"] = NO_SAMPLES
    return missing


def _note(zones: ZoneMap) -> str:
    """What a volume file says of itself; where it keeps little of it, a doubt goes first."""
    said = f"DOUBTFUL: {zones.doubt}" if zones.doubt else RESEARCH_USE
    return f"{said.rstrip('.')}; not validated: {', '.join(zones.not_validated)}" if zones.not_validated else said


def _write_images(folder: Path, case: Case, zones: ZoneMap, note: str) -> dict[str, str]:
    """What the zones are looked at with; what is missing, with the reason."""
    missing = {}
    for sequence, volume in case.channels().items():
        if volume is not None:
            write_volume(folder / f"{sequence.name.lower()}.nii.gz", volume)
        else:
            missing[f"{sequence.name.lower()}.nii.gz"] = f"there is no {sequence.name} that could be used"
    if zones.sample_entropy is not None:
        write_volume(folder / "entropy.nii.gz", zones.labels.with_values(zones.sample_entropy), note=note)
    else:
        missing["entropy.nii.gz"] = NO_SAMPLES
    return missing


def _report(case: Case, zones: ZoneMap, segmenter: Segmenter, not_given: Mapping[str, str]) -> dict[str, Any]:
    known = segmenter.model.channels
    alignment = case.alignment.to_json()
    del alignment["seconds"]  # the same study gives the same bits
    measured = zones.measurements
    return {
        "case_id": case.case_id,
        "zonate_version": version("zonate"),
        "intended_use": RESEARCH_USE,
        "doubt": zones.doubt,
        "not_validated": list(zones.not_validated),
        "warnings": list(zones.warnings),
        "model": dict(segmenter.about_model),
        "codes": {str(int(code)): code_name(code) for code in zones.codes},
        **({} if measured is None else measurements_to_json(measured)),
        "sector_volume_ml": None
        if zones.sectors is None
        else {name: rounded(ml) for name, ml in sector_volumes_ml(zones.sectors).items()},
        "uncertainty": None if zones.uncertainty is None else uncertainty_to_json(zones.uncertainty),
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
        "not_given": {**({} if measured is None else measured.not_given), **not_given},
    }
