import errno
import io
import resource
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest

from zonate.errors import StudyError
from zonate.io.archive import unpacked
from zonate.settings.data import ReadingSettings

SETTINGS = ReadingSettings()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for temporary files, so that leftovers can be seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def archive(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries.items():
            opened.writestr(name, data)
    return path


def test_contents_live_as_long_as_the_block(tmp_path: Path, temporary: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a/b/1": b"one", "2": b"two", "empty/": b"", "win\\3": b"three"})
    with unpacked(path, SETTINGS) as folder:
        assert (folder / "a" / "b" / "1").read_bytes() == b"one"
        assert (folder / "2").read_bytes() == b"two"
        assert (folder / "win" / "3").read_bytes() == b"three"
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "..\\evil", "\\evil"])
def test_an_entry_that_escapes_is_refused(tmp_path: Path, temporary: Path, name: str) -> None:
    path = archive(tmp_path / "bad.zip", {"good": b"1", name: b"2"})
    with (
        pytest.raises(StudyError, match=r"archive bad\.zip: the entry .*evil.* would escape"),
        unpacked(path, SETTINGS),
    ):
        pytest.fail("unpacked")
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_a_link_is_refused(tmp_path: Path, temporary: Path) -> None:
    entry = zipfile.ZipInfo("link")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as opened:
        opened.writestr(entry, "/etc/passwd")
    with pytest.raises(StudyError, match=r"l\.zip: the entry 'link' is a link"), unpacked(tmp_path / "l.zip", SETTINGS):
        pytest.fail("unpacked")
    assert list(temporary.iterdir()) == []


def test_more_bytes_than_allowed(tmp_path: Path, temporary: Path) -> None:
    path = archive(tmp_path / "big.zip", {"a": bytes(600), "b": bytes(600)})
    settings = ReadingSettings(max_archive_bytes=1000)
    with (
        pytest.raises(StudyError, match=r"big\.zip inflates without bound: at the entry 'b'"),
        unpacked(path, settings),
    ):
        pytest.fail("unpacked")
    assert list(temporary.iterdir()) == []


def test_the_ratio_counts_beyond_what_is_small(tmp_path: Path, temporary: Path) -> None:
    path = archive(tmp_path / "bomb.zip", {"zeros": bytes(66 * 2**20)})
    with pytest.raises(StudyError, match="inflates without bound"), unpacked(path, SETTINGS):
        pytest.fail("unpacked")
    assert list(temporary.iterdir()) == []


def test_too_many_entries(tmp_path: Path) -> None:
    path = archive(tmp_path / "many.zip", {str(i): b"" for i in range(11)})
    with pytest.raises(StudyError, match="11 entries"), unpacked(path, ReadingSettings(max_archive_files=10)):
        pytest.fail("unpacked")


def test_corrupt_archives_are_named(tmp_path: Path, temporary: Path) -> None:
    whole = archive(tmp_path / "w.zip", {"entry": bytes(range(256)) * 40}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.zip").write_bytes(b"not a zip")
    place = whole.index(b"entry") + 20
    (tmp_path / "flipped.zip").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    for name in ("cut.zip", "text.zip", "flipped.zip"):
        with pytest.raises(StudyError, match=name), unpacked(tmp_path / name, SETTINGS):
            pytest.fail("unpacked")
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("way", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_corrupt_entry_is_named_however_it_is_packed(tmp_path: Path, temporary: Path, way: int) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w", way) as opened:
        opened.writestr("entry", bytes(range(256)) * 40)
    whole = bytearray((tmp_path / "z.zip").read_bytes())
    whole[80] ^= 0xFF
    (tmp_path / "z.zip").write_bytes(whole)
    with (
        pytest.raises(StudyError, match=r"archive z\.zip.* corrupt .*fetch it again$"),
        unpacked(tmp_path / "z.zip", SETTINGS),
    ):
        pytest.fail("unpacked")
    assert list(temporary.iterdir()) == []


def test_a_full_temporary_folder_is_not_the_archives_fault(tmp_path: Path, temporary: Path) -> None:
    path = archive(tmp_path / "z.zip", {"entry": bytes(range(256)) * 40})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="no room") as raised, unpacked(path, SETTINGS):
            pytest.fail("unpacked")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.errno == errno.EFBIG
    assert raised.value.strerror == (
        "no room to unpack archive z.zip among the temporary files: make room there, or set TMPDIR to another folder"
    )
    assert raised.value.filename == str(temporary)
    assert list(temporary.iterdir()) == []


def test_an_entry_twice(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        opened.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            opened.writestr("a", b"2")
    (tmp_path / "d.zip").write_bytes(buffer.getvalue())
    with pytest.raises(StudyError, match=r"d\.zip holds the entry 'a' twice"), unpacked(tmp_path / "d.zip", SETTINGS):
        pytest.fail("unpacked")
