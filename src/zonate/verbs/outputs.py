"""What `predict` leaves of a case: volumes, figures, pictures, surfaces, a report, and objects for a PACS."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zonate.case import Case
from zonate.io.files import write_json
from zonate.io.nifti import write_volume
from zonate.io.source_file import write_source
from zonate.io.stl import write_surface
from zonate.load import LoadedStudy
from zonate.measurements import NO_SAMPLES, measurements_to_json, rounded, uncertainty_to_json
from zonate.measures.gland import NO_GLAND
from zonate.measures.measure import sector_volumes_ml
from zonate.measures.sector_map import why_no_sectors
from zonate.pictures.qc import draw_qc
from zonate.pictures.zones import RESEARCH_USE
from zonate.report.write import write_report
from zonate.verbs.dicom_outputs import (
    DICOM_FILES,
    REPORT_OBJECT,
    SECTORS,
    SOURCE,
    left_out,
    write_dicom_outputs,
    write_report_object,
)
from zonate.verbs.segment import Segmenter
from zonate.zonemap import ZoneMap
from zonate.zones import STRUCTURES, code_name, structure_codes

ZONES_NAME = "zones.json"
_NOT_DICOM = "the study is a folder of volumes, not DICOM: there are no headers to refer to"


def write_outputs(
    folder: Path, loaded: LoadedStudy, zones: ZoneMap, segmenter: Segmenter, *, source_key: str | None = None
) -> None:
    """Write everything that the settings ask for, and `zones.json`, which says what was not written and why.

    Where no prostate was found there are `zones.nii.gz`, `zones.json`, `qc.png` and the report, which say so, and no
    object, surface or sector map that could be taken for a result. Where the result is doubtful, every file says so
    itself: in its text, in the description of its series or of its header, or in its name. So does every file of a
    structure that is not validated.

    Args:
        folder: Empty.
        loaded: What was segmented, and the headers that DICOM objects refer to.
        zones: What came of it.
        segmenter: What it was segmented by.
        source_key: Of all that the result depends on, see `study_key`; None: it will not be resumed.
    """
    case, wanted = loaded.case, segmenter.settings.output
    not_given: dict[str, str] = {}
    note = _note(zones)
    write_volume(folder / "zones.nii.gz", zones.labels, note=note)
    if zones.sectors is not None:
        write_volume(folder / "sectors.nii.gz", zones.sectors, note=note)
    else:
        not_given["sectors.nii.gz"] = why_no_sectors(zones.labels, zones.codes)
    if wanted.images:
        not_given |= _write_images(folder, case, zones, note)
    else:
        not_given |= left_out("images", "t2w.nii.gz", "dwi.nii.gz", "adc.nii.gz", "entropy.nii.gz")
    if zones.uncertainty is None:
        not_given["uncertainty"] = NO_SAMPLES
    draw_qc(
        folder / "qc.png",
        case,
        zones,
        known=segmenter.model.channels,
        model_name=segmenter.about_model["name"],
        warnings=zones.warnings,
    )
    not_given |= _write_surfaces(folder / "surfaces", zones) if wanted.surfaces else left_out("surfaces", "surfaces")
    if wanted.report:
        write_report(folder, case, zones, segmenter.about_model, created=datetime.now(UTC))
    else:
        not_given |= left_out("report", "report.html", "report.pdf")
    not_given |= _write_objects(folder, loaded, zones, segmenter)
    write_json(folder / ZONES_NAME, {**_report(case, zones, segmenter, not_given), "source_key": source_key})


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


def _write_surfaces(folder: Path, zones: ZoneMap) -> dict[str, str]:
    """One a structure that the model tells apart and found; what is missing, with the reason.

    A planning system shows a surface's name and nothing that lies beside it: doubtful, and not validated, stand there.
    """
    missing = {}
    for structure in STRUCTURES:
        unproven = "not-validated-" if structure in zones.not_validated else ""
        file = folder / f"{'doubtful-' if zones.doubt else ''}{unproven}{structure.lower()}.stl"
        volume_ml = zones.volumes_ml()[structure]
        if volume_ml:
            write_surface(file, zones.labels, structure_codes(structure, zones.codes) or ())
        elif volume_ml is not None:
            missing[f"surfaces/{file.name}"] = "no voxel of it was found"
    return missing


def _write_objects(folder: Path, loaded: LoadedStudy, zones: ZoneMap, segmenter: Segmenter) -> dict[str, str]:
    """What a PACS takes; what is missing, with the reason."""
    if loaded.source is None:
        return dict.fromkeys((*DICOM_FILES, REPORT_OBJECT), _NOT_DICOM)
    wanted = segmenter.settings.output
    source = loaded.source.without_patient() if wanted.deidentify else loaded.source
    missing: dict[str, str] = {}
    write_source(folder / SOURCE, source)
    if zones.empty:
        missing |= dict.fromkeys(DICOM_FILES, NO_GLAND) | {SECTORS: why_no_sectors(zones.labels, zones.codes)}
    else:
        missing |= write_dicom_outputs(folder, zones, source, segmenter.about_model, wanted)
    if wanted.report:
        missing |= write_report_object(folder, zones, source)
    else:
        missing |= left_out("report", REPORT_OBJECT)
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
