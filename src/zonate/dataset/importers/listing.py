"""What lies below a folder that may have a layout: its files by their names, walked once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from zonate.errors import DatasetError
from zonate.io.walk import names_under


@dataclass(frozen=True)
class Listing:
    """The files below a folder, also behind symbolic links.

    Hidden files and folders are passed over: a download that was killed leaves such, and so does a Mac. A folder that
    links give several names is known by one of them. The folder is
    walked when a file is first asked for, and not again.

    Attributes:
        folder: It need not exist.
    """

    folder: Path

    def __str__(self) -> str:
        return str(self.folder)

    def named(self, pattern: str, *, once: bool = False) -> list[Path]:
        """The files of a name, in the order of their paths.

        Args:
            pattern: A regular expression for the whole of a file's name; where it has slashes, for the last parts of
                its path below the folder.
            once: Whether a file that has several such names is given by the first alone. Files of equal content may be
                links to one, so that this is for what says itself whose it is.
        """
        ends = re.compile(f"(?:.*/)?(?:{pattern})")
        found = [(path, real) for place, path, real in self._names if ends.fullmatch(place)]
        if not once:
            return sorted(path for path, _ in found)
        first: dict[str, Path] = {}
        for path, real in found:
            first.setdefault(real, path)
        return sorted(first.values())

    def place(self, path: Path) -> str:
        """Where something lies, as it is told: below the folder, with slashes."""
        return path.relative_to(self.folder).as_posix()

    @cached_property
    def _names(self) -> list[tuple[str, Path, str]]:
        """Of every name of a file: its place below the folder, its path, and where the file really lies."""
        return [(self.place(path), path, real) for path, real in names_under(self.folder, hidden=False)]


def the_only_one(layout: str, listing: Listing, found: Iterable[Path]) -> Path | None:
    """The one folder that holds a data set; None where there is none.

    Args:
        layout: Its name, for the message.
        listing: Of the folder that was given.
        found: Folders that hold one.

    Raises:
        DatasetError: There are several.
    """
    folders = list(found)
    if len(folders) > 1:
        names = ", ".join(folder.name for folder in folders)
        raise DatasetError(
            f"{listing} holds {len(folders)} data sets of the layout {layout} ({names}), and a folder is read as one: "
            f"give each folder of its own, {' '.join(map(str, folders))}"
        )
    return folders[0] if folders else None
