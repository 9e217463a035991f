"""What tells that files have changed, without reading them."""

import os
from pathlib import Path

from zonate.io.nifti import volume_files
from zonate.io.walk import files_under


def stamps(path: Path) -> list[tuple[str, int, int]]:
    """The files of a folder, or a file; and those that they point to: name, size in bytes, time of change in ns.

    Returns:
        By name, relative to the path's own folder; none where nothing is there.
    """
    if not path.exists():
        return []
    listed = sorted(files_under(path)) if path.is_dir() else [path]
    files = {_name(file, path.parent): file for one in listed for file in volume_files(one)}
    there = {name: file for name, file in files.items() if os.path.isfile(file)}  # noqa: PTH113 (is_file may raise)
    stats = [(name, file.stat()) for name, file in there.items()]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _name(file: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive
        return file.as_posix()
