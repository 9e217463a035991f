"""DICOM RT Structure Set: the zones as contours on the planes of the T2W series, for radiotherapy."""

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from highdicom import SOPClass
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from zonate.geometry import Grid, Volume
from zonate.io.contours import outlines
from zonate.io.dicom_codes import OWN_SCHEME, CodedStructure, coded_zone, own_scheme, unvalidated
from zonate.io.dicom_object import new_object
from zonate.io.dicom_output import DicomAlgorithm, SeriesNumber, long_string, making, now, save_dicom
from zonate.io.seg_source import check_grid, positions_mm
from zonate.io.source import SourceImages
from zonate.zones import LabelCode, structure_codes, structure_name

_STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management (retired): what the standard has a structure set name its study by."""
MADE_BY_PROGRAM = "Made by a program, for research use only: to be checked by a person"
_NAMES = {
    LabelCode.WHOLE_GLAND: "Prostate",
    LabelCode.PZ: "Prostate_PZ",
    LabelCode.TZ: "Prostate_TZ",
    LabelCode.DPU: "Prostate_DPU",
    LabelCode.AFS: "Prostate_AFS",
    LabelCode.CENTRAL_GLAND: "Prostate_CG",
}
"""At most 16 characters, no spaces, the organ first, as AAPM TG-263 asks of every structure's name."""


@dataclass(frozen=True)
class _Roi:
    """One structure: its number from 1, how it is coded, and its voxels (S, H, W)."""

    number: int
    name: str
    structure: CodedStructure
    mask: npt.NDArray[np.bool_]


def write_rtstruct(
    path: Path,
    labels: Volume,
    codes: Iterable[LabelCode],
    source: SourceImages,
    *,
    algorithm: DicomAlgorithm,
    label: str = "ZONATE_ZONES",
    series_number: int = SeriesNumber.CONTOURS,
    description: str = "Zonate prostate zones (contours)",
    content_description: str = MADE_BY_PROGRAM,
    not_validated: Items[str] = (),
) -> Dataset:
    """Write a structure set with one region of interest a zone, and one for the whole gland.

    Contours are CLOSED_PLANAR, one a connected piece and slice, on the plane of the slice's image as its header has it.
    They enclose the very pixel centres and the area that were labelled; a hole is joined to its border by a channel
    without width, which every reader understands, where a contour of its own may be filled (`zonate.io.contours`).

    Args:
        path: Of the file; one of that name is replaced.
        labels: Label codes (S, H, W) uint8 on the source's grid.
        codes: The codes that could have been drawn. Each but BACKGROUND is a region, in ascending order, whether or
            not a voxel has it; the gland comes first, where the codes make it up.
        source: The T2W series; without a patient, so is the file.
        algorithm: Who drew the labels.
        label: Of the structure set, 16 characters at most.
        series_number: Of the new series.
        description: Of the new series, 64 characters at most.
        content_description: How the contours came about, as the structure set describes itself.
        not_validated: Names in `zonate.zones.STRUCTURES` of those whose regions say so in their description. Their
            names stay, by which systems know them.

    Returns:
        What was written.

    Raises:
        GeometryError: The labels do not lie on the source's grid, or the headers do not lie where the grid says.
    """
    check_grid(labels.grid, source)
    rois = list(_rois(labels, sorted(set(codes)), not_validated))
    made = new_object(
        source,
        sop_class_uid=RTStructureSetStorage,
        transfer_syntax_uid=ImplicitVRLittleEndian,  # in explicit VR a contour could not exceed 65534 characters
        modality="RTSTRUCT",
        series_number=series_number,
        description=description,
    )
    with making():
        _add_structure_set(made, rois, labels.grid, source, algorithm)
        made.StructureSetLabel = label
        made.StructureSetDescription = content_description
        made.ROIContourSequence = [_contours_of(roi, labels.grid, source) for roi in rois]
        made.RTROIObservationsSequence = [_observation(roi) for roi in rois]
        made.ApprovalStatus = "UNAPPROVED"
    save_dicom(made, path)
    return made


def _rois(labels: Volume, codes: Items[LabelCode], not_validated: Items[str]) -> Iterator[_Roi]:
    drawn = [code for code in codes if code in _NAMES]
    members: dict[LabelCode, tuple[LabelCode, ...]] = {code: (code,) for code in drawn}
    gland = structure_codes("GLAND", codes)
    if gland is not None:
        members = {LabelCode.WHOLE_GLAND: gland, **members}
    for number, (code, of) in enumerate(members.items(), start=1):
        structure = unvalidated(coded_zone(code)) if structure_name(code) in not_validated else coded_zone(code)
        yield _Roi(number, _NAMES[code], structure, np.isin(labels.values, of))


