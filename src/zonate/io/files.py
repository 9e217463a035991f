"""Writing so that a killed process leaves the old result or the new one, never half of one."""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from zonate.errors import OutputError

_HALF_WRITTEN = re.compile(r"\.zonate-[0-9a-f]{8}\.")
_OLD = ".zonate-old."
"""Before the name of a folder while a new one takes its place: what is called so is whole."""
_NEW = ".zonate-new."
"""Before the name that a new folder is about to take: what has the name while this is there is not the new one."""


@contextmanager
def atomic_path(target: Path, *, new: bool = False, flushed: bool = False) -> Iterator[Path]:
    """Give a temporary path beside the target; rename it onto the target when the block succeeds.

    The temporary name keeps the target's suffixes, since some writers choose the format by them.
    When the block raises, the temporary file is removed and the target stays as it was.

    Args:
        target: Its folder is made where it does not exist, but not with `new`: it may just be replaced as a whole.
        new: For what cannot be made again: a target that is there by then stays, and the file is flushed.
        flushed: Whether the file and then its name are on the disk before this ends, so that a machine that loses its
            power has not lost what it called saved, nor what that replaced.

    Raises:
        FileExistsError: With `new`, the target is there.
        FileNotFoundError: With `new`, there is no folder to write into.
    """
    if not new:
        target.parent.mkdir(parents=True, exist_ok=True)
    elif not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no folder to write into", str(target.parent))
    temporary = _half_written(target)
    try:
        yield temporary
        if new or flushed:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        if new:
            _take_name(target, temporary)
        else:
            temporary.replace(target)
        if new or flushed:
            _flush_folder(target.parent)
    finally:
        remove(temporary)


def _take_name(target: Path, file: Path) -> None:
    """Give a file a name that nothing has: the file system decides who is the first."""
    try:
        os.link(file, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        target.touch(exist_ok=False)
        try:
            file.replace(target)
        except OSError:
            target.unlink()
            raise


def _flush_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system opens folders and the file system flushes them."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def atomic_folder(
    target: Path,
    *,
    overwrite: bool,
    inputs: Iterable[Path] = (),
    look_through: Callable[[Path], None] | None = None,
) -> Iterator[Path]:
    """Give an empty temporary folder beside the target; it becomes the target when the block succeeds.

    When the block raises, the temporary folder is removed and the target stays as it was. A process that is killed
    between the renames leaves the old folder under another name; whoever looks at the target next puts it back. The old
    folder is removed once the new one has its name, and never where something else has taken that meanwhile.

    Args:
        target: The folder; it need not exist.
        overwrite: Whether one that holds something may be replaced.
        inputs: What is read for the output; none of it may lie in the folder.
        look_through: Given the old folder once it has left its place, so that nobody writes into it any more: where it
            raises, the old folder goes back.

    Raises:
        OutputError: As `check_output_folder`; or another process has cleared the temporary folder away, has made
            something in the target's place while it was replaced or, without `overwrite`, was quicker.
    """
    check_output_folder(target, overwrite=overwrite, inputs=inputs)
    target = target.resolve()  # a link to the folder stays one
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _half_written(target)
    temporary.mkdir()
    try:
        with os.scandir(temporary):  # held open, so that no folder made in its place can get its number
            made = temporary.stat()
            yield temporary
            _check_still_there(temporary, made, target)
        if overwrite:
            new = temporary.replace(_new(target))
            if target.exists():
                target.replace(_old(target))
                if look_through is not None:
                    look_through(_old(target))
            new.replace(target)
        else:
            _take(target, temporary)
    finally:  # an interrupt too must not lose the old result
        if overwrite:
            _settle(target)
        remove(temporary)


def _check_still_there(temporary: Path, made: os.stat_result, target: Path) -> None:
    """Refuse what is not whole, since it was removed while it was written, and perhaps made anew by the next file."""
    if not temporary.exists() or not os.path.samestat(temporary.stat(), made):
        raise OutputError(
            f"another process has removed what was being written for {target}: nothing of it is kept. Let one process "
            "at a time work on that output, and do this again"
        )


def _take(target: Path, folder: Path) -> None:
    """Give a folder the name of the target, which is empty or missing: the file system decides who is the first."""
    try:
        if target.exists():
            target.rmdir()
        folder.rename(target)
    except OSError as error:
        if target.is_dir() and any(target.iterdir()):
            raise OutputError(
                f"another process has written {target} meanwhile: its result is kept, and this one is not"
            ) from error
        raise


def _contents(folder: Path) -> list[Path]:
    """What lies in a folder, but for what the file system of a fresh volume keeps there for itself."""
    return [path for path in folder.iterdir() if path.name != "lost+found"]


def is_half_written(path: Path) -> bool:
    """Whether a name is one that a file or folder has only while it is written, or removed."""
    return _HALF_WRITTEN.match(path.name) is not None


