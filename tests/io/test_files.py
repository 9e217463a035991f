import errno
import json
import os
import stat
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from zonate.errors import OutputError
from zonate.io.files import (
    atomic_folder,
    atomic_path,
    check_output_folder,
    claim_output_folder,
    folders_around,
    is_half_written,
    refuse_around,
    remove_half_written,
    remove_left_behind,
    write_json,
    write_text,
)


class KilledError(Exception):
    pass


def write_half(opened: AbstractContextManager[Path]) -> None:
    with opened as temporary:
        assert temporary.name.endswith(".a.nii.gz")  # some writers choose the format by it
        temporary.write_text("ha", encoding="utf-8")
        raise KilledError


def write_new(target: Path, text: str) -> None:
    with atomic_path(target, new=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_half(opened: AbstractContextManager[Path]) -> None:
    with opened as temporary:
        temporary.mkdir(exist_ok=True)
        (temporary / "half").touch()
        raise KilledError


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "a.txt"
    write_text(target, "über")
    assert target.read_text(encoding="utf-8") == "über"
    assert [entry.name for entry in target.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.nii.gz"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(KilledError):
        write_half(atomic_path(target))
    assert target.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.nii.gz"]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_takes_no_name_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def link(_source: Path, _name: Path) -> None:
        raise PermissionError("Operation not permitted")  # as file systems without links say

    if not links:
        monkeypatch.setattr("os.link", link)
    target = tmp_path / "a.txt"
    write_new(target, "theirs")
    with pytest.raises(FileExistsError):
        write_new(target, "ours")
    assert target.read_text(encoding="utf-8") == "theirs"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_a_new_file_that_cannot_have_its_name_leaves_nothing(tmp_path: Path) -> None:
    def lose() -> None:
        with atomic_path(tmp_path / "a.txt", new=True) as temporary:
            temporary.touch()
            temporary.unlink()  # by another process

    with pytest.raises(FileNotFoundError):
        lose()
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_makes_no_folder(tmp_path: Path) -> None:
    """A result's folder that is just being replaced must not come back with this file alone."""
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_new(tmp_path / "gone" / "a.txt", "ours")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_and_its_name_are_on_the_disk_when_it_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, link = os.fsync, os.link

    def flushed(descriptor: int) -> None:
        about = os.fstat(descriptor)
        done.append("flushed the folder" if stat.S_ISDIR(about.st_mode) else f"flushed {about.st_size} bytes")
        fsync(descriptor)

    def named(source: Path, name: Path) -> None:
        done.append(f"named {name.name}")
        link(source, name)

    monkeypatch.setattr("os.fsync", flushed)
    monkeypatch.setattr("os.link", named)
    write_new(tmp_path / "a.txt", "four")
    assert done == ["flushed 4 bytes", "named a.txt", "flushed the folder"]


@pytest.mark.parametrize(("refuses", "number"), [("open", errno.EACCES), ("fsync", errno.EINVAL)])
def test_a_new_file_is_saved_where_folders_cannot_be_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: str, number: int
) -> None:
    """Windows opens no folder, and some file systems over a network flush none."""
    does = {"open": os.open, "fsync": os.fsync}[refuses]

    def refused(what: Path | int, *args: Any) -> Any:
        if what == tmp_path or (isinstance(what, int) and stat.S_ISDIR(os.fstat(what).st_mode)):
            raise OSError(number, "refused")
        return does(what, *args)  # type: ignore[operator]

    monkeypatch.setattr(f"os.{refuses}", refused)
    write_new(tmp_path / "a.txt", "four")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "four"


def test_a_new_file_whose_name_the_disk_fails_to_keep_is_not_called_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def broken(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        write_new(tmp_path / "a.txt", "four")


def test_a_failed_folder_is_removed(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        make_half(atomic_path(tmp_path / "case"))
    assert list(tmp_path.iterdir()) == []


def test_json_has_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": [1.5, "µ"]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"b": [1.5, "µ"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"b": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"b": [1.5, "µ"]}


def test_an_output_that_holds_something_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert claim_output_folder(folder, overwrite=False) == folder
    assert claim_output_folder(folder, overwrite=False) == folder  # empty
    (folder / "a").touch()
    with pytest.raises(OutputError, match="holds results already"):
        claim_output_folder(folder, overwrite=False)
    with pytest.raises(OutputError, match="is a file"):
        claim_output_folder(folder / "a", overwrite=True)
    check_output_folder(folder, overwrite=True)
    assert (folder / "a").exists()
    claim_output_folder(folder, overwrite=True)
    assert list(folder.iterdir()) == []


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(OutputError, match="holds results"), atomic_folder(target, overwrite=False):
        pass
    with pytest.raises(KilledError):
        make_half(atomic_folder(target, overwrite=True))
    assert [entry.name for entry in target.iterdir()] == ["old"]
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "new").touch()
    assert [entry.name for entry in target.iterdir()] == ["new"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_what_another_process_has_written_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def write_both(name: str, *, overwrite: bool) -> None:
        with atomic_folder(tmp_path / name, overwrite=overwrite) as ours:
            (ours / "ours").touch()
            with atomic_folder(tmp_path / name, overwrite=False) as theirs:
                (theirs / "theirs").touch()

    with pytest.raises(OutputError, match=r"another process has written .*a meanwhile: its result is kept"):
        write_both("a", overwrite=False)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["theirs"]
    write_both("b", overwrite=True)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["ours"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_folder_that_cannot_be_renamed_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    replace = Path.replace

    def refused(path: Path, onto: Path) -> Path:
        if path.name == ".zonate-new.out" and onto == target:
            raise PermissionError
        return replace(path, onto)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(PermissionError), atomic_folder(target, overwrite=True):
        pass
    assert [entry.name for entry in target.iterdir()] == ["old"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("goes_on", [False, True])
def test_a_folder_that_another_process_has_cleared_away_is_no_result(
    tmp_path: Path, *, overwrite: bool, goes_on: bool
) -> None:
    def write() -> None:
        with atomic_folder(tmp_path / "P1", overwrite=overwrite) as folder:
            write_text(folder / "first.txt", "first")
            remove_half_written(tmp_path, {"P1"})  # as a second process on the same output does when it begins
            if goes_on:
                write_text(folder / "second.txt", "second")  # makes the folder anew
                assert [path.name for path in folder.iterdir()] == ["second.txt"]

    with pytest.raises(OutputError) as raised:
        write()
    assert str(raised.value) == (
        f"another process has removed what was being written for {tmp_path / 'P1'}: nothing of it is kept. Let one "
        "process at a time work on that output, and do this again"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_cleared_away_by_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    half = tmp_path / ".zonate-0123abcd.P1"
    half.mkdir()
    removed: list[Path] = []
    monkeypatch.setattr("zonate.io.files.shutil.rmtree", lambda path, **_: removed.append(path))
    remove_half_written(tmp_path, {"P1"})
    assert [path.name for path in tmp_path.iterdir()] == [path.name for path in removed]
    assert removed[0] != half
    assert is_half_written(removed[0])  # so that the next one removes it where this one is killed


def _mount(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == folder)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_mount_point_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, overwrite: bool
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    _mount(monkeypatch, tmp_path / "out")
    begun = []
    with pytest.raises(OutputError) as raised, atomic_folder(tmp_path / "out", overwrite=overwrite):
        begun.append("the block")
    assert str(raised.value) == (
        f"{tmp_path / 'out'} is a mount point, whose place no other folder can take: give a folder in it"
    )
    assert begun == []
    with pytest.raises(OutputError, match="link is a mount point"):
        check_output_folder(tmp_path / "link", overwrite=overwrite)
    with atomic_folder(tmp_path / "out" / "P1", overwrite=overwrite) as folder:
        (folder / "a").touch()
    assert (tmp_path / "out" / "P1" / "a").exists()


def test_a_mount_point_is_emptied_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").touch()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "kept").touch()
    (folder / ".b").touch()
    (folder / "link").symlink_to(tmp_path / "theirs")
    _mount(monkeypatch, folder)
    with pytest.raises(OutputError, match="holds results already"):
        claim_output_folder(folder, overwrite=False)
    with os.scandir(folder):  # held open, so that no other folder gets its number
        number = folder.stat().st_ino
        claim_output_folder(folder, overwrite=True)
        assert folder.stat().st_ino == number
    assert list(folder.iterdir()) == []
    assert (tmp_path / "theirs" / "kept").exists()


def test_a_fresh_volume_is_empty(tmp_path: Path) -> None:
    kept = tmp_path / "lost+found"
    kept.mkdir()
    claim_output_folder(tmp_path, overwrite=False)
    (tmp_path / "zones.json").touch()
    claim_output_folder(tmp_path, overwrite=True)
    assert list(tmp_path.iterdir()) == [kept]


def test_what_killed_processes_have_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".zonate-0123abcd.one", ".zonate-0123abcd.other", "one"):
        (tmp_path / name).mkdir()
    theirs = {".one", ".0123abcd.one", ".zonate-0123abcd", ".zonate-notes.one", ".backup-1.one"}
    for name in (".zonate-89abcdef.one", *theirs):
        (tmp_path / name).touch()
    remove_half_written(tmp_path, {"one", "two"})
    assert {path.name for path in tmp_path.iterdir()} == {".zonate-0123abcd.other", "one", *theirs}
    remove_half_written(tmp_path / "nowhere", {"one"})


def test_a_name_says_that_it_is_half_written(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.touch()
        assert is_half_written(temporary)
    names = (".0123abcd.a.txt", ".zonate-0123abcd", ".zonate-old.a.txt", "a.txt")
    assert not any(is_half_written(tmp_path / name) for name in names)


def test_what_is_left_behind_anywhere_in_a_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in (".zonate-0123abcd.a.nii.gz", "deep/.zonate-89ef4567.b.stl", "deep/b.stl", "deep/.hidden"):
        (tmp_path / name).touch()
    remove_left_behind(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".hidden", "b.stl", "deep"]


def test_what_is_read_is_found_once_for_many_outputs(tmp_path: Path) -> None:
    (tmp_path / "studies" / "one").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "studies", target_is_directory=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    around = folders_around([tmp_path / "link" / "one", tmp_path / "gone.zip", tmp_path / "loop"])
    for output in (tmp_path, tmp_path / "studies", tmp_path / "link", tmp_path / "studies" / "one"):
        with pytest.raises(OutputError, match=rf"{output.name} holds what is read \(one\): give another folder"):
            refuse_around(output, around)
    with pytest.raises(OutputError, match=r"holds what is read \(gone\.zip\)"):
        refuse_around(tmp_path / "gone.zip", around)
    refuse_around(tmp_path / "studies" / "one" / "out", around)
    refuse_around(tmp_path / "studies" / "on", around)
