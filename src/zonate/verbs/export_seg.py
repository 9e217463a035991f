"""`zonate export-seg`: a DICOM SEG of any label volume that was drawn on a T2W series."""

from collections.abc import Mapping
from pathlib import Path

from zonate.config import ReadingSettings
from zonate.dataset.labels import map_labels, place_labels
from zonate.errors import OutputError, StudyError
from zonate.geometry import Volume
from zonate.io.dicom_output import DicomAlgorithm, SeriesNumber
from zonate.io.nifti import read_volume
from zonate.io.opening import opened
from zonate.io.seg_writer import EmptyZones, write_zones_seg
from zonate.io.source import source_images
from zonate.study import Sequence
from zonate.zones import ALL_ZONE_CODES, LabelCode

NOT_STATED = DicomAlgorithm("not stated", "not stated")
OWN_CODES = {int(code): code for code in LabelCode if code != LabelCode.NOT_ANNOTATED}
"""What the values of a label volume mean where nobody says otherwise."""


def export_seg(
    labels: Path,
    t2w: Path,
    output: Path,
    *,
    label_codes: Mapping[int, LabelCode] | None = None,
    algorithm: DicomAlgorithm = NOT_STATED,
    empty_zones: EmptyZones = "described",
    deidentify: bool = False,
    t2w_series: int | None = None,
    series_number: int = SeriesNumber.ZONES,
    overwrite: bool = False,
) -> Path:
    """Write a label volume as a DICOM SEG on the T2W series that it was drawn on.

    The volume may have its axes in another order or direction than the series, or lack slices; its voxels are moved,
    never resampled. A slice that it lacks is one in which nothing is drawn.

    Args:
        labels: NIfTI, MHA or NRRD.
        t2w: Folder or zip with the T2W series; other series may lie there, too.
        output: The file to write.
        label_codes: From the volume's values to label codes, as `zonate.zones.parse_label_codes` reads them. Each code
            named is a segment, drawn or not. None: the values are label codes already, and the segments are the four
            zones, or, where coarser codes are drawn, the codes that are drawn.
        algorithm: Who drew the labels: type SEMIAUTOMATIC for what a person corrected, MANUAL for what one drew.
        empty_zones: See `zonate.io.seg_writer.EmptyZones`.
        deidentify: Whether the patient is left out.
        t2w_series: Its series number, where there are several that may be T2W.
        series_number: Of the new series.
        overwrite: Whether an output that exists may be replaced.

    Returns:
        The output.

    Raises:
        OutputError: The output is a folder, or exists and may not be replaced.
        StudyError: The labels or the series cannot be read, or the series is not DICOM.
        GeometryError: The labels do not lie on the T2W's voxels.
        LabelError: A value is not declared, or nothing is labelled.
    """
    _check_output(output, overwrite=overwrite)
    drawn = read_volume(labels)
    overrides = None if t2w_series is None else {Sequence.T2W: t2w_series}
    with opened(t2w, ReadingSettings(), overrides=overrides, only=Sequence.T2W) as study:
        source = source_images(study)
        case_id = study.case_id
    if source is None:
        raise StudyError(f"case {case_id}: the T2W is no DICOM series, and a DICOM SEG refers to one: give its folder")
    values = map_labels(drawn.values, OWN_CODES if label_codes is None else label_codes, case_id)
    placed = place_labels(Volume(values, drawn.grid), source.grid, case_id).volume
    codes = _codes_drawn(placed) if label_codes is None else label_codes.values()
    write_zones_seg(
        output,
        placed,
        codes,
        source.without_patient() if deidentify else source,
        algorithm=algorithm,
        empty_zones=empty_zones,
        series_number=series_number,
    )
    return output


def _check_output(output: Path, *, overwrite: bool) -> None:
    if output.is_dir():
        raise OutputError(f"{output} is a folder: give the name of the file to write, such as {output}/zones.seg.dcm")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists: give another name, or --overwrite")


def _codes_drawn(labels: Volume) -> tuple[LabelCode, ...]:
    """A TZ that is part of a central gland is not empty: coarse codes have no zones beside them that nobody drew."""
    present = tuple(code for code in OWN_CODES.values() if (labels.values == code).any())
    return ALL_ZONE_CODES if set(present) <= set(ALL_ZONE_CODES) else present