def remove(path: Path) -> None:
    """Remove a file, or a folder as far as it can be; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_half_written(folder: Path, names: Container[str]) -> None:
    """Remove what processes that were killed have left of targets of these names; other hidden things are not ours.

    An old folder whose name nothing has taken is put back; of one whose name something else than the new one has,
    `check_output_folder` tells.

    Args:
        folder: That the targets lie in; it need not exist.
        names: Of targets that nobody writes now.
    """
    for path in list(folder.iterdir()) if folder.is_dir() else ():
        match = _HALF_WRITTEN.match(path.name)
        if match is not None and path.name[match.end() :] in names:
            with suppress(OSError):  # another process clears up, too
                _discard(path, folder / path.name[match.end() :])
        for prefix in (_OLD, _NEW):
            name = path.name.removeprefix(prefix)
            if path.name.startswith(prefix) and name in names and not _is_displaced(folder / name):
                _settle(folder / name)


def remove_left_behind(folder: Path) -> None:
    """Remove what a process that was killed has left half written anywhere in a folder that nobody writes into now."""
    for path in [path for path in folder.rglob("*") if is_half_written(path)]:
        remove(path)


def _half_written(target: Path) -> Path:
    return target.parent / f".zonate-{uuid4().hex[:8]}.{target.name}"


def _old(target: Path) -> Path:
    return target.parent / f"{_OLD}{target.name}"


def _new(target: Path) -> Path:
    return target.parent / f"{_NEW}{target.name}"


def _is_displaced(target: Path) -> bool:
    """Whether something has the name of an old folder that is not the new one, which still waits for it."""
    return _old(target).exists() and _new(target).exists() and target.exists()


def _settle(target: Path) -> None:
    """Put the old folder back unless the new one has its name, else remove it; nothing where there is none.

    Raises:
        OutputError: Something else has the name: it keeps it, and the old folder gets another one.
    """
    old, new = _old(target), _new(target)
    kept = None
    if old.exists():
        if target.exists() and not new.exists():
            _discard(old, target)
        else:
            kept = _put_back(old, target)
    if new.exists():
        _discard(new, target)
    if kept is not None:
        raise OutputError(
            f"something else took the place of {target} while it was replaced: what it held before is in {kept}, and "
            "the new result is not kept. Put together what you need, and do this again"
        )


def _put_back(old: Path, target: Path) -> Path | None:
    """Where the old folder is now, if that is not its own place."""
    try:
        old.replace(target)
    except OSError:
        if not target.exists():
            raise
        return old.replace(target.with_name(f"{target.name}.before-{uuid4().hex[:8]}"))
    return None


def _discard(path: Path, target: Path) -> None:
    """Remove what has a name beside the target, by another name, so that under its own it is never half removed."""
    doomed = _half_written(target)
    path.replace(doomed)
    remove(doomed)


def write_text(target: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(target: Path, value: Any, *, indent: int | None = 2) -> None:
    """Write JSON whole or not at all, without NaN (which JSON does not have); all in one line with `indent` None."""
    write_text(target, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def claim_output_folder(folder: Path, *, overwrite: bool, inputs: Iterable[Path] = ()) -> Path:
    """Make sure that an output folder is there and empty; it stays the same folder, and may be a mount point.

    Args:
        folder: Made where it does not exist.
        overwrite: Whether a folder that holds something may be emptied.
        inputs: What is read for the output; none of it may lie in the folder.

    Raises:
        OutputError: As `check_output_folder`.
    """
    check_output_folder(folder, overwrite=overwrite, inputs=inputs, stays=True)
    folder.mkdir(parents=True, exist_ok=True)
    for path in _contents(folder):
        doomed = path.replace(_half_written(path))  # so that under its own name nothing is ever half removed
        if doomed.is_dir() and not doomed.is_symlink():
            shutil.rmtree(doomed)
        else:
            doomed.unlink()
    return folder


def check_output_folder(folder: Path, *, overwrite: bool, inputs: Iterable[Path] = (), stays: bool = False) -> None:
    """Refuse an output folder that holds something and may not be emptied, or whose place no other one can take.

    Nothing is changed, but that an old folder is put back whose place a process was killed in taking (`atomic_folder`),
    or gets another name where something else has that place.

    Args:
        folder: It need not exist.
        overwrite: Whether a folder that holds something may be emptied.
        inputs: What is read for the output; none of it may lie in the folder.
        stays: Whether the folder itself is written into, so that it may be a mount point.

    Raises:
        OutputError: The folder holds something and may not be emptied, is a file or a mount point, one of the inputs is
            the folder or lies in it, so that emptying it would delete what is read, or an old folder got another name.
    """
    place = folder.resolve()
    _settle(place)
    refuse_around(folder, folders_around(inputs))
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, not a folder: give another output")
    if not stays and os.path.ismount(place):
        raise OutputError(f"{folder} is a mount point, whose place no other folder can take: give a folder in it")
    if folder.is_dir() and _contents(folder) and not overwrite:
        raise OutputError(
            f"{folder} holds results already, or other files: give another folder, or --overwrite, which empties it"
        )


def folders_around(inputs: Iterable[Path]) -> dict[Path, Path]:
    """By each place that an input is or lies in, one such input: made once, for `refuse_around` of many folders.

    Links are followed, and one that leads to itself leads nowhere.
    """
    around: dict[Path, Path] = {}
    for path in inputs:
        place = Path(os.path.realpath(path))
        for folder in (place, *place.parents):
            around.setdefault(folder, path)
    return around


def refuse_around(folder: Path, around: Mapping[Path, Path]) -> None:
    """Refuse an output folder that is one of the inputs or holds one, so that emptying it would delete what is read.

    Args:
        folder: It need not exist.
        around: As `folders_around` gives it.

    Raises:
        OutputError: It is, or does.
    """
    if (path := around.get(folder.resolve())) is not None:
        raise OutputError(f"the output {folder} holds what is read ({path.name}): give another folder")
