"""DICOM SEG of zones and of sectors, on the very frames of the T2W series that they were drawn on."""

from collections.abc import Iterable
from collections.abc import Sequence as Items
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pydicom
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation as HighdicomSeg
from highdicom.seg import SegmentationTypeValues, SegmentDescription

from zonate.errors import LabelError
from zonate.geometry import Volume
from zonate.io.dicom_codes import (
    ANATOMICAL_STRUCTURE,
    OWN_SCHEME,
    PROSTATE,
    CodedStructure,
    coded_sector,
    coded_zone,
    own_scheme,
    unvalidated,
)
from zonate.io.dicom_output import DicomAlgorithm, SeriesNumber, equipment, long_string, making, new_uid, save_dicom
from zonate.io.seg_source import check_grid, headers_by_slice, refer_to_frames
from zonate.io.source import UTF_8, SourceImages
from zonate.sectors import SECTORS
from zonate.zones import LabelCode, structure_name

MADE_BY_PROGRAM = "Made by a program, for research use only"
EmptyZones = Literal["described", "kept"]
"""What becomes of frames in which nothing is drawn: left out, so that an empty zone is described and has no frame; or
kept, every slice of every zone."""


def write_zones_seg(
    path: Path,
    labels: Volume,
    codes: Iterable[LabelCode],
    source: SourceImages,
    *,
    algorithm: DicomAlgorithm,
    empty_zones: EmptyZones = "described",
    series_number: int = SeriesNumber.ZONES,
    description: str = "Zonate prostate zones",
    content_description: str = MADE_BY_PROGRAM,
    not_validated: Items[str] = (),
) -> pydicom.Dataset:
    """Write a BINARY segmentation with one segment a zone.

    Args:
        path: Of the file; one of that name is replaced.
        labels: Label codes (S, H, W) uint8 on the source's grid.
        codes: The codes that could have been drawn. Each but BACKGROUND is a segment, in ascending order, whether or
            not a voxel has it.
        source: The T2W series; without a patient, so is the file.
        algorithm: Who drew the labels.
        empty_zones: See `EmptyZones`.
        series_number: Of the new series.
        description: Of the new series, 64 characters at most.
        content_description: How the labels came about, likewise.
        not_validated: Names in `zonate.zones.STRUCTURES` of those whose segments say so in label and description.

    Returns:
        What was written, to refer to.

    Raises:
        GeometryError: The labels do not lie on the source's grid, or the headers do not lie where the grid says.
        LabelError: No code stands for a structure, or a voxel has a code that is not among `codes`; or no voxel has any
            and frames in which nothing is drawn are to be left out: a SEG cannot be without a frame.
        StudyError: The series is of several enhanced files, to which a SEG cannot refer frame by frame.
    """
    drawn = sorted({LabelCode(code) for code in codes} - {LabelCode.BACKGROUND, LabelCode.NOT_ANNOTATED})
    return _write(
        path,
        labels,
        [
            (int(code), unvalidated(coded_zone(code)) if structure_name(code) in not_validated else coded_zone(code))
            for code in drawn
        ],
        source,
        algorithm=algorithm,
        empty_zones=empty_zones,
        series_number=series_number,
        description=description,
        content_label="PROSTATE_ZONES",
        content_description=content_description,
    )


