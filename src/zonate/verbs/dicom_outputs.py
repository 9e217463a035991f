"""What a PACS takes of a case: segmentations, a measurement report, contours, and the report as a document."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zonate.config import OutputSettings
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.encapsulated_pdf import write_encapsulated_pdf
from zonate.io.rtstruct import write_rtstruct
from zonate.io.seg_writer import write_sectors_seg, write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.source_file import write_source
from zonate.io.sr import write_measurements_sr
from zonate.measures.measure import sector_volumes_ml
from zonate.zonemap import ZoneMap

ZONES, SECTORS, MEASUREMENTS = "zones.seg.dcm", "sectors.seg.dcm", "measurements.sr.dcm"
CONTOURS = "zones.rtstruct.dcm"
SOURCE = "source.json"
"""What objects made later, of corrections, refer to."""
DICOM_FILES = (ZONES, MEASUREMENTS, SECTORS, CONTOURS)
REPORT_OBJECT = "report.pdf.dcm"
_DOUBTFUL = "DOUBTFUL: "
"""Before the description of every series, which is what a reader at a PACS sees of it."""


def write_dicom_outputs(
    folder: Path, zones: ZoneMap, source: SourceImages, about_model: Mapping[str, Any], settings: OutputSettings
) -> dict[str, str]:
    """Write what the settings ask for.

    Args:
        folder: Of the case.
        zones: With a gland, and measured.
        source: The T2W series; without a patient, so are the objects.
        about_model: See `zonate.verbs.model_json.model_to_json`.
        settings: What is wanted.

    Returns:
        By file name, why one was not written.
    """
    algorithm = algorithm_of(about_model)
    missing: dict[str, str] = {}
    write_source(folder / SOURCE, source)
    if settings.dicom:
        missing |= _write_segmentations(folder, zones, source, algorithm, settings)
    else:
        missing |= left_out("dicom", ZONES, MEASUREMENTS, SECTORS)
    if settings.rtstruct:
        write_rtstruct(
            folder / CONTOURS,
            zones.labels,
            zones.codes,
            source,
            algorithm=algorithm,
            description=_described(zones, "Zonate prostate zones (contours)"),
        )
    else:
        missing |= left_out("rtstruct", CONTOURS)
    return missing


def write_report_object(folder: Path, zones: ZoneMap, source: SourceImages) -> None:
    """Wrap the case's `report.pdf`, which names its case and nothing else of the patient."""
    write_encapsulated_pdf(
        folder / REPORT_OBJECT,
        (folder / "report.pdf").read_bytes(),
        source,
        description=_described(zones, "Zonate prostate report"),
    )


def algorithm_of(about_model: Mapping[str, Any]) -> DicomAlgorithm:
    """The model as DICOM objects name it: its name, and the program's version with the weights' digest."""
    return DicomAlgorithm(f"Zonate {about_model['name']}", f"{version('zonate')} {about_model['sha256'][:16]}")


def left_out(setting: str, *files: str) -> dict[str, str]:
    """What a setting leaves out, for `not_given`."""
    return dict.fromkeys(files, f"the settings leave it out (output.{setting})")


def _write_segmentations(
    folder: Path, zones: ZoneMap, source: SourceImages, algorithm: DicomAlgorithm, settings: OutputSettings
) -> dict[str, str]:
    """Zones and sectors, and the measurements, which refer to both."""
    seg = write_zones_seg(
        folder / ZONES,
        zones.labels,
        zones.codes,
        source,
        algorithm=algorithm,
        empty_zones=settings.empty_zones,
        description=_described(zones, "Zonate prostate zones"),
    )
    sectors_seg, missing = None, dict[str, str]()
    if zones.sectors is None:
        missing[SECTORS] = "the model does not tell the zones apart"
    elif not zones.sectors.values.any():
        missing[SECTORS] = "no voxel lies in a sector"
    else:
        sectors_seg = write_sectors_seg(
            folder / SECTORS,
            zones.sectors,
            source,
            algorithm=algorithm,
            empty_zones=settings.empty_zones,
            description=_described(zones, "Zonate prostate sectors (PI-RADS v2.1)"),
        )
    if zones.measurements is not None:
        write_measurements_sr(
            folder / MEASUREMENTS,
            zones.measurements,
            zones.uncertainty,
            source,
            algorithm=algorithm,
            seg=seg,
            sector_volumes_ml=None if zones.sectors is None else sector_volumes_ml(zones.sectors),
            sectors_seg=sectors_seg,
            comments=(*_doubt(zones), *zones.warnings),
            description=_described(zones, "Zonate prostate measurements"),
        )
    return missing


def _doubt(zones: ZoneMap) -> tuple[str, ...]:
    """What the samples' own account does not say, where there is none."""
    unsaid = zones.doubt and (zones.uncertainty is None or not zones.uncertainty.doubtful)
    return (f"To be looked at before use: {zones.doubt}",) if unsaid else ()


def _described(zones: ZoneMap, what: str) -> str:
    return f"{_DOUBTFUL}{what}" if zones.doubt else what
