"""What tells that files have changed, without reading them."""

from pathlib import Path

from zonate.io.nifti import volume_files
from zonate.io.walk import files_under


def stamps(path: Path) -> list[tuple[str, int, int]]:
    """The files of a folder, or a file with those that it points to: name, size in bytes, time of change in ns.

    Returns:
        By name, relative to the path's own folder; none where nothing is there.
    """
    if not path.exists():
        return []
    files = sorted(files_under(path)) if path.is_dir() else volume_files(path)
    stats = [(file.relative_to(path.parent).as_posix(), file.stat()) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
