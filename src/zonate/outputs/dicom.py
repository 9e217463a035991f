"""What a PACS takes of a case: segmentations, a measurement report, contours, and the report as a document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from traceback import extract_tb
from typing import Any, TypeVar

from zonate.errors import ZonateError
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.encapsulated_pdf import write_encapsulated_pdf
from zonate.io.rtstruct import write_rtstruct
from zonate.io.seg_writer import write_sectors_seg, write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.source_file import write_source
from zonate.io.sr import write_measurements_sr
from zonate.measures.gland import NO_GLAND
from zonate.measures.measure import sector_volumes_ml
from zonate.measures.sector_map import why_no_sectors
from zonate.outputs.put_aside import Unwritten
from zonate.settings.results import OutputSettings, left_out
from zonate.zonemap import ZoneMap, said_of_not_validated

ZONES, SECTORS, MEASUREMENTS = "zones.seg.dcm", "sectors.seg.dcm", "measurements.sr.dcm"
CONTOURS = "zones.rtstruct.dcm"
SOURCE = "source.json"
"""What objects made later, of corrections, refer to."""
DICOM_FILES = (ZONES, MEASUREMENTS, SECTORS, CONTOURS)
REPORT_OBJECT = "report.pdf.dcm"
_NOT_DICOM = "the study is a folder of volumes, not DICOM: there are no headers to refer to"
Made = TypeVar("Made")
_DOUBTFUL = "DOUBTFUL: "
"""Before the description of every series, which is what a reader at a PACS sees of it."""


def write_objects(
    folder: Path, zones: ZoneMap, source: SourceImages | None, about_model: Mapping[str, Any], settings: OutputSettings
) -> Unwritten:
    """Write the T2W series' headers, and what the settings ask for: one that these headers do not allow costs no other.

    Args:
        folder: Of the case.
        zones: Where nothing is drawn, there are no objects.
        source: The T2W series; without a patient, so are the objects. None: the study was no DICOM.
        about_model: See `zonate.model_json.model_to_json`.
        settings: What is wanted.

    Returns:
        What was not written.
    """
    if source is None:
        return Unwritten(dict.fromkeys(DICOM_FILES, _NOT_DICOM), {})
    write_source(folder / SOURCE, source)
    unwanted = {} if settings.dicom else left_out("dicom", ZONES, MEASUREMENTS, SECTORS)
    if not settings.rtstruct:
        unwanted |= left_out("rtstruct", CONTOURS)
    if zones.empty:
        no_sectors = {SECTORS: why_no_sectors(zones.labels, zones.codes)}
        return Unwritten(dict.fromkeys(DICOM_FILES, NO_GLAND) | no_sectors | unwanted, {})
    objects = _Objects(folder, zones, source, algorithm_of(about_model), settings)
    if settings.dicom:
        objects.write_segmentations()
    if settings.rtstruct:
        objects.write_contours()
    return Unwritten(objects.left_out | unwanted, objects.failed)


def write_report_object(
    folder: Path, zones: ZoneMap, source: SourceImages | None, settings: OutputSettings
) -> Unwritten:
    """Wrap the case's `report.pdf`, which names its case and nothing else of the patient.

    Args:
        folder: Of the case.
        zones: That the report is of.
        source: As `write_objects` takes it.
        settings: Whether there is a report.

    Returns:
        What was not written.
    """
    if source is None:
        return Unwritten({REPORT_OBJECT: _NOT_DICOM}, {})
    if not settings.report:
        return Unwritten(left_out("report", REPORT_OBJECT), {})
    failed: dict[str, str] = {}
    _attempt(
        failed,
        REPORT_OBJECT,
        lambda: write_encapsulated_pdf(
            folder / REPORT_OBJECT,
            (folder / "report.pdf").read_bytes(),
            source,
            description=_described(zones, "Zonate prostate report"),
        ),
    )
    return Unwritten({}, failed)


def algorithm_of(about_model: Mapping[str, Any]) -> DicomAlgorithm:
    """The model as DICOM objects name it: its name, and the program's version with the weights' digest."""
    return DicomAlgorithm(f"Zonate {about_model['name']}", f"{version('zonate')} {about_model['sha256'][:16]}")


@dataclass
class _Objects:
    """The objects of one case as they are made, and by file name why one was not, see `Unwritten`."""

    folder: Path
    zones: ZoneMap
    source: SourceImages
    algorithm: DicomAlgorithm
    settings: OutputSettings
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def write_segmentations(self) -> None:
        """Zones and sectors, and the measurements, which refer to both."""
        zones = self.zones
        shared: dict[str, Any] = {
            "algorithm": self.algorithm,
            "empty_zones": self.settings.empty_zones,
            "not_validated": zones.not_validated,
        }
        seg = _attempt(
            self.failed,
            ZONES,
            lambda: write_zones_seg(
                self.folder / ZONES,
                zones.labels,
                zones.codes,
                self.source,
                description=_described(zones, "Zonate prostate zones"),
                **shared,
            ),
        )
        sectors_seg = None
        if zones.sectors is None or not zones.sectors.values.any():
            self.left_out[SECTORS] = why_no_sectors(zones.labels, zones.codes)
        else:
            sectors = zones.sectors
            sectors_seg = _attempt(
                self.failed,
                SECTORS,
                lambda: write_sectors_seg(
                    self.folder / SECTORS,
                    sectors,
                    self.source,
                    description=_described(zones, "Zonate prostate sectors (PI-RADS v2.1)"),
                    **shared,
                ),
            )
        if zones.measurements is not None:
            measured = zones.measurements
            _attempt(
                self.failed,
                MEASUREMENTS,
                lambda: write_measurements_sr(
                    self.folder / MEASUREMENTS,
                    measured,
                    zones.uncertainty,
                    self.source,
                    algorithm=self.algorithm,
                    seg=seg,
                    sector_volumes_ml=None if zones.sectors is None else sector_volumes_ml(zones.sectors),
                    sectors_seg=sectors_seg,
                    comments=(*_doubt(zones), *_unproven(zones), *zones.warnings),
                    not_validated=zones.not_validated,
                    description=_described(zones, "Zonate prostate measurements"),
                ),
            )

    def write_contours(self) -> None:
        """A planning system lists the structure set's own label, so that a doubt stands there, too."""
        _attempt(
            self.failed,
            CONTOURS,
            lambda: write_rtstruct(
                self.folder / CONTOURS,
                self.zones.labels,
                self.zones.codes,
                self.source,
                algorithm=self.algorithm,
                label="DOUBTFUL_ZONES" if self.zones.doubt else "ZONATE_ZONES",
                description=_described(self.zones, "Zonate prostate zones (contours)"),
                not_validated=self.zones.not_validated,
            ),
        )


def _attempt(failed: dict[str, str], file: str, write: Callable[[], Made]) -> Made | None:
    """What writing gives, or None with the reason noted; a disk or a memory that is full ends the case."""
    try:
        return write()
    except (OSError, MemoryError):
        raise
    except ZonateError as error:
        failed[file] = str(error)
    except Exception as error:  # noqa: BLE001  (of libraries, about headers that are not as the standard wants them)
        where = extract_tb(error.__traceback__)[-1]
        failed[file] = (
            f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: the headers of the T2W series are "
            "not as the standard wants them, or Zonate has a defect"
        )
    return None


def _doubt(zones: ZoneMap) -> tuple[str, ...]:
    """What the samples' own account does not say, where there is none."""
    unsaid = zones.doubt and (zones.uncertainty is None or not zones.uncertainty.doubtful)
    return (f"To be looked at before use: {zones.doubt}",) if unsaid else ()


def _unproven(zones: ZoneMap) -> tuple[str, ...]:
    said = said_of_not_validated(zones.not_validated)
    return (said,) if said else ()


def _described(zones: ZoneMap, what: str) -> str:
    return f"{_DOUBTFUL}{what}" if zones.doubt else what
