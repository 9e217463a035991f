"""One process at a time in a folder."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zonate.errors import OutputError

_OF_ANOTHER = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def alone_in(folder: Path, doing: str) -> Iterator[None]:
    """Keep other processes that ask for the same out of a folder until the block, or this process, ends.

    The lock is the system's, on the folder itself: it leaves no file, and nothing to clear away after a kill. There is
    none where the system has no such locks (Windows) or the file system takes none on folders (NFS among others).

    Args:
        folder: It exists, and stays the same folder.
        doing: What is done in it, such as `training`, for the message.

    Raises:
        OutputError: Another process is in there.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _OF_ANOTHER:
                raise OutputError(
                    f"another {doing} is at work in {folder}: wait until it has ended, or give another folder"
                ) from None
        yield
    finally:
        os.close(descriptor)
