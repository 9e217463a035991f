import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zonate.errors import OutputError
from zonate.io.files import atomic_folder, check_output_folder, remove_half_written


def test_the_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "out"
    with atomic_folder(target, overwrite=False) as folder:
        (folder / "a").touch()
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert [path.name for path in target.parent.iterdir()] == ["out"]


def test_a_failure_leaves_nothing_new(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_folder(tmp_path / "out", overwrite=False) as folder:
        (folder / "no such folder" / "a").touch()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_result(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(RuntimeError, match="half way"), atomic_folder(target, overwrite=True):
        raise RuntimeError("half way")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_an_old_result_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    with atomic_folder(target, overwrite=True) as folder:
        (folder / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "new"]


def test_an_old_result_that_somebody_still_needs_goes_back(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    seen: list[list[str]] = []

    def look_through(old: Path) -> None:
        seen.append([path.name for path in old.iterdir()])
        assert not target.exists()
        raise OutputError("the old one is needed")

    with (
        pytest.raises(OutputError, match="the old one is needed"),
        atomic_folder(target, overwrite=True, look_through=look_through) as folder,
    ):
        (folder / "new").touch()
    assert seen == [["old"]]
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def save_into(target: Path) -> None:
    target.mkdir()
    (target / "theirs").touch()


def kept(target: Path) -> Path:
    """The folder under whose name an old result stays that cannot go back."""
    (path,) = target.parent.glob(f"{target.name}.before-????????")
    return path


@pytest.mark.parametrize("needed", [False, True])
def test_an_old_result_whose_place_somebody_takes_meanwhile_is_kept(tmp_path: Path, *, needed: bool) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()

    def look_through(_old: Path) -> None:
        save_into(target)
        if needed:
            raise OutputError("the old one is needed")

    with (
        pytest.raises(OutputError) as raised,
        atomic_folder(target, overwrite=True, look_through=look_through) as folder,
    ):
        (folder / "new").touch()
    assert str(raised.value) == (
        f"something else took the place of {target} while it was replaced: what it held before is in "
        f"{kept(target)}, and the new result is not kept. Put together what you need, and do this again"
    )
    assert held(kept(target)) == ["old"]
    assert held(target) == ["theirs"]
    assert held(tmp_path) == ["out", kept(target).name]


def test_an_old_result_goes_back_to_a_place_where_an_empty_folder_lies(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()

    def look_through(_old: Path) -> None:
        target.mkdir()
        raise OutputError("the old one is needed")

    with (
        pytest.raises(OutputError, match="the old one is needed"),
        atomic_folder(target, overwrite=True, look_through=look_through),
    ):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def test_an_old_result_whose_place_somebody_took_after_a_kill_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    for name in OLD:
        (target / name).touch()
    with pytest.MonkeyPatch.context() as patched:
        Mortal(patched, 2)
        with pytest.raises(KilledError):
            replaced(target)
    save_into(target)
    remove_half_written(tmp_path, {"out"})  # of a batch, which one case must not end
    assert held(tmp_path / ".zonate-old.out") == OLD
    with pytest.raises(OutputError, match=r"something else took the place of .*out while it was replaced"):
        check_output_folder(target, overwrite=True)
    assert held(kept(target)) == OLD
    remove_half_written(tmp_path, {"out"})
    assert held(tmp_path) == ["out", kept(target).name]
    assert held(target) == ["theirs"]
    replaced(target)
    assert held(target) == NEW


def test_an_old_result_is_kept_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    with pytest.raises(OutputError, match="holds results already"), atomic_folder(tmp_path, overwrite=False):
        pass
    with pytest.raises(OutputError, match="is a file"), atomic_folder(tmp_path / "old", overwrite=True):
        pass


class KilledError(BaseException):
    pass


class Mortal:
    """A process that is killed before one of its changes on disk; nothing that it would do after that happens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lives: int) -> None:
        self.lives = lives
        for owner, name in ((Path, "replace"), (Path, "unlink"), (shutil, "rmtree")):
            monkeypatch.setattr(owner, name, self.mortal(getattr(owner, name)))

    def mortal(self, change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(*args: Any, **how: Any) -> Any:
            self.lives -= 1
            if self.lives >= 0:
                return change(*args, **how)
            if change.__name__ == "rmtree" and self.lives == -1:  # killed half-way through it
                os.remove(next(args[0].iterdir()))  # noqa: PTH107
            raise KilledError

        return changed


def replaced(target: Path) -> None:
    with atomic_folder(target, overwrite=True) as folder:
        for name in ("new-1", "new-2"):
            (folder / name).touch()


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


OLD, NEW = ["old-1", "old-2"], ["new-1", "new-2"]


@pytest.mark.parametrize("healed_by", ["remove_half_written", "the next call", "a check"])
@pytest.mark.parametrize(
    ("lives", "left", "healed"),
    [
        (0, OLD, OLD),  # before the new one was called whole
        (1, OLD, OLD),  # before the old one was set aside
        (2, None, OLD),  # before the new one had its name
        (3, NEW, NEW),  # before the old one had lost its
        (4, NEW, NEW),  # while it was removed
        (5, NEW, NEW),  # when it was gone
        (9, NEW, NEW),  # never
    ],
)
def test_whenever_it_is_killed_one_result_is_whole(
    tmp_path: Path, lives: int, left: list[str] | None, healed: list[str], healed_by: str
) -> None:
    target = tmp_path / "folders" / "out"
    target.mkdir(parents=True)
    for name in OLD:
        (target / name).touch()
    with pytest.MonkeyPatch.context() as patched:
        Mortal(patched, lives)
        try:
            replaced(target)
        except KilledError:
            assert lives < 9
    assert (held(target) if target.exists() else None) == left
    if healed_by == "the next call":
        with (
            pytest.raises(OutputError, match="out holds results already"),
            atomic_folder(target, overwrite=False),
        ):
            pass
    elif healed_by == "a check":
        check_output_folder(target, overwrite=True)
    remove_half_written(target.parent, {"out"} if healed_by == "remove_half_written" else set())
    assert held(target) == healed
    if healed_by == "remove_half_written":
        assert held(target.parent) == ["out"]
    assert not any((target.parent / name).exists() for name in (".zonate-old.out", ".zonate-new.out"))
    replaced(target)
    assert held(target) == NEW


def test_an_old_result_that_is_half_removed_is_never_put_back(tmp_path: Path) -> None:
    target = tmp_path / "folders" / "out"
    target.mkdir(parents=True)
    for name in OLD:
        (target / name).touch()
    with pytest.MonkeyPatch.context() as patched:
        Mortal(patched, 4)
        with pytest.raises(KilledError):
            replaced(target)
    shutil.rmtree(target)  # by a person
    check_output_folder(target, overwrite=False)
    remove_half_written(target.parent, {"out"})
    assert held(target.parent) == []


def test_what_a_link_leads_to_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "disk" / "real").mkdir(parents=True)
    (tmp_path / "disk" / "real" / "old-1").touch()
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "real")
    replaced(tmp_path / "out")
    assert (tmp_path / "out").is_symlink()
    assert held(tmp_path / "disk" / "real") == NEW
    assert held(tmp_path) == ["disk", "out"]
    assert held(tmp_path / "disk") == ["real"]


def test_a_check_changes_nothing_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    (tmp_path / ".out").mkdir()
    monkeypatch.chdir(tmp_path / ".out")
    for folder in (Path(), Path("/"), tmp_path / "file" / "out", tmp_path / "out"):
        check_output_folder(folder, overwrite=True, stays=True)
    assert held(tmp_path) == [".out", "file"]
