"""A BINARY DICOM SEG read with pydicom alone, bit by bit; shares no code with the package and none with highdicom."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom


@dataclass(frozen=True)
class PlainFrame:
    """What one frame says: which segment, where it lies (LPS, mm), its pixels, and which image it was drawn on."""

    segment: int
    position_mm: npt.NDArray[np.float64]
    down_mm: npt.NDArray[np.float64]
    across_mm: npt.NDArray[np.float64]
    mask: npt.NDArray[np.bool_]
    drawn_on: tuple[str, int | None]


def read_plain(path: Path) -> list[PlainFrame]:
    return list(_frames(pydicom.dcmread(path)))


def on_grid(frames: list[PlainFrame], shape: tuple[int, int, int], affine: npt.NDArray[np.float64]) -> Any:
    """Segment numbers (S, H, W); every frame must lie on a slice of the grid, pixel on pixel.

    Args:
        frames: As `read_plain` gives them.
        shape: S, H, W.
        affine: (4, 4): index s, h, w to LPS millimetres.
    """
    labels = np.zeros(shape, dtype=np.uint8)
    for frame in frames:
        s = _slice_of(frame, affine)
        np.testing.assert_allclose(affine[:3, 1], frame.down_mm, atol=1e-4)
        np.testing.assert_allclose(affine[:3, 2], frame.across_mm, atol=1e-4)
        assert not labels[s][frame.mask].any(), "two segments overlap"
        labels[s][frame.mask] = frame.segment
    return labels


def slices_drawn_on(
    frames: list[PlainFrame], affine: npt.NDArray[np.float64]
) -> dict[int, set[tuple[str, int | None]]]:
    """Which images the frames of each slice of a grid refer to."""
    found: dict[int, set[tuple[str, int | None]]] = {}
    for frame in frames:
        found.setdefault(_slice_of(frame, affine), set()).add(frame.drawn_on)
    return found


def _slice_of(frame: PlainFrame, affine: npt.NDArray[np.float64]) -> int:
    index = np.linalg.solve(affine[:3, :3], frame.position_mm - affine[:3, 3])
    s = int(np.rint(index[0]))
    np.testing.assert_allclose(affine[:3, :3] @ (index - [s, 0, 0]), 0, atol=1e-3)
    return s


def _frames(seg: Any) -> Iterator[PlainFrame]:
    bits = np.unpackbits(np.frombuffer(seg.PixelData, dtype=np.uint8), bitorder="little")
    n = int(seg.NumberOfFrames)
    masks = bits[: n * seg.Rows * seg.Columns].reshape(n, seg.Rows, seg.Columns).astype(np.bool_)
    shared = seg.SharedFunctionalGroupsSequence[0]
    assert len(seg.PerFrameFunctionalGroupsSequence) == n
    for groups, mask in zip(seg.PerFrameFunctionalGroupsSequence, masks, strict=True):

        def group(name: str, groups: Any = groups) -> Any:
            return (groups if name in groups else shared)[name][0]

        orientation = np.array(group("PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64)
        spacing = group("PixelMeasuresSequence").PixelSpacing
        (image,) = groups.DerivationImageSequence[0].SourceImageSequence
        number = image.get("ReferencedFrameNumber")
        yield PlainFrame(
            segment=int(group("SegmentIdentificationSequence").ReferencedSegmentNumber),
            position_mm=np.array(group("PlanePositionSequence").ImagePositionPatient, dtype=np.float64),
            down_mm=orientation[3:] * float(spacing[0]),
            across_mm=orientation[:3] * float(spacing[1]),
            mask=mask,
            drawn_on=(str(image.ReferencedSOPInstanceUID), None if number is None else int(number)),
        )
