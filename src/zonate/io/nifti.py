"""NIfTI, MHA and NRRD: one volume a file, through SimpleITK, and which file of a folder plays which role."""

import errno
import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from zonate.errors import AmbiguousSeriesError, GeometryError, StudyError
from zonate.geometry import Grid, Volume, at_right_angles
from zonate.io.files import atomic_path
from zonate.io.itk import from_itk, to_itk
from zonate.io.nifti_place import HELD_WITHIN_MM, check_place, is_nifti, is_nifti_2, with_squared_sform
from zonate.io.walk import files_under
from zonate.study import Sequence

_NIFTI_FLOAT32, _NIFTI_FLOAT64 = 16, 64
_DATA_FILE = re.compile(r"(ElementDataFile\s*=|data ?file:)", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?P<before>[^%]*)%(?P<width>\d*)d(?P<after>[^%\s]*)\s+(?P<numbers>-?\d+\s+-?\d+\s+-?\d+)(\s+\d+)?"
)
"""Files with a number in their names: the first number, the last, and the step."""
_MOST_FILES = 10_000
SUFFIXES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd", ".nhdr")
_HEADERS = (".mhd", ".nhdr")
_NOTE_BYTES = 79
_NIFTI_DATA_AT = 352
_Read = TypeVar("_Read")
STEMS: dict[Sequence, tuple[str, ...]] = {
    Sequence.T2W: ("t2w",),
    Sequence.DWI: ("dwi", "hbv"),
    Sequence.ADC: ("adc",),
}


def read_volume(path: Path, component: int | None = None) -> Volume:
    """Read a volume in the file's own type, so that integer labels stay integers.

    Args:
        path: The file.
        component: Which volume of a four-dimensional file, from 0; None: the file is one volume.

    Returns:
        Values (S, H, W) on their grid, without a frame of reference (these formats have none).

    Raises:
        StudyError: The file does not exist, cannot be read, or has not that form; or it is a NIfTI that does not say
            where it lies, or not in one way (`zonate.io.nifti_place`).
    """
    shape = volume_shape(path, component)
    raw = _raw_nifti(path) if is_nifti(path) else None
    image = _by_itk(path, sitk.ReadImage, raw)
    if image is None:
        raise StudyError(f"{path.name} cannot be read: it is truncated or corrupt, fetch it again")
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise StudyError(f"{path.name} has {image.GetNumberOfComponentsPerPixel()} values a voxel: give one volume")
    if image.GetDimension() == 4:
        image = image[:, :, :, component or 0]
    volume = from_itk(image)
    if volume.values.shape != shape:
        raise StudyError(f"{path.name}: its header says {shape}, it holds {volume.values.shape}")
    return volume if raw is None else volume.with_values(_with_nifti_nan(volume.values, raw, component or 0))


def volume_shape(path: Path, component: int | None = None) -> tuple[int, int, int]:
    """(S, H, W) of a volume file, or of one volume of a four-dimensional one, from its header alone.

    Raises:
        StudyError: As `read_volume`.
    """
    if not path.is_file():
        raise StudyError(f"there is no volume file {path.name}")
    lost = [file for file in volume_files(path) if not os.path.isfile(file)]  # noqa: PTH113 (is_file raises where a name is no file's)
    if lost:
        raise StudyError(
            f"{path.name} is a header whose voxels lie in another file, {lost[0].name}, which is not where it says: "
            "fetch that file, too, or correct the header"
        )
    reader = _by_itk(path, _information)
    if reader is None:
        if is_nifti_2(path):
            raise StudyError(f"{path.name} is NIfTI-2, which cannot be read: save it as NIfTI-1")
        raise StudyError(f"{path.name} is not a NIfTI, MHA or NRRD volume that can be read")
    size = reader.GetSize()
    if len(size) == 4 and (size[3] == 1 if component is None else 0 <= component < size[3]):
        size = size[:3]
    elif component is not None:
        raise StudyError(f"{path.name} has the size {tuple(size)}: there is no volume {component} (from 0) in it")
    if len(size) != 3:
        raise StudyError(
            f"{path.name} has {len(size)} dimensions {tuple(size)}, not three: give each role a volume of its own"
        )
    shape = int(size[2]), int(size[1]), int(size[0])
    if is_nifti(path):
        check_place(path, _grid_of(reader, shape))
    return shape


