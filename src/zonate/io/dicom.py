"""DICOM files: which of a folder's files are DICOM, their headers, and their pixels."""

import os
import re
import struct
from collections.abc import Iterable
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
)

from zonate.errors import CorruptSeriesError
from zonate.io.frame import Frame
from zonate.io.multiframe import frames_of
from zonate.io.quiet import quiet
from zonate.io.walk import files_under

_DIRECTORY = "1.2.840.10008.1.3.10"
_MR_IMAGES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
_UNDEFINED_LENGTH = 0xFFFFFFFF
_DICOM_SUFFIXES = (".dcm", ".dicom")
_NUMBERS = re.compile(r"[0-9a-f]*\d[0-9a-f]*(\.[0-9a-f]*\d[0-9a-f]*)*")
"""What tells the files of a series apart: counted, in hexadecimal, or a UID."""
_KEYWORDS = (
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "StudyDate", "SeriesDate",
    "AcquisitionDate", "AcquisitionDateTime", "SeriesTime", "AcquisitionTime", "Modality", "SeriesDescription",
    "PatientName", "PatientID", "ScanningSequence", "ScanOptions", "MRAcquisitionType", "SequenceName",
    "PulseSequenceName", "SpectrallySelectedSuppression", "SliceThickness",
    "RepetitionTime", "EchoTime", "SpacingBetweenSlices", "EchoPulseSequence", "EchoPlanarPulseSequence",
    "DiffusionBValue", "DiffusionDirectionality", "MRDiffusionSequence", "StudyInstanceUID", "SeriesInstanceUID",
    "SeriesNumber", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "TemporalPositionIdentifier", "SamplesPerPixel", "NumberOfFrames", "Rows", "Columns", "PixelSpacing",
    "BitsAllocated", "RescaleIntercept", "RescaleSlope", "RealWorldValueMappingSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
_PRIVATE = {0x0019: (0x0C, 0x0D), 0x0043: (0x30, 0x39), 0x2001: (0x03, 0x04, 0x13, 0x20), 0x2005: (0x0E,)}
_TAGS: list[BaseTag] = [  # made once: pydicom would look every keyword up again for every file
    *map(Tag, _KEYWORDS),
    *(Tag(group, block) for group in _PRIVATE for block in range(0x10, 0x14)),
    *(
        Tag(group, (block << 8) + e)
        for group, elements in _PRIVATE.items()
        for block in range(0x10, 0x14)
        for e in elements
    ),
]


@dataclass(frozen=True)
class Scan:
    """What the headers of a folder say.

    Attributes:
        frames: Every MR image.
        unreadable: Files that are or may have been DICOM but whose headers cannot be read, as messages name them.
    """

    frames: tuple[Frame, ...]
    unreadable: tuple[str, ...]


def scan(root: Path) -> Scan:
    """Read the headers of the MR images under a folder, behind links too, whatever the files are called.

    Files that are not DICOM, directories of media (DICOMDIR) and objects that are not MR are passed over; but not what
    may be an image that has lost its content: what is called DICOM, or as the images beside it are.

    Args:
        root: The study; messages name files relative to it.
    """
    frames: list[Frame] = []
    unreadable: list[Path] = []
    without_content: list[Path] = []
    for path in sorted(files_under(root)):
        name = path.relative_to(root).as_posix()
        start = _start(path)
        if not _is_start_of_dicom(start):
            if path.name.startswith("."):
                continue
            if path.suffix.lower() in _DICOM_SUFFIXES:
                unreadable.append(path)
            elif not any(start):
                without_content.append(path)
            continue
        try:
            with quiet():  # values are converted when they are first asked for
                header, broken = _read_header(path)
                if header is not None:
                    frames.extend(frames_of(header, path, name, broken))
        except (InvalidDicomError, EOFError, ValueError, TypeError, AttributeError, KeyError, struct.error, OSError,
                NotImplementedError):  # what pydicom raises on broken bytes  # fmt: skip
            unreadable.append(path)
    unreadable += _called_like_images(without_content, frames)
    return Scan(tuple(frames), tuple(path.relative_to(root).as_posix() for path in sorted(unreadable)))


def read_pixels(frames: Items[Frame], label: str) -> npt.NDArray[np.float32]:
    """The stored values of frames, without slope and intercept.

    Args:
        frames: All of one shape.
        label: How an error names the series, such as `case X: series 4`.

    Returns:
        (len(frames), H, W) float32, in the order of the frames.

    Raises:
        CorruptSeriesError: A file is no longer there, or its pixels are truncated, cannot be decoded or have another
            shape.
    """
    values = np.empty((len(frames), *frames[0].shape), dtype=np.float32)  # (S, H, W)
    decoded: dict[Path, npt.NDArray[Any]] = {}
    for s, frame in enumerate(frames):
        if frame.file not in decoded:
            decoded = {frame.file: _decode(frame, label)}
        image = decoded[frame.file][frame.index]
        if image.shape != frame.shape:
            raise CorruptSeriesError(f"{label}: file {frame.name} holds an image of {image.shape}, not {frame.shape}")
        values[s] = image
    return values


def _decode(frame: Frame, label: str) -> npt.NDArray[Any]:
    """All frames of a file (N, H, W)."""
    try:
        with quiet():
            dataset = pydicom.dcmread(frame.file, force=True)
            if "TransferSyntaxUID" not in dataset.file_meta:
                dataset.file_meta.TransferSyntaxUID = _syntax(dataset)
            pixels: npt.NDArray[Any] = np.asarray(dataset.pixel_array)
    except FileNotFoundError:
        raise CorruptSeriesError(f"{label}: file {frame.name} is no longer there") from None
    except Exception as error:  # noqa: BLE001  (each decoder has exceptions of its own)
        raise CorruptSeriesError(
            f"{label}: the pixels of file {frame.name} cannot be decoded ({type(error).__name__}): "
            "truncated, corrupt, or in a compression that is not supported"
        ) from None
    return pixels[None] if pixels.ndim == 2 else pixels


def _start(path: Path) -> bytes:
    """Up to 132 bytes; none of a file that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(132)
    except OSError:
        return b""


def _called_like_images(files: Iterable[Path], frames: Iterable[Frame]) -> list[Path]:
    """Those of the files that are called, but for numbers, as an image of their folder.

    A copy that was broken off leaves an empty file or one of zeros in the place of an image. Where a folder has no
    image, those of the others count; where there are none at all, each file may have been one.
    """
    images: dict[Path, set[str]] = {}
    for frame in frames:
        images.setdefault(frame.file.parent, set()).add(_without_numbers(frame.file))
    anywhere = set[str]().union(*images.values())
    return [file for file in files if not images or _without_numbers(file) in images.get(file.parent, anywhere)]


def _without_numbers(file: Path) -> str:
    return _NUMBERS.sub("0", file.name.lower())


def _is_start_of_dicom(start: bytes) -> bool:
    """A preamble with DICM, or a first element of the groups that a file without preamble starts with."""
    return start[128:132] == b"DICM" or start[:4] in (
        b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x08\x00\x00\x00", b"\x08\x00\x01\x00",
        b"\x08\x00\x12\x00", b"\x08\x00\x16\x00", b"\x02\x00\x00\x00", b"\x02\x00\x01\x00", b"\x02\x00\x02\x00",
    )  # fmt: skip


def _read_header(path: Path) -> tuple[Any, str]:
    """The header and why the pixels cannot be read; None for what is not an MR image.

    Raises:
        InvalidDicomError: The header breaks off before it says to which series it belongs.
    """
    with path.open("rb") as file:
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS, force=True)
        stored = str(getattr(header.file_meta, "MediaStorageSOPClassUID", "") or header.get("SOPClassUID", ""))
        modality, rows = header.get("Modality"), header.get("Rows")
        if stored == _DIRECTORY or (modality and modality != "MR"):
            return None, ""
        if modality and not rows and stored not in _MR_IMAGES:
            return None, ""  # spectra and raw data
        if not modality or not header.get("SeriesInstanceUID") or (not rows and "SeriesNumber" not in header):
            raise InvalidDicomError("the header breaks off")
        if not rows:
            return header, "its header is truncated"
        return header, _pixel_fault(header, file)


def _pixel_fault(header: Any, file: BinaryIO) -> str:
    """Compare the length of the pixel data with what the header promises; the file stands before its tag."""
    syntax = _syntax(header)
    if syntax == DeflatedExplicitVRLittleEndian:
        return ""  # the whole file was inflated to read its header, so it is whole
    size = os.fstat(file.fileno()).st_size
    order = "<" if syntax.is_little_endian else ">"
    tag = file.read(8)
    if len(tag) < 8 or struct.unpack(f"{order}HH", tag[:4]) not in ((0x7FE0, 0x10), (0x7FE0, 0x08), (0x7FE0, 0x09)):
        return "it has no pixel data: the file is truncated"
    if syntax.is_implicit_VR:
        length = struct.unpack(f"{order}L", tag[4:])[0]
    else:
        length = struct.unpack(f"{order}L", file.read(4).ljust(4, b"\0"))[0]
    if length == _UNDEFINED_LENGTH:
        return "" if _fragments_end(file, size) else "the pixel data are truncated"
    frames = int(header.get("NumberOfFrames") or 1)
    pixels = int(header.Rows) * int(header.Columns) * int(header.get("SamplesPerPixel") or 1) * frames
    expected = pixels * int(header.get("BitsAllocated") or 16) // 8
    present = min(length, size - file.tell())
    if present < expected:
        return f"the pixel data are truncated: {present} bytes of {expected}"
    return ""


def _fragments_end(file: BinaryIO, size: int) -> bool:
    """Whether the fragments of compressed pixel data run up to their delimiter."""
    while len(item := file.read(8)) == 8:
        group, element, length = struct.unpack("<HHL", item)
        if (group, element) == (0xFFFE, 0xE0DD):
            return True
        if (group, element) != (0xFFFE, 0xE000) or file.tell() + length > size:
            return False
        file.seek(length, os.SEEK_CUR)
    return False


def _syntax(header: Any) -> UID:
    """The transfer syntax; of a file without preamble the one that pydicom found by trying."""
    declared = str(getattr(header.file_meta, "TransferSyntaxUID", ""))
    if declared:
        return UID(declared)
    implicit, little = header.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian
