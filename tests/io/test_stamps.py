import os
from pathlib import Path

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
