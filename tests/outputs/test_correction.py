"""The SEG of a correction: on the series of the result, under its own number, semiautomatic by its own account."""

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.io.t2w_source import on_source, t2w_source, zones_in
from tests.plain_seg import on_grid, read_plain
from zonate.errors import GeometryError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.io.source import SourceImages
from zonate.io.source_file import write_source
from zonate.outputs.correction import write_corrected_seg

ABOUT = {"model": {"name": "unet", "sha256": "0123456789abcdef" * 4}, "codes": {str(code): "" for code in range(5)}}


@pytest.fixture
def source(tmp_path: Path) -> SourceImages:
    found = t2w_source(tmp_path / "study")
    write_source(tmp_path / "source.json", found)
    (tmp_path / "zones.json").write_text(json.dumps(ABOUT), encoding="utf-8")
    return found


def test_a_correction_read_from_its_volume_is_the_seg(source: SourceImages, tmp_path: Path) -> None:
    corrected = zones_in(source)
    corrected[3, 10:14, 10:14] = 4
    write_volume(tmp_path / "zones.edited.nii.gz", on_source(source, corrected))
    write_corrected_seg(read_volume(tmp_path / "zones.edited.nii.gz"), tmp_path / "zones.edited.seg.dcm")
    seg = pydicom.dcmread(tmp_path / "zones.edited.seg.dcm")
    assert (seg.SeriesNumber, seg.SeriesDescription) == (9006, "Zonate prostate zones, corrected")
    assert str(seg.PatientName) == "Secret^Person"
    assert {str(item.SegmentAlgorithmType) for item in seg.SegmentSequence} == {"SEMIAUTOMATIC"}
    assert seg.SegmentSequence[0].SegmentAlgorithmName == "Zonate unet, corrected"
    drawn = on_grid(read_plain(tmp_path / "zones.edited.seg.dcm"), source.grid.shape, source.grid.affine)
    assert np.array_equal(drawn, corrected)


def test_a_correction_on_rounded_headers_is_written(tmp_path: Path) -> None:
    """Cosines with three decimals, as some exports have them, move a corner by more than a hundredth of a mm."""
    turn = [round(x, 3) for x in _turned()]
    source = t2w_source(tmp_path / "study", extra={"ImageOrientationPatient": turn}, orientation=_turned())
    write_source(tmp_path / "source.json", source)
    (tmp_path / "zones.json").write_text(json.dumps(ABOUT), encoding="utf-8")
    write_volume(tmp_path / "zones.nii.gz", on_source(source, zones_in(source)))
    write_corrected_seg(read_volume(tmp_path / "zones.nii.gz"), tmp_path / "zones.edited.seg.dcm")
    seg = pydicom.dcmread(tmp_path / "zones.edited.seg.dcm")
    plane = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    assert [float(x) for x in plane.ImageOrientationPatient] == turn


def _turned() -> tuple[float, ...]:
    """12.3° about the patient's left-right axis, then 4.6° about the front-back axis."""
    a, b = np.deg2rad(12.3), np.deg2rad(4.6)
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    return tuple(float(x) for x in (about_y @ about_x)[:, :2].T.ravel())


def test_that_nothing_is_there_can_be_said(source: SourceImages, tmp_path: Path) -> None:
    nothing = on_source(source, np.zeros(source.grid.shape, dtype=np.uint8))
    write_corrected_seg(nothing, tmp_path / "empty.seg.dcm")
    assert pydicom.dcmread(tmp_path / "empty.seg.dcm").NumberOfFrames == 4 * source.grid.shape[0]


def test_labels_from_elsewhere_are_refused(source: SourceImages, tmp_path: Path) -> None:
    affine = source.grid.affine.copy()
    affine[0, 3] += 5.0
    with pytest.raises(GeometryError, match=r"a corner is 5\.000 mm off"):
        write_corrected_seg(Volume(zones_in(source), Grid(source.grid.shape, affine)), tmp_path / "moved.seg.dcm")
    assert not (tmp_path / "moved.seg.dcm").exists()


def test_a_result_without_its_headers_is_said(source: SourceImages, tmp_path: Path) -> None:
    (tmp_path / "source.json").unlink()
    with pytest.raises(StudyError, match=r"source\.json is not there"):
        write_corrected_seg(on_source(source, zones_in(source)), tmp_path / "zones.edited.seg.dcm")


def test_what_was_not_validated_still_is_not(source: SourceImages, tmp_path: Path) -> None:
    """A person who moves a border of one zone does not vouch for the others."""
    (tmp_path / "zones.json").write_text(json.dumps({**ABOUT, "not_validated": ["DPU"]}), encoding="utf-8")
    write_corrected_seg(on_source(source, zones_in(source)), tmp_path / "zones.edited.seg.dcm")
    labels = [str(item.SegmentLabel) for item in pydicom.dcmread(tmp_path / "zones.edited.seg.dcm").SegmentSequence]
    assert [label for label in labels if "not validated" in label] == ["Distal prostatic urethra, not validated"]
