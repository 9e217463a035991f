import os
from pathlib import Path

import pytest

from zonate.io.stamps import stamps


def test_every_file_of_a_folder_is_named_with_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "study" / "a" / "1.dcm"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"four")
    os.utime(file, ns=(5, 7))
    assert stamps(tmp_path / "study") == [("study/a/1.dcm", 4, 7)]
    assert stamps(file) == [("1.dcm", 4, 7)]
    assert stamps(tmp_path / "nowhere") == []


def test_the_voxels_that_a_header_points_to_are_watched(tmp_path: Path) -> None:
    (tmp_path / "t2w.mhd").write_text("ElementDataFile = t2w.raw\n")
    (tmp_path / "t2w.raw").write_bytes(b"12345678")
    assert [(name, size) for name, size, _ in stamps(tmp_path / "t2w.mhd")] == [("t2w.mhd", 26), ("t2w.raw", 8)]


def test_what_lies_behind_a_link_is_watched(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "1.dcm").write_bytes(b"four")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "series").symlink_to(tmp_path / "archive")
    assert [(name, size) for name, size, _ in stamps(tmp_path / "study")] == [("study/series/1.dcm", 4)]


@pytest.mark.parametrize(("name", "key"), [("t2w.mhd", "ElementDataFile = "), ("t2w.nhdr", "NRRD0004\ndata file: ")])
@pytest.mark.parametrize("absolute", [False, True])
def test_voxels_in_another_folder_are_watched(tmp_path: Path, name: str, key: str, *, absolute: bool) -> None:
    study, raw = tmp_path / "study", tmp_path / "raw" / "t2w.raw"
    (study / "deep").mkdir(parents=True)
    raw.parent.mkdir()
    header = study / "deep" / name
    header.write_text(f"{key}{raw if absolute else '../../raw/t2w.raw'}\n")
    without = [(f"study/deep/{name}", header.stat().st_size)]
    assert [stamp[:2] for stamp in stamps(study)] == without
    assert [stamp[:2] for stamp in stamps(header)] == [(name, header.stat().st_size)]
    raw.write_bytes(b"1234")
    os.utime(raw, ns=(5, 7))
    assert stamps(study)[1:] == [("raw/t2w.raw", 4, 7)]
    assert stamps(header)[1:] == [("../../raw/t2w.raw", 4, 7)]
    raw.write_bytes(b"5678")
    os.utime(raw, ns=(5, 8))
    assert stamps(study)[1:] == [("raw/t2w.raw", 4, 8)]


def test_voxels_that_lie_in_the_folder_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "study" / "raw").mkdir(parents=True)
    (tmp_path / "study" / "raw" / "t2w.raw").write_bytes(b"1234")
    (tmp_path / "study" / "t2w.mhd").write_text("ElementDataFile = ./raw/../raw/t2w.raw\n")
    assert [name for name, _, _ in stamps(tmp_path / "study")] == ["study/raw/t2w.raw", "study/t2w.mhd"]


@pytest.mark.parametrize("where", ["", ".", "..", "/", "a\0b", "\udcff.raw", "x" * 300])
def test_a_header_that_points_to_no_file_stands_alone(tmp_path: Path, where: str) -> None:
    (tmp_path / "t2w.mhd").write_text(f"ElementDataFile = {where}\n", encoding="utf-8", errors="surrogateescape")
    assert [name for name, _, _ in stamps(tmp_path / "t2w.mhd")] == ["t2w.mhd"]