def _add_structure_set(
    made: SOPClass, rois: Items[_Roi], grid: Grid, source: SourceImages, algorithm: DicomAlgorithm
) -> None:
    frame_uid = str(source.header.FrameOfReferenceUID)
    series = _item(SeriesInstanceUID=source.header.SeriesInstanceUID, ContourImageSequence=_images(source))
    study = _item(
        ReferencedSOPClassUID=_STUDY_CLASS,
        ReferencedSOPInstanceUID=source.header.StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    made.FrameOfReferenceUID = frame_uid
    made.PositionReferenceIndicator = source.header.get("PositionReferenceIndicator", "")
    if any(roi.structure.code.scheme_designator == OWN_SCHEME for roi in rois):
        made.CodingSchemeIdentificationSequence = [own_scheme()]
    made.OperatorsName = ""
    made.StructureSetName = "Zones of the prostate"
    made.StructureSetDate, made.StructureSetTime = now()
    made.ReferencedFrameOfReferenceSequence = [_item(FrameOfReferenceUID=frame_uid, RTReferencedStudySequence=[study])]
    made.StructureSetROISequence = [_region(roi, frame_uid, grid, algorithm) for roi in rois]


def _region(roi: _Roi, frame_uid: str, grid: Grid, algorithm: DicomAlgorithm) -> Dataset:
    item = _item(
        ROINumber=roi.number,
        ReferencedFrameOfReferenceUID=frame_uid,
        ROIName=roi.name,
        ROIDescription=roi.structure.label,
        ROIVolume=f"{int(roi.mask.sum()) * grid.voxel_volume_ml:.4f}",
        ROIGenerationAlgorithm=algorithm.type,
        ROIGenerationDescription=long_string(f"{algorithm.name} {algorithm.version}"),
    )
    if algorithm.type != "MANUAL":
        item.ROIDerivationAlgorithmIdentificationSequence = algorithm.identification()
    return item


def _contours_of(roi: _Roi, grid: Grid, source: SourceImages) -> Dataset:
    in_plane_mm = grid.spacing_mm[1:]
    corners_mm = positions_mm(source)
    contours = [
        _contour(number, corners_mm[s] + polygon @ grid.affine[:3, 1:3].T, source, s)
        for number, (s, polygon) in enumerate(
            ((s, polygon) for s, drawn in enumerate(roi.mask) for polygon in outlines(drawn, in_plane_mm)), start=1
        )
    ]
    item = _item(ReferencedROINumber=roi.number, ROIDisplayColor=list(roi.structure.colour_rgb))
    if contours:
        item.ContourSequence = contours
    return item


def _contour(number: int, points_mm: npt.NDArray[np.float64], source: SourceImages, s: int) -> Dataset:
    """A contour of corners (N, xyz) in LPS on a slice."""
    uid, frame = source.frames[s]
    return _item(
        ContourNumber=number,
        ContourImageSequence=[_image(source, uid, frame)],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points_mm),
        ContourData=[f"{value:.3f}" for value in points_mm.ravel()],
    )


def _observation(roi: _Roi) -> Dataset:
    return _item(
        ObservationNumber=roi.number,
        ReferencedROINumber=roi.number,
        ROIObservationLabel=roi.name,
        RTROIIdentificationCodeSequence=[_coded(roi.structure.code)],
        RTROIInterpretedType="ORGAN",
        ROIInterpreter="",
    )


def _images(source: SourceImages) -> list[Dataset]:
    """Each file that holds a slice, once."""
    return [_image(source, uid, None) for uid in dict.fromkeys(uid for uid, _ in source.frames)]


def _image(source: SourceImages, uid: str, frame: int | None) -> Dataset:
    item = _item(ReferencedSOPClassUID=source.header.SOPClassUID, ReferencedSOPInstanceUID=uid)
    if frame is not None:
        item.ReferencedFrameNumber = frame
    return item


def _coded(code: Code) -> Dataset:
    return _item(CodeValue=code.value, CodingSchemeDesignator=code.scheme_designator, CodeMeaning=code.meaning)


def _item(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
