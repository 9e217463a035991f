"""What `predict` puts aside (`zonate.helper`): who does a piece of it imports what it takes, and nobody else does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from zonate.io.source import SourceImages
from zonate.settings.results import OutputSettings
from zonate.zonemap import ZoneMap


class Unwritten(NamedTuple):
    """Files that are not there, by name, and why: nobody wants them or there is nothing to write; or they failed."""

    left_out: dict[str, str]
    failed: dict[str, str]


def write_surfaces(folder: Path, zones: ZoneMap, settings: OutputSettings) -> dict[str, str]:
    """See `zonate.outputs.surfaces`."""
    from zonate.outputs import surfaces as surface_outputs

    return surface_outputs.write_surfaces(folder, zones, settings)


def write_objects(
    folder: Path, zones: ZoneMap, source: SourceImages | None, about_model: Mapping[str, Any], settings: OutputSettings
) -> Unwritten:
    """See `zonate.outputs.dicom`."""
    from zonate.outputs import dicom as dicom_outputs

    return dicom_outputs.write_objects(folder, zones, source, about_model, settings)


def write_report_object(
    folder: Path, zones: ZoneMap, source: SourceImages | None, settings: OutputSettings
) -> Unwritten:
    """See `zonate.outputs.dicom`."""
    from zonate.outputs import dicom as dicom_outputs

    return dicom_outputs.write_report_object(folder, zones, source, settings)
