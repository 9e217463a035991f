"""What an opened DICOM study keeps: the headers of the series to be read, parsed once, and nothing of the others."""

import shutil
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests import dicom_factory as factory
from zonate.errors import CorruptSeriesError
from zonate.io.dicom_study import DicomStudy
from zonate.io.opening import opened
from zonate.io.voxels import read_voxels
from zonate.settings.data import ReadingSettings
from zonate.simulation.study import draw_study
from zonate.study import Sequence

T2W, DWI, ADC = Sequence
DEFAULT = ReadingSettings()


def write_study(folder: Path) -> Path:
    """T2W, DWI of three b-values, ADC, and a calculated series that has no role."""
    return factory.write(folder, factory.t2w(4), factory.trace(6), factory.adc(7), factory.calculated(8))


def test_no_header_is_parsed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_study(tmp_path / "c")
    headers, pixels = count_reads(monkeypatch)
    with opened(folder, DEFAULT) as study:
        assert sorted(headers) == sorted(str(path) for path in folder.rglob("*") if path.is_file())
        assert pixels == []
        seen = len(headers)
        read_voxels(study)
    assert len(headers) == seen
    read = {Path(name).parent.name for name in pixels}
    assert read == {"x4", "x6", "x7"}  # of series 8, which has no role, the headers alone


def test_a_lowest_b_value_in_a_series_of_its_own_is_not_parsed_twice_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_study(0, 2, "description").write(tmp_path / "c")
    headers, _ = count_reads(monkeypatch)
    with opened(tmp_path / "c", DEFAULT) as study:
        voxels = read_voxels(study)
    assert voxels.lowest_b_value_s_mm2 == 50
    assert len(headers) == len(set(headers))


def test_the_frames_are_those_of_the_roles(tmp_path: Path) -> None:
    with opened(write_study(tmp_path / "c"), DEFAULT) as study:
        assert isinstance(study, DicomStudy)
        assert {role: {frame.series_number for frame in frames} for role, frames in study.frames.items()} == {
            T2W: {4},
            DWI: {6},
            ADC: {7},
        }
        assert study.lower_b_frames == ()
        assert "Frame(" not in repr(study)


def test_files_that_went_away_are_said(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "c")
    with opened(folder, DEFAULT) as study:
        (folder / "x6" / "i001").unlink()
        with pytest.raises(CorruptSeriesError, match=r"case c: series 6: file x6/i001 is no longer there"):
            read_voxels(study)
        shutil.rmtree(folder)
        with pytest.raises(CorruptSeriesError, match=r"case c: series 4: file x4/i\d+ is no longer there"):
            read_voxels(study)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """The files whose headers alone are read from now on, and those read with their pixels."""
    headers: list[str] = []
    pixels: list[str] = []
    dcmread = pydicom.dcmread

    def counted(file: Any, **options: Any) -> pydicom.FileDataset:
        (headers if options.get("stop_before_pixels") else pixels).append(
            str(file if isinstance(file, Path) else file.name)
        )
        return dcmread(file, **options)

    monkeypatch.setattr(pydicom, "dcmread", counted)
    return headers, pixels
