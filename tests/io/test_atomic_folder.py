from pathlib import Path

import pytest

from zonate.errors import OutputError
from zonate.io.files import atomic_folder


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


def test_an_old_result_is_kept_unless_asked(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    with pytest.raises(OutputError, match="holds results already"), atomic_folder(tmp_path, overwrite=False):
        pass
    with pytest.raises(OutputError, match="is a file"), atomic_folder(tmp_path / "old", overwrite=True):
        pass
