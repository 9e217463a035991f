"""The T2W series as a DICOM SEG of it needs it: slice by slice, checked to lie where the labels do."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom

from zonate.errors import GeometryError, StudyError
from zonate.geometry import Grid
from zonate.io.source import SourceImages


def check_grid(grid: Grid, source: SourceImages) -> None:
    """Refuse labels that do not lie on the source's grid, and headers that do not lie where their slice of it does.

    highdicom's own comparison would not do: it holds a frame of reference against itself.

    Raises:
        GeometryError: Either is so, or the series has no frame of reference.
    """
    if source.grid.frame_of_reference is None:
        raise GeometryError(
            "the T2W series names no frame of reference, without which nothing that is drawn on it has a place"
        )
    if grid.shape != source.grid.shape:
        raise GeometryError(
            f"the labels do not lie on the grid of the T2W series: shape {grid.shape} against {source.grid.shape}"
        )
    if not grid.same_as(source.grid):
        apart_mm = float(np.linalg.norm(grid.corners_mm() - source.grid.corners_mm(), axis=1).max())
        raise GeometryError(f"the labels do not lie on the grid of the T2W series: a corner is {apart_mm:.3f} mm off")
    if not grid.same_frame_as(source.grid):
        raise GeometryError("the labels lie in another frame of reference than the T2W series")
    tolerance_mm = source.grid.spacing_mm[0] / 2
    for s, position_mm in enumerate(positions_mm(source)):
        off_mm = float(np.linalg.norm(position_mm - source.grid.to_mm((s, 0, 0))))
        if off_mm > tolerance_mm:
            raise GeometryError(
                f"slice {s} of the T2W series lies {off_mm:.1f} mm from where its grid says: its headers are not in "
                "the order of its slices"
            )


def headers_by_slice(source: SourceImages) -> list[pydicom.Dataset]:
    """Headers in the order of the slices: of an enhanced file the one, with the frames of the volume alone.

    Spacing between slices is that of the grid, since scanners write it as a gap, too; orientation and pixel spacing are
    the first slice's, from which the reader allows the others to differ by a rounding.

    Raises:
        StudyError: The series is of several enhanced files.
    """
    spacing_mm = f"{source.grid.spacing_mm[0]:.10g}"
    first = source.header
    if all(number is None for _, number in source.frames):
        thickness_mm = first.get("SliceThickness") or spacing_mm
        shared = {"ImageOrientationPatient": first.ImageOrientationPatient, "PixelSpacing": first.PixelSpacing}
        measures = {**shared, "SliceThickness": thickness_mm, "SpacingBetweenSlices": spacing_mm}
        by_uid = _by_uid(source)
        return [_with(by_uid[uid], **measures) for uid, _ in source.frames]
    if len(source.headers) > 1:
        raise StudyError(
            f"the T2W series is of {len(source.headers)} enhanced files, and a DICOM SEG can refer to the frames of "
            "one alone: give the series in one file, or as classic ones"
        )
    numbers = [number for _, number in source.frames if number is not None]
    measures_of_first = _group(first, numbers[0], "PixelMeasuresSequence")
    pixel_measures = _with(
        pydicom.Dataset(),
        PixelSpacing=measures_of_first.PixelSpacing,
        SliceThickness=measures_of_first.get("SliceThickness") or spacing_mm,
        SpacingBetweenSlices=spacing_mm,
    )
    orientation = _with(
        pydicom.Dataset(),
        ImageOrientationPatient=_group(first, numbers[0], "PlaneOrientationSequence").ImageOrientationPatient,
    )
    shared_groups = _with(
        pydicom.Dataset(), PixelMeasuresSequence=[pixel_measures], PlaneOrientationSequence=[orientation]
    )
    frames = [
        _with(pydicom.Dataset(), PlanePositionSequence=[_group(first, number, "PlanePositionSequence")])
        for number in numbers
    ]
    return [
        _with(
            first,
            NumberOfFrames=len(frames),
            SharedFunctionalGroupsSequence=[shared_groups],
            PerFrameFunctionalGroupsSequence=frames,
        )
    ]


def refer_to_frames(seg: Any, source: SourceImages) -> None:
    """Say which frames of an enhanced file the frames of a SEG made of `headers_by_slice` were drawn on."""
    images = {  # by identity: the frames of several segments share one
        id(image): image
        for frame in seg.PerFrameFunctionalGroupsSequence
        for derivation in frame.get("DerivationImageSequence", [])
        for image in derivation.SourceImageSequence
    }
    for image in images.values():
        if "ReferencedFrameNumber" in image:
            image.ReferencedFrameNumber = source.frames[int(image.ReferencedFrameNumber) - 1][1]


def positions_mm(source: SourceImages) -> npt.NDArray[np.float64]:
    """(S, 3): where each slice begins as its header has it, in LPS; its grid has even steps, which series may lack."""
    by_uid = _by_uid(source)
    found = [
        by_uid[uid].ImagePositionPatient
        if number is None
        else _group(by_uid[uid], number, "PlanePositionSequence").ImagePositionPatient
        for uid, number in source.frames
    ]
    return np.array(found, dtype=np.float64)


def _by_uid(source: SourceImages) -> dict[str, Any]:
    return {str(header.SOPInstanceUID): header for header in source.headers}


def _group(header: Any, number: int, sequence: str) -> Any:
    """The first item of a functional group of a frame (from 1): its own, or the shared one."""
    own = header.PerFrameFunctionalGroupsSequence[number - 1]
    return (own if sequence in own else header.SharedFunctionalGroupsSequence[0])[sequence].value[0]


def _with(dataset: pydicom.Dataset, **values: Any) -> pydicom.Dataset:
    """A copy with other values; the original stays as it is."""
    changed = pydicom.Dataset(dataset)
    for keyword, value in values.items():
        setattr(changed, keyword, value)
    return changed
