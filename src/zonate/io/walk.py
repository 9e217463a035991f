"""The files under a folder, behind symbolic links too, each real file once."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

# os.path where pathlib would raise on what may not be looked at, or on links that lead to each other.


def files_under(root: Path, wanted: Callable[[Path], bool] = lambda _: True) -> Iterator[Path]:
    """Every file under a folder, however deep.

    Links are followed, to folders and to files. What can be reached in several ways is given once: where it really
    lies under the folder, else through the link that is met first. A link that leads to the folder itself, to one that
    holds it, or to one that holds the link, leads in a circle and is passed over; so are links to nothing, and what is
    neither file nor folder.

    Args:
        root: A folder, or a link to one.
        wanted: Whether a file of that path is wanted: one that is not under one name may be under another.

    Returns:
        Paths that begin with `root`, in no order that means anything, but the same one each time.
    """
    given: set[str] = set()
    for path, real in names_under(root):
        if real not in given and wanted(path):
            given.add(real)
            yield path


def names_under(root: Path, *, hidden: bool = True) -> Iterator[tuple[Path, str]]:
    """As `files_under`, but every name of a file, each beside where the file really lies.

    What really lies under the folder comes before what links lead to. A folder is walked once all the same.

    Args:
        root: The folder.
        hidden: Whether names that begin with a dot are given, and folders of such names entered.
    """
    top = os.path.realpath(root)
    walked: set[str] = set()
    links = deque[Path]()
    yield from _files_before_links(root, walked, links, hidden=hidden)
    while links:
        link = links.popleft()
        target = os.path.realpath(link)
        if os.path.isfile(target):  # noqa: PTH113
            yield link, target
        elif not os.path.isdir(target):  # noqa: PTH112
            continue
        elif not any(Path(folder).is_relative_to(target) for folder in (top, os.path.realpath(link.parent))):
            yield from _files_before_links(link, walked, links, hidden=hidden)


def _files_before_links(
    place: Path, walked: set[str], links: deque[Path], *, hidden: bool
) -> Iterator[tuple[Path, str]]:
    """The files of folders that were not walked yet, beside where they really lie; folders and links are noted."""
    for name, below, files in os.walk(place):
        folder, real = Path(name), os.path.realpath(name)
        if real in walked:
            below.clear()
            continue
        walked.add(real)
        if not hidden:
            below[:], files = ([name for name in names if not name.startswith(".")] for names in (below, files))
        below.sort()
        for path in (folder / name for name in sorted((*below, *files))):
            if path.is_symlink():
                links.append(path)
            elif os.path.isfile(path):  # noqa: PTH113
                yield path, str(Path(real) / path.name)
