"""Which files are read, what is found out about their pixels, and how classic and enhanced objects become frames."""

import zipfile
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from tests import dicom_factory as factory
from zonate.errors import CorruptSeriesError
from zonate.io.dicom import read_pixels, scan
from zonate.io.stacks import stack


def test_any_nesting_any_name_and_what_is_not_an_mr_image(tmp_path: Path) -> None:
    factory.write(tmp_path / "a" / "b", factory.t2w(slices=3))
    (tmp_path / "notes.txt").write_text("DICM")
    (tmp_path / "archive.zip").write_bytes(b"PK\x03\x04")
    other = factory.classic(factory.t2w(5, modality="CT"), 0, None, 1)
    factory.save(other, tmp_path / "ct.dcm")
    directory = factory.classic(factory.t2w(6), 0, None, 1)
    directory.SOPClassUID = "1.2.840.10008.1.3.10"
    factory.save(directory, tmp_path / "DICOMDIR")
    found = scan(tmp_path)
    assert len(found.frames) == 3
    assert found.unreadable == ()
    assert {frame.name for frame in found.frames} == {f"a/b/x4/i00{i}" for i in (1, 2, 3)}


@pytest.mark.parametrize(
    "content", [b"", bytes(40), bytes(600), None], ids=["empty", "short", "zeros", "may not be read"]
)
@pytest.mark.parametrize(
    ("others", "called"),
    [
        (("i001", "i002"), "i003"),
        (("IM9", "IM10"), "im0011"),
        (("1-01", "1-02"), "1-03.DCM"),
        (("i1.MRDCM.1", "i2.MRDCM.2"), "i10.MRDCM.10"),
        (("1.2.840.113619.2.8", "1.2.840.113619.2.9"), "1.2.840.113619.2.10.1"),
        (("MR.1.2.8.IMA", "MR.1.2.9.IMA"), "MR.1.2.10.IMA"),
        (("0000A1B2", "AA3C4D5E"), "0000012F"),
    ],
)
def test_what_has_lost_its_content_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, others: tuple[str, str], called: str
) -> None:
    """As a copy onto a full disk, a sparse one, and a file of another user are left."""
    factory.write(tmp_path, factory.t2w(slices=3))
    for name, other in zip(("i001", "i002"), others, strict=True):
        (tmp_path / "x4" / name).rename(tmp_path / "x4" / other)
    lost = (tmp_path / "x4" / "i003").rename(tmp_path / "x4" / called)
    if content is None:
        forbid(monkeypatch, lost)
    else:
        lost.write_bytes(content)
    found = scan(tmp_path)
    assert len(found.frames) == 2
    assert found.unreadable == (f"x4/{called}",)


def forbid(monkeypatch: pytest.MonkeyPatch, forbidden: Path) -> None:
    unhindered = Path.open

    def open_file(path: Path, *how: Any, **more: Any) -> Any:
        if path == forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return unhindered(path, *how, **more)

    monkeypatch.setattr(Path, "open", open_file)


@pytest.mark.parametrize(
    "called",
    [".gitkeep", ".DS_Store", "._i003", ".i003.dcm", "LOCKFILE", "lockfile", "DICOMDIR", "README", "Icon\r",
     "notes.txt", "Thumbs.db", "desktop.ini", "preview.JPG", "t2w.raw", "t2w.nii.gz", "image.iso", "DONE", "_SUCCESS",
     "COMPLETE.ok", "md5sums", "Thumbs.db:encryptable", "1-01.dcm:Zone.Identifier", "i003.part", "viewer.dat"],
)  # fmt: skip
def test_what_was_never_an_image_is_passed_over_though_it_is_empty(tmp_path: Path, called: str) -> None:
    factory.write(tmp_path, factory.t2w(slices=3))
    for content in (b"", bytes(600)):
        (tmp_path / "x4" / called).write_bytes(content)
        assert scan(tmp_path).unreadable == ()


def test_a_folder_that_has_lost_every_content_is_compared_with_the_others(tmp_path: Path) -> None:
    factory.write(tmp_path, factory.t2w(slices=3), factory.t2w(slices=2, number=6))
    for called in ("i001", "i002", "DONE"):
        (tmp_path / "x6" / called).write_bytes(b"")
    assert scan(tmp_path).unreadable == ("x6/i001", "x6/i002")
    for file in (tmp_path / "x4").iterdir():
        file.write_bytes(b"")
    assert scan(tmp_path).unreadable == ("x4/i001", "x4/i002", "x4/i003", "x6/DONE", "x6/i001", "x6/i002")


def test_what_is_called_dicom_and_is_none_is_unreadable(tmp_path: Path) -> None:
    """As a page that says what went wrong with a download."""
    for called in ("1-03.dcm", "._1-03.dcm", "1-03", "1-03.html"):
        (tmp_path / called).write_text("<html>not found</html>")
    assert scan(tmp_path).unreadable == ("1-03.dcm",)


