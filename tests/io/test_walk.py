"""Which files are found under a folder, and under what names, when links lead through it."""

import os
from pathlib import Path

import pytest

from zonate.io.walk import files_under


def found(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in files_under(root))


def touch(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def link(place: Path, target: Path | str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def test_files_of_any_depth_and_name_without_what_is_none(tmp_path: Path) -> None:
    touch(tmp_path / "b", tmp_path / "a" / "x.dcm", tmp_path / "a" / ".hidden" / "y")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "a" / "pipe")  # to open it would wait for ever
    assert found(tmp_path) == ["a/.hidden/y", "a/x.dcm", "b"]
    assert found(tmp_path / "empty") == found(tmp_path / "nowhere") == []


def test_folders_and_files_behind_links_have_the_links_names(tmp_path: Path) -> None:
    touch(tmp_path / "store" / "t2w" / "deep" / "1", tmp_path / "store" / "2")
    link(tmp_path / "study" / "series", tmp_path / "store" / "t2w")
    link(tmp_path / "study" / "file", "../store/2")
    assert found(tmp_path / "study") == ["file", "series/deep/1"]


def test_a_link_behind_a_link_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "archive" / "1")
    link(tmp_path / "store" / "series", tmp_path / "archive")
    link(tmp_path / "study" / "all", tmp_path / "store")
    assert found(tmp_path / "study") == ["all/series/1"]


def test_a_study_that_is_a_link_itself(tmp_path: Path) -> None:
    touch(tmp_path / "real" / "series" / "1")
    link(tmp_path / "study", tmp_path / "real")
    link(tmp_path / "real" / "again", tmp_path / "study")
    assert found(tmp_path / "study") == ["series/1"]


def test_what_is_reached_twice_is_given_once_where_it_really_lies(tmp_path: Path) -> None:
    touch(tmp_path / "study" / "z" / "1", tmp_path / "store" / "2")
    link(tmp_path / "study" / "a", tmp_path / "study" / "z")
    link(tmp_path / "study" / "b", tmp_path / "study" / "z" / "1")
    link(tmp_path / "study" / "c", tmp_path / "store")
    link(tmp_path / "study" / "d", tmp_path / "store")
    link(tmp_path / "study" / "e", tmp_path / "store" / "2")
    assert found(tmp_path / "study") == ["c/2", "z/1"]


def test_a_folder_that_holds_one_that_was_walked_gives_the_rest(tmp_path: Path) -> None:
    touch(tmp_path / "store" / "4" / "1", tmp_path / "store" / "6" / "2")
    link(tmp_path / "study" / "a", tmp_path / "store" / "4")
    link(tmp_path / "study" / "b", tmp_path / "store")
    assert found(tmp_path / "study") == ["a/1", "b/6/2"]


@pytest.mark.parametrize("target", [".", "..", "../..", "/", "self", "nowhere"])
def test_a_link_that_leads_back_or_nowhere_is_passed_over(tmp_path: Path, target: str) -> None:
    touch(tmp_path / "others" / "study" / "series" / "1", tmp_path / "others" / "another-patient" / "2")
    study = tmp_path / "others" / "study"
    link(study / "series" / "self", target)
    assert found(study) == ["series/1"]


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "1", tmp_path / "b" / "2")
    link(tmp_path / "a" / "to-b", tmp_path / "b")
    link(tmp_path / "b" / "to-a", tmp_path / "a")
    assert found(tmp_path / "a") == ["1", "to-b/2"]


def test_a_linked_series_does_not_bring_in_what_holds_it(tmp_path: Path) -> None:
    touch(tmp_path / "archive" / "this" / "1", tmp_path / "archive" / "another-patient" / "2")
    link(tmp_path / "archive" / "this" / "up", "..")
    link(tmp_path / "study" / "series", tmp_path / "archive" / "this")
    assert found(tmp_path / "study") == ["series/1"]


def test_a_file_counts_under_the_name_that_is_wanted(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "image.nii.gz")
    link(tmp_path / "a" / "t2w.nii.gz", "image.nii.gz")
    link(tmp_path / "a" / "t2w-again.nii.gz", "image.nii.gz")
    wanted = [path.name for path in files_under(tmp_path, lambda path: path.name.startswith("t2w"))]
    assert wanted == ["t2w-again.nii.gz"]