def write_sectors_seg(
    path: Path,
    sectors: Volume,
    source: SourceImages,
    *,
    algorithm: DicomAlgorithm,
    empty_zones: EmptyZones = "described",
    series_number: int = SeriesNumber.SECTORS,
    description: str = "Zonate prostate sectors (PI-RADS v2.1)",
    not_validated: Items[str] = (),
) -> pydicom.Dataset:
    """Write the same of the sector map: one segment for each of `zonate.sectors.SECTORS`, in their order.

    Args:
        path: Of the file; one of that name is replaced.
        sectors: Numbers of SECTORS (S, H, W) uint8 on the source's grid, 0 outside.
        source: As for zones.
        algorithm: Who drew the zones that were divided.
        empty_zones: As for zones.
        series_number: As for zones.
        description: As for zones.
        not_validated: As for zones; the sectors of such a zone say so.

    Raises:
        GeometryError: As for zones.
        LabelError: As for zones.
        StudyError: As for zones.
    """
    return _write(
        path,
        sectors,
        [
            (of.number, unvalidated(coded_sector(of)) if of.zone.name in not_validated else coded_sector(of))
            for of in SECTORS
        ],
        source,
        algorithm=algorithm,
        empty_zones=empty_zones,
        series_number=series_number,
        description=description,
        content_label="PROSTATE_SECTORS",
        content_description=MADE_BY_PROGRAM,
    )


def _write(
    path: Path,
    labels: Volume,
    structures: Items[tuple[int, CodedStructure]],
    source: SourceImages,
    *,
    algorithm: DicomAlgorithm,
    empty_zones: EmptyZones,
    series_number: int,
    description: str,
    content_label: str,
    content_description: str,
) -> pydicom.Dataset:
    """Write one segment for each value of the labels; `structures` says what the values stand for."""
    if not structures:
        raise LabelError("no code that stands for a structure: a DICOM SEG needs a segment")
    check_grid(labels.grid, source)
    segments = _segment_numbers(labels.values, [value for value, _ in structures])
    if not segments.any() and empty_zones == "described":
        raise LabelError(
            "nothing is labelled, and a DICOM SEG without a single frame is none: keep the empty frames "
            '(empty_zones="kept") to hand on that nothing was found'
        )
    schemes = [own_scheme()] if any(of.code.scheme_designator == OWN_SCHEME for _, of in structures) else None
    with making():
        seg = HighdicomSeg(
            source_images=headers_by_slice(source),
            pixel_array=segments,
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[_described(i, of, algorithm) for i, (_, of) in enumerate(structures, start=1)],
            series_instance_uid=new_uid(),
            series_number=series_number,
            sop_instance_uid=new_uid(),
            instance_number=1,
            omit_empty_frames=empty_zones == "described",
            content_label=content_label,
            content_description=long_string(content_description),
            series_description=long_string(description),
            coding_schemes=schemes,
            specific_character_set=UTF_8,
            **equipment(),
        )
        seg.ContentCreatorName = ""  # the standard wants it there; nobody is to be named
        refer_to_frames(seg, source)
    save_dicom(seg, path)
    return seg


def _segment_numbers(values: npt.NDArray[Any], codes: Items[int]) -> npt.NDArray[np.uint8]:
    """Values to segment numbers, from 1 in the order of the codes (S, H, W)."""
    number_of = np.zeros(256, dtype=np.uint8)
    number_of[list(codes)] = np.arange(1, len(codes) + 1)
    found = np.unique(values)
    unknown = [int(value) for value in found if not 0 <= value < 256 or (value and not number_of[value])]
    if unknown:
        raise LabelError(
            f"the labels hold {', '.join(map(str, unknown))}, and the segments are for {', '.join(map(str, codes))}: "
            "say what such a value stands for (BACKGROUND for what was not annotated)"
        )
    return number_of[values.astype(np.uint8)]


def _described(number: int, of: CodedStructure, algorithm: DicomAlgorithm) -> SegmentDescription:
    segment: Any = SegmentDescription(
        segment_number=number,
        segment_label=of.label,
        segmented_property_category=ANATOMICAL_STRUCTURE,
        segmented_property_type=of.code,
        algorithm_type=algorithm.type,
        algorithm_identification=None if algorithm.type == "MANUAL" else algorithm.identification(),
        tracking_uid=new_uid(),
        tracking_id=of.tracking_id,
        anatomic_regions=[PROSTATE] if of.code.scheme_designator == OWN_SCHEME else None,
        display_color=CIELabColor.from_rgb(*of.colour_rgb),
    )
    if of.description:
        segment.SegmentDescription = of.description
    return segment