def write_volume(path: Path, volume: Volume, *, note: str = "", new: bool = False) -> None:
    """Write a volume whole or not at all; the suffix chooses the format; the affine holds to 1e-5 on rereading.

    Of a NIfTI, to HELD_WITHIN_MM at a corner where rounding has taken the axes from right angles.

    Args:
        path: The file.
        volume: Of images or labels; bool is written as uint8.
        note: For whoever opens the file without what lies beside it; NIfTI keeps the first 79 bytes (`descrip`).
        new: As `atomic_path`.

    Raises:
        FileExistsError: With `new`, the file is there.
        OSError: There is no room for all of it.
        GeometryError: It would be a NIfTI, which holds axes at right angles alone, and the volume's are not.
        ValueError: The name ends as no volume's, or as that of a header whose voxels lie in a second file.
    """
    if not is_volume_file(path):
        raise ValueError(f"{path.name} does not end in one of {', '.join(SUFFIXES)}")
    if path.suffix.lower() in _HEADERS:
        raise ValueError(f"{path.name} would be two files: write .mha or .nrrd")
    values = volume.values.astype(np.uint8) if volume.values.dtype == np.bool_ else volume.values
    image = to_itk(Volume(values, _as_nifti_holds(volume.grid, path) if is_nifti(path) else volume.grid))
    if note:
        image.SetMetaData("ITK_FileNotes", note.encode("ascii", "replace")[:_NOTE_BYTES].decode("ascii"))
    write_image(path, image, new=new)


def write_image(path: Path, image: sitk.Image, *, new: bool = False) -> None:
    """Write an ITK image, compressed, whole or not at all.

    Args:
        path: The file.
        image: Of one value a voxel, or several.
        new: As `atomic_path`.

    Raises:
        FileExistsError: With `new`, the file is there.
        OSError: There is no room for all of it, or ITK cannot write it there.
    """
    with atomic_path(path, new=new) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            reason = f"ITK could not write {path.name}: make room or check the rights, and do this again"
            raise OSError(errno.EIO, reason, str(path)) from error
        if not _is_whole(temporary, image):
            reason = f"no room for all of {path.name} (disk, quota, limit of file size): make room, and do this again"
            raise OSError(errno.ENOSPC, reason, str(path))


def _is_whole(path: Path, image: sitk.Image) -> bool:
    """Whether all of a file lies there: the libraries that write NIfTI and NRRD end where a full disk does, in silence.

    What gzip packed ends in its length before that, modulo 2^32 (RFC 1952); after an error nothing more is written, so
    a file that lacks only something in its middle cannot be. Of MHA ITK says so itself.
    """
    components: int = image.GetNumberOfPixels() * image.GetNumberOfComponentsPerPixel()
    data: int = components * image.GetSizeOfPixelComponent()
    size = path.stat().st_size
    name = path.name.lower()
    if name.endswith(".nii"):
        return size == _NIFTI_DATA_AT + data
    if not name.endswith((".nii.gz", ".nrrd")):
        return True
    with path.open("rb") as file:
        file.seek(max(0, size - 4))
        length = int.from_bytes(file.read(), "little")
    return length == (data if name.endswith(".nrrd") else _NIFTI_DATA_AT + data) % 2**32


def is_volume_file(path: Path) -> bool:
    """Whether the name ends as those of volume files do."""
    return path.name.lower().endswith(SUFFIXES)


def volume_files(path: Path) -> list[Path]:
    """A volume file and those that hold its voxels: `.mhd` and `.nhdr` are headers alone.

    A header names them by their absolute paths, or relative to its own folder.

    Returns:
        The file itself first; the others need not exist.
    """
    if path.suffix.lower() not in _HEADERS or not path.is_file():
        return [path]
    lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    keys = [number for number, line in enumerate(lines) if _DATA_FILE.match(line)]
    if not keys:
        return [path]
    first = _DATA_FILE.sub("", lines[keys[0]]).strip()
    names = lines[keys[0] + 1 :] if first.upper().startswith("LIST") else _numbered(first)
    names = [name.strip() for name in names]
    return [path, *(_as_it_lies(path.parent / name) for name in names if name and name.upper() != "LOCAL")]


