"""`zonate export-seg`: a DICOM SEG of any label volume that was drawn on a T2W series."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path

from zonate.anatomy import examine
from zonate.dataset.labels import map_labels, place_labels
from zonate.errors import OutputError, StudyError
from zonate.geometry import Volume
from zonate.io.dicom_output import DicomAlgorithm, SeriesNumber
from zonate.io.nifti import read_volume
from zonate.io.opening import opened
from zonate.io.seg_writer import EmptyZones, write_zones_seg
from zonate.io.source import source_images
from zonate.settings.data import ReadingSettings
from zonate.study import Sequence
from zonate.zones import ALL_ZONE_CODES, LabelCode, code_name

_DRAWN = {
    "AUTOMATIC": "by a program",
    "SEMIAUTOMATIC": "by a program and a person",
    "MANUAL": "by a person",
}
_NO_ZONE = (LabelCode.BACKGROUND, LabelCode.NOT_ANNOTATED)
OWN_CODES = {int(code): code for code in LabelCode if code != LabelCode.NOT_ANNOTATED}
"""What the values of a label volume mean where nobody says otherwise."""


@dataclass(frozen=True)
class ExportedSeg:
    """What was written, for whoever gave the labels to compare with what they meant.

    Attributes:
        file: The SEG.
        volume_ml: By the segment's name.
        doubts: What is odd about the labels as anatomy: often numbers that mean something else.
    """

    file: Path
    volume_ml: Mapping[str, float]
    doubts: tuple[str, ...]


def export_seg(
    labels: Path | str,
    t2w: Path | str,
    output: Path | str,
    *,
    label_codes: Mapping[int, LabelCode] | None = None,
    algorithm: DicomAlgorithm,
    empty_zones: EmptyZones = "described",
    deidentify: bool = False,
    t2w_series: int | None = None,
    series_number: int = SeriesNumber.ZONES,
    overwrite: bool = False,
) -> ExportedSeg:
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
        What was written.

    Raises:
        OutputError: The output is a folder, is or holds what is read, does not end in `.dcm`, or exists and may not be
            replaced.
        StudyError: The labels or the series cannot be read, or the series is not DICOM.
        GeometryError: The labels do not lie on the T2W's voxels.
        LabelError: A value is not declared, or nothing is labelled.
    """
    labels, t2w, output = Path(labels), Path(t2w), Path(output)
    _check_output(output, [labels, t2w], overwrite=overwrite)
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
        description=f"Prostate zones, {_DRAWN[algorithm.type]}",
        content_description=f"Drawn {_DRAWN[algorithm.type]}, for research use only",
    )
    found = examine(placed, {*codes, LabelCode.BACKGROUND})
    volumes = {code: int((placed.values == code).sum()) * placed.grid.voxel_volume_ml for code in sorted(set(codes))}
    return ExportedSeg(
        output,
        {code_name(code): ml for code, ml in volumes.items() if code not in _NO_ZONE},
        (*found.refusals, *found.warnings),
    )


def _check_output(output: Path, inputs: Items[Path], *, overwrite: bool) -> None:
    for path in inputs:
        if output.resolve() == path.resolve() or output.resolve().is_relative_to(path.resolve()):
            raise OutputError(f"the output {output} is or lies in what is read ({path.name}): give another place")
    if output.is_dir():
        raise OutputError(f"{output} is a folder: give the name of the file to write, such as {output}/zones.seg.dcm")
    if output.suffix.lower() != ".dcm":
        raise OutputError(f"{output.name} does not end in .dcm: a DICOM SEG under another name would mislead")
    if output.exists() and not overwrite:
        raise OutputError(f"{output} exists: give another name, or --overwrite")


def _codes_drawn(labels: Volume) -> tuple[LabelCode, ...]:
    """A TZ that is part of a central gland is not empty: coarse codes have no zones beside them that nobody drew."""
    present = tuple(code for code in OWN_CODES.values() if (labels.values == code).any())
    return ALL_ZONE_CODES if set(present) <= set(ALL_ZONE_CODES) else present
