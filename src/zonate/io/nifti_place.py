"""Where the header of a NIfTI puts its voxels: where it is ambiguous, programs part without a word."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from zonate.errors import GeometryError, StudyError
from zonate.geometry import Grid, at_right_angles

HELD_WITHIN_MM = 0.05
"""How far a corner may move where a file's axes are brought to right angles, or are written so."""
_AGREE_WITHIN_MM = 0.3
"""The quaternion of a qform is rounded to 32 bits, which moves a corner of a wide field by up to 0.2 mm."""
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_HEADER_BYTES, _DIM_AT, _CODES_AT, _SFORM_AT, _MAGIC_AT = 348, 40, 252, 280, 344
"""Source: nifti1.h; ITK reads no NIfTI-2."""


@dataclass(frozen=True)
class _Forms:
    """The two forms of a header.

    Attributes:
        qform_code: 0: not set.
        sform_code: Likewise.
        sform: The grid that it gives; None where it is not set or gives none.
        order: That of the header's bytes, as `struct` names it.
    """

    qform_code: int = 0
    sform_code: int = 0
    sform: Grid | None = None
    order: str = "<"


def is_nifti(path: Path) -> bool:
    """Whether the name ends as a NIfTI's."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def is_nifti_2(path: Path) -> bool:
    """Whether the header is NIfTI-2's."""
    return _header(path)[4:8] == b"n+2\0"


def check_place(path: Path, read: Grid) -> None:
    """Refuse a NIfTI that does not say where its voxels lie, or says it twice and differently.

    Args:
        path: The file.
        read: The grid that ITK reads.

    Raises:
        StudyError: Neither form is set, so that left and right are unknown; or the sform, which other programs follow,
            puts a corner elsewhere.
    """
    forms = _forms(_header(path))
    if forms.qform_code <= 0 and forms.sform_code <= 0:
        raise StudyError(
            f"{path.name} does not say how it lies in the patient (qform_code and sform_code are 0), so that left and "
            "right, front and back cannot be told: set its sform, or give the images in DICOM"
        )
    off_mm = 0.0 if forms.sform is None else forms.sform.apart_mm(read)
    if off_mm > _AGREE_WITHIN_MM:
        raise StudyError(
            f"{path.name}: its qform (code {forms.qform_code}) and its sform (code {forms.sform_code}) put a corner "
            f"{off_mm:.2f} mm apart, and programs differ in which they follow: set both to where it lies, or give the "
            "images in DICOM"
        )


@contextmanager
def with_squared_sform(path: Path, raw: bytes | None = None) -> Iterator[Path | None]:
    """A copy, for ITK to read, of a NIfTI whose only form is an sform that rounding has taken from right angles.

    Args:
        path: The file, which ITK refuses.
        raw: All its bytes, decompressed; None: a copy of the header will do.

    Yields:
        The copy; None where it is something else that is wrong with the file.

    Raises:
        StudyError: A corner would move by more than HELD_WITHIN_MM.
    """
    raw = _header(path) if raw is None else raw
    forms = _forms(raw)
    if forms.sform is None or forms.qform_code > 0:
        yield None
        return
    squared = at_right_angles(forms.sform)
    off_mm = squared.apart_mm(forms.sform)
    if off_mm > HELD_WITHIN_MM:
        raise StudyError(
            f"{path.name}: its axes are not at right angles: a corner is {off_mm:.2f} mm off; resample it onto axes "
            "that are"
        )
    mended = bytearray(raw)
    rows = (_TO_LPS @ squared.affine)[:3, [2, 1, 0, 3]]
    struct.pack_into(f"{forms.order}12f", mended, _SFORM_AT, *rows.ravel())
    with TemporaryDirectory(prefix="zonate-") as folder:
        copy = Path(folder) / "volume.nii"
        copy.write_bytes(mended)
        yield copy


def _header(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except (EOFError, OSError, zlib.error):
        return b""


def _forms(header: bytes) -> _Forms:
    """Those of a NIfTI; of any other header, such as Analyze's, neither is set."""
    if len(header) < _HEADER_BYTES or not header.startswith(b"n+1", _MAGIC_AT):
        return _Forms()
    order = "<" if struct.unpack_from("<i", header)[0] == _HEADER_BYTES else ">"
    _, columns, rows, slices, *_ = struct.unpack_from(f"{order}8h", header, _DIM_AT)
    qform_code, sform_code = struct.unpack_from(f"{order}2h", header, _CODES_AT)
    affine = np.eye(4)
    affine[:3, [2, 1, 0, 3]] = np.reshape(struct.unpack_from(f"{order}12f", header, _SFORM_AT), (3, 4))
    try:
        sform = Grid((max(slices, 1), max(rows, 1), max(columns, 1)), _TO_LPS @ affine) if sform_code > 0 else None
    except GeometryError:
        sform = None  # no place at all, which ITK judges
    return _Forms(qform_code, sform_code, sform, order)