def _information(file: str) -> sitk.ImageFileReader:
    """A reader that has read the header."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    return reader


def _by_itk(path: Path, read: Callable[[str], _Read], raw: bytes | None = None) -> _Read | None:
    """What ITK reads of a file, or of a copy whose sform is brought to right angles; None where it reads neither."""
    try:
        return read(str(path))
    except RuntimeError:
        with with_squared_sform(path, raw) if is_nifti(path) else nullcontext() as copy:
            try:
                return None if copy is None else read(str(copy))
            except RuntimeError:
                return None


def _as_nifti_holds(grid: Grid, path: Path) -> Grid:
    """ITK would write other axes with a warning that no user sees."""
    squared = at_right_angles(grid)
    off_mm = squared.apart_mm(grid)
    if off_mm > HELD_WITHIN_MM:
        raise GeometryError(
            f"{path.name} cannot be written: NIfTI holds axes at right angles alone, and a corner of this volume would "
            f"be {off_mm:.2f} mm off: resample the images onto such axes"
        )
    return squared


def _grid_of(reader: sitk.ImageFileReader, shape: tuple[int, int, int]) -> Grid:
    n = reader.GetDimension()
    affine = np.eye(4)
    direction = np.reshape(reader.GetDirection(), (n, n))[:3, :3]
    affine[:3, :3] = (direction * np.array(reader.GetSpacing()[:3]))[:, ::-1]
    affine[:3, 3] = reader.GetOrigin()[:3]
    return Grid(shape, affine)


def _as_it_lies(file: Path) -> Path:
    """A file of voxels, or the compressed one that ITK looks for where it is not there."""
    packed = (Path(f"{file}{suffix}") for suffix in (".gz", ".Z"))
    return next((each for each in (file, *packed) if os.path.isfile(each)), file)  # noqa: PTH113  (as above)


def _numbered(name: str) -> list[str]:
    """The files that a name such as `slice%03d.raw 1 24 1` stands for; any other name as it is."""
    match = _NUMBERED.fullmatch(name)
    if match is None:
        return [name]
    first, last, step = (int(number) for number in match["numbers"].split())
    if step == 0 or not 0 <= (last - first) // step < _MOST_FILES:
        return [name]
    return [
        f"{match['before']}{n:{match['width']}d}{match['after']}"
        for n in range(first, last + (1 if step > 0 else -1), step)
    ]


def _raw_nifti(path: Path) -> bytes:
    """The decompressed file: ITK reads a truncated NIfTI without a word, so its bytes are counted first.

    Source: nifti1.h: sizeof_hdr, dim, datatype, bitpix, vox_offset.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        _, _, count, bits, offset = _nifti_layout(raw)
    except (EOFError, OSError, zlib.error, struct.error):
        raw, count, bits, offset = b"", 1, 8, 0
    if len(raw) < offset + count * bits // 8:
        raise StudyError(f"{path.name} cannot be read: it is truncated or corrupt, fetch it again")
    return raw


def _with_nifti_nan(values: npt.NDArray[Any], raw: bytes, component: int) -> npt.NDArray[Any]:
    """Put back what is not finite: the library beneath ITK turns it into zeros."""
    order, datatype, count, _, offset = _nifti_layout(raw)
    dtype = {_NIFTI_FLOAT32: "f4", _NIFTI_FLOAT64: "f8"}.get(datatype)
    if dtype is None or count % values.size or component >= count // values.size:
        return values
    stored = np.frombuffer(raw, np.dtype(f"{order}{dtype}"), count, offset)
    stored = stored.reshape(-1, *values.shape)[component]  # (S, H, W)
    return np.where(np.isfinite(stored), values, stored).astype(values.dtype)


def _nifti_layout(raw: bytes) -> tuple[str, int, int, int, int]:
    """Byte order, datatype, number of values, bits of a value, and where they begin."""
    for order in ("<", ">"):
        size = struct.unpack_from(f"{order}i", raw)[0]
        if size == 348:
            dim, offset = struct.unpack_from(f"{order}8h", raw, 40), struct.unpack_from(f"{order}f", raw, 108)[0]
            datatype, bits = struct.unpack_from(f"{order}2h", raw, 70)
            return order, datatype, math.prod(dim[1 : dim[0] + 1]), bits, int(offset)
    return "<", 0, 0, 8, 0  # some other header, which ITK judges


def without_suffix(name: str) -> str:
    """A volume file's name without its suffix; another name as it is."""
    lower = name.lower()
    return next((name[: -len(suffix)] for suffix in SUFFIXES if lower.endswith(suffix)), name)


def role_files(folder: Path) -> dict[Sequence, Path]:
    """The volume files of a folder (any nesting) whose stems name a role, as `t2w.nii.gz` or `10000_1000000_t2w.mha`.

    Links are followed (`zonate.io.walk`); the name of a link to a file counts as a file's does.

    Raises:
        AmbiguousSeriesError: Several files claim one role.
    """
    found: dict[Sequence, Path] = {}
    for path in sorted(files_under(folder, lambda path: is_volume_file(path) and _role_of(path) is not None)):
        role = _role_of(path)
        if role is None:
            continue
        if role in found:
            raise AmbiguousSeriesError(
                f"{folder.name}: {found[role].relative_to(folder)} and {path.relative_to(folder)} both claim "
                f"{role.name}: take one away, or give each role its file"
            )
        found[role] = path
    return found


def _role_of(path: Path) -> Sequence | None:
    stem = without_suffix(path.name.lower())
    for role, stems in STEMS.items():
        if stem in stems or any(stem.endswith(f"_{word}") for word in stems):
            return role
    return None
