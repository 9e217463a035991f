"""A zip archive laid out in a temporary folder, if nothing in it is dangerous."""

import errno
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from zonate.errors import StudyError
from zonate.settings.data import ReadingSettings

_BLOCK_BYTES = 1 << 20
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CORRUPT = (zipfile.BadZipFile, zlib.error, LZMAError, EOFError)
_SMALL_BYTES = 64 * 2**20
"""Below this nothing is a bomb, however well it packs."""


@contextmanager
def unpacked(archive: Path, settings: ReadingSettings) -> Iterator[Path]:
    """Unpack a zip into a temporary folder that lives as long as the block.

    The bytes are counted as they come out, not as the archive declares them.

    Raises:
        StudyError: The archive is corrupt or encrypted, an entry would lie outside the folder or is a
            link, or it grows beyond the limits of the settings. Nothing is left behind.
        OSError: There is no room for what is in it.
    """
    with archive.open("rb") as file:
        start = file.read(2)
    if start != b"PK":
        raise StudyError(f"{archive.name} is a file but no zip: give the folder that it lies in, or a zip")
    with tempfile.TemporaryDirectory(prefix="zonate-") as temporary:
        folder = Path(temporary)
        try:
            with zipfile.ZipFile(archive) as opened:
                _extract(opened, folder, archive, settings)
        except (*_CORRUPT, NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise OSError(
                    error.errno,
                    f"no room to unpack archive {archive.name} among the temporary files: make room there, or set "
                    "TMPDIR to another folder",
                    tempfile.gettempdir(),
                ) from None
            raise StudyError(
                f"archive {archive.name} is corrupt or cannot be unpacked ({type(error).__name__}): fetch it again"
            ) from None
        yield folder


def _extract(opened: zipfile.ZipFile, folder: Path, archive: Path, settings: ReadingSettings) -> None:
    entries = opened.infolist()
    if len(entries) > settings.max_archive_files:
        raise StudyError(
            f"archive {archive.name} has {len(entries)} entries, more than reading.max_archive_files allows "
            f"({settings.max_archive_files})"
        )
    most = min(settings.max_archive_bytes, max(_SMALL_BYTES, int(settings.max_archive_ratio * archive.stat().st_size)))
    written = 0
    for entry in entries:
        target = _target(entry, folder, archive)
        if entry.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise StudyError(f"archive {archive.name} holds the entry {entry.filename!r} twice: pack it anew")
        written += _inflate(opened, entry, target, archive, most - written)


def _target(entry: zipfile.ZipInfo, folder: Path, archive: Path) -> Path:
    """Where an entry goes; a backslash counts as a separator, as some Windows tools write it."""
    relative = PurePosixPath(entry.filename.replace("\\", "/"))
    drive = bool(relative.parts) and relative.parts[0].endswith(":")
    if relative.is_absolute() or drive or ".." in relative.parts or "\0" in entry.orig_filename:
        raise StudyError(f"archive {archive.name}: the entry {entry.filename!r} would escape its folder: not unpacked")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise StudyError(f"archive {archive.name}: the entry {entry.filename!r} is a link: not unpacked")
    return folder / relative


def _inflate(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, archive: Path, allowed: int) -> int:
    written = 0
    if entry.flag_bits & 1:
        raise StudyError(f"archive {archive.name}: the entry {entry.filename!r} is encrypted: unpack it by hand")
    try:
        with opened.open(entry) as source, target.open("xb") as sink:
            while block := source.read(_BLOCK_BYTES):
                written += len(block)
                if written > allowed:
                    raise StudyError(
                        f"archive {archive.name} inflates without bound: at the entry {entry.filename!r} it exceeds "
                        "reading.max_archive_bytes or reading.max_archive_ratio"
                    )
                sink.write(block)
    except _CORRUPT as error:
        raise StudyError(
            f"archive {archive.name}: the entry {entry.filename!r} is corrupt ({type(error).__name__}): fetch it again"
        ) from None
    return written