@pytest.mark.parametrize("preamble", [True, False])
def test_a_file_without_preamble(tmp_path: Path, preamble: bool) -> None:
    path = factory.save(factory.classic(factory.t2w(), 0, None, 1), tmp_path / "f", ImplicitVRLittleEndian)
    if not preamble:
        data = path.read_bytes()
        meta = 132 + 12 + int.from_bytes(data[140:144], "little")
        path.write_bytes(data[meta:])
    frames = scan(tmp_path).frames
    assert [frame.broken for frame in frames] == [""]
    np.testing.assert_array_equal(read_pixels(frames, "series 4"), np.full((1, 8, 6), 100, np.float32))


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLosslessSV1, RLELossless, DeflatedExplicitVRLittleEndian])
def test_compressed(tmp_path: Path, syntax: str) -> None:
    dataset = factory.classic(factory.t2w(shape=(32, 32)), 0, None, 1)
    pixels = np.random.default_rng(0).integers(0, 4000, (32, 32), dtype=np.uint16)
    dataset.PixelData = pixels.tobytes()
    path = tmp_path / "f"
    if syntax == RLELossless:
        factory.save(dataset, path)
        dataset.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
        dataset.save_as(path, enforce_file_format=True)
    elif syntax in (JPEG2000Lossless, JPEGLosslessSV1):
        _compress_by_gdcm(factory.save(dataset, path), syntax)
    else:
        factory.save(dataset, path, syntax)
    frames = scan(tmp_path).frames
    assert [frame.broken for frame in frames] == [""]
    np.testing.assert_array_equal(read_pixels(frames, "series 4")[0], pixels)
    if syntax == DeflatedExplicitVRLittleEndian:
        return
    path.write_bytes(path.read_bytes()[:-200])
    assert scan(tmp_path).frames[0].broken == "the pixel data are truncated"


def _compress_by_gdcm(path: Path, syntax: str) -> None:
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    jpeg = gdcm.TransferSyntax.JPEG2000Lossless if syntax == JPEG2000Lossless else None
    change.SetTransferSyntax(gdcm.TransferSyntax(jpeg or gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    assert writer.Write()


def test_truncation_is_seen_in_the_header_scan(tmp_path: Path) -> None:
    factory.write(tmp_path, factory.t2w(slices=3))
    path = tmp_path / "x4" / "i002"
    path.write_bytes(path.read_bytes()[:-7])
    broken = {frame.name: frame.broken for frame in scan(tmp_path).frames if frame.broken}
    assert broken == {"x4/i002": "the pixel data are truncated: 89 bytes of 96"}
    with pytest.raises(CorruptSeriesError, match=r"series 4: the pixels of file x4/i002"):
        read_pixels(scan(tmp_path).frames, "series 4")


def test_a_file_that_ends_in_its_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = factory.save(factory.classic(factory.t2w(), 0, None, 1), tmp_path / "f")
    whole = path.read_bytes()
    for length in range(140, len(whole) - 96, 29):
        path.write_bytes(whole[:length])
        with caplog.at_level("DEBUG"):
            found = scan(tmp_path)
        assert found.unreadable == ("f",) or [bool(frame.broken) for frame in found.frames] == [True]
    assert "Secret" not in caplog.text


def test_broken_compressed_pixels_are_named(tmp_path: Path) -> None:
    dataset = factory.classic(factory.t2w(), 0, None, 1)
    dataset.PixelData = encapsulate([b"\x00" * 64])
    dataset["PixelData"].is_undefined_length = True
    factory.save(dataset, tmp_path / "f", JPEG2000Lossless)
    with pytest.raises(CorruptSeriesError, match=r"case X: series 4: the pixels of file f cannot be decoded"):
        read_pixels(scan(tmp_path).frames, "case X: series 4")


def test_enhanced_frames_have_what_classic_ones_have(tmp_path: Path) -> None:
    plan = factory.trace(b_values=(50.0, 800.0), slices=3)
    factory.write(tmp_path / "classic", plan)
    factory.save(factory.enhanced(plan), tmp_path / "enhanced" / "one")
    classic, enhanced = scan(tmp_path / "classic").frames, scan(tmp_path / "enhanced").frames
    assert len(classic) == len(enhanced) == 6
    assert {frame.index for frame in enhanced} == set(range(6))

    names = (
        "position_mm", "orientation", "spacing_mm", "b_value_s_mm2", "direction", "time_s", "echo_time_ms",
        "repetition_time_ms", "echo_planar", "shape", "thickness_mm",
    )  # fmt: skip
    one, other = (sorted(tuple(getattr(frame, n) for n in names) for frame in f) for f in (classic, enhanced))
    assert one == other
    for b in (50.0, 800.0):
        volumes = []
        for frames in (classic, enhanced):
            ordered = stack([frame for frame in frames if frame.b_value_s_mm2 == b])
            volumes.append((read_pixels(ordered.frames, ""), ordered.grid))
        np.testing.assert_array_equal(volumes[0][0], volumes[1][0])
        assert volumes[0][1].same_as(volumes[1][1])


def test_a_mosaic_of_frames_that_are_not_described(tmp_path: Path) -> None:
    dataset = factory.enhanced(factory.t2w(slices=4))
    dataset.NumberOfFrames = 5
    factory.save(dataset, tmp_path / "f")
    assert {frame.broken for frame in scan(tmp_path).frames} == {"the pixel data are truncated: 384 bytes of 480"}


def test_the_patient_stays_out_of_the_repr(tmp_path: Path) -> None:
    factory.write(tmp_path, factory.t2w(slices=1))
    assert "Secret" not in repr(scan(tmp_path).frames)


def test_zip_inside_a_folder_is_not_opened(tmp_path: Path) -> None:
    factory.write(tmp_path / "s", factory.t2w(slices=1))
    with zipfile.ZipFile(tmp_path / "inner.zip", "w") as opened:
        opened.write(tmp_path / "s" / "x4" / "i001", "f")
    assert len(scan(tmp_path).frames) == 1
