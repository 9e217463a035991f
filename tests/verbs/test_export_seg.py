"""Label volumes of any order of axes become DICOM SEGs on the T2W that they were drawn on."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests import dicom_factory as factory
from tests.io.segs import drawn
from tests.io.sources import OBLIQUE, source_of
from tests.plain_seg import on_grid, read_plain
from zonate.errors import GeometryError, LabelError, OutputError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.nifti import write_volume
from zonate.io.source import SourceImages
from zonate.verbs.export_seg import export_seg
from zonate.zones import LabelCode, parse_label_codes

BY = DicomAlgorithm("some network", "1")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return factory.write(tmp_path / "case-1", factory.t2w(orientation=OBLIQUE), factory.trace(6), factory.adc(7))


@pytest.fixture
def source(study: Path) -> SourceImages:
    return source_of(study)


@pytest.fixture
def labels(source: SourceImages) -> Volume:
    return drawn(source.grid)


def reordered(volume: Volume, order: tuple[int, int, int], flipped: tuple[int, ...]) -> Volume:
    """The same voxels in the same places, kept in another order."""
    affine = volume.grid.affine.copy()
    for axis in flipped:
        affine[:3, 3] += affine[:3, axis] * (volume.grid.shape[axis] - 1)
        affine[:3, axis] *= -1
    affine[:3, :3] = affine[:3, list(order)]
    values = np.flip(volume.values, flipped).transpose(order)
    n, h, w = values.shape
    return Volume(np.ascontiguousarray(values), Grid((n, h, w), affine))


def exported(path: Path, source: SourceImages) -> Any:
    return on_grid(read_plain(path), source.grid.shape, source.grid.affine)


@pytest.mark.parametrize("suffix", ["nii.gz", "mha", "nrrd"])
@pytest.mark.parametrize(
    ("order", "flipped"), [((0, 1, 2), ()), ((0, 1, 2), (0, 2)), ((2, 0, 1), (1,)), ((1, 2, 0), (0, 1, 2))]
)
def test_axes_in_any_order_and_direction(
    tmp_path: Path,
    study: Path,
    source: SourceImages,
    labels: Volume,
    suffix: str,
    order: tuple[int, int, int],
    flipped: tuple[int, ...],
) -> None:
    file = tmp_path / f"labels.{suffix}"
    write_volume(file, reordered(labels, order, flipped))
    written = export_seg(file, study, tmp_path / "zones.seg.dcm", algorithm=BY)
    assert written.file == tmp_path / "zones.seg.dcm"
    np.testing.assert_array_equal(exported(tmp_path / "zones.seg.dcm", source), labels.values)


def test_a_volume_that_lacks_slices_draws_nothing_there(
    tmp_path: Path, study: Path, source: SourceImages, labels: Volume
) -> None:
    affine = source.grid.affine.copy()
    affine[:3, 3] = source.grid.to_mm((1, 0, 0))
    write_volume(tmp_path / "part.nii.gz", Volume(labels.values[1:4], Grid((3, 8, 6), affine)))
    export_seg(tmp_path / "part.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)
    found = exported(tmp_path / "seg.dcm", source)
    np.testing.assert_array_equal(found[1:4], labels.values[1:4])
    assert not found[4].any()


def test_values_of_others_are_mapped(tmp_path: Path, study: Path, source: SourceImages, labels: Volume) -> None:
    """Prostate158 writes 1 for the central gland and 2 for the PZ."""
    others = labels.with_values(np.array([0, 2, 1, 1, 1], np.uint8)[labels.values])
    write_volume(tmp_path / "labels.nii.gz", others)
    table = parse_label_codes("0=BACKGROUND;1=CENTRAL_GLAND;2=PZ")
    export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY, label_codes=table)
    seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
    assert [segment.TrackingID for segment in seg.SegmentSequence] == ["PZ", "CENTRAL_GLAND"]
    np.testing.assert_array_equal(exported(tmp_path / "seg.dcm", source), np.array([0, 1, 2, 2, 2])[labels.values])


def test_coarse_codes_have_no_empty_zones_beside_them(tmp_path: Path, study: Path, labels: Volume) -> None:
    coarse = labels.with_values(np.array([0, 1, 5, 5, 5], np.uint8)[labels.values])
    write_volume(tmp_path / "labels.nii.gz", coarse)
    export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)
    seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
    assert [segment.TrackingID for segment in seg.SegmentSequence] == ["PZ", "CENTRAL_GLAND"]


def test_who_drew_it_and_whose_it_is(tmp_path: Path, study: Path, labels: Volume) -> None:
    write_volume(tmp_path / "labels.nii.gz", labels)
    corrected = DicomAlgorithm("pix2pix", "1", "SEMIAUTOMATIC")
    export_seg(
        tmp_path / "labels.nii.gz",
        study,
        tmp_path / "seg.dcm",
        algorithm=corrected,
        deidentify=True,
        series_number=9006,
        t2w_series=4,
    )
    seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
    assert {segment.SegmentAlgorithmType for segment in seg.SegmentSequence} == {"SEMIAUTOMATIC"}
    assert (seg.PatientName, seg.PatientIdentityRemoved, seg.SeriesNumber) == ("", "YES", 9006)


def test_a_zip_is_a_study_too(tmp_path: Path, study: Path, source: SourceImages, labels: Volume) -> None:
    write_volume(tmp_path / "labels.nii.gz", labels)
    archive = Path(shutil.make_archive(str(tmp_path / "case-2"), "zip", study))
    export_seg(tmp_path / "labels.nii.gz", archive, tmp_path / "seg.dcm", algorithm=BY)
    np.testing.assert_array_equal(exported(tmp_path / "seg.dcm", source), labels.values)


def test_what_the_labels_were_taken_for_is_told(tmp_path: Path, study: Path, labels: Volume) -> None:
    """A whole gland in 0 and 1 is no peripheral zone, which nobody would see on the SEG alone."""
    write_volume(tmp_path / "labels.nii.gz", labels.with_values((labels.values > 0).astype(np.uint8)))
    written = export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)
    voxel_ml = labels.grid.voxel_volume_ml
    assert written.volume_ml == {
        "peripheral zone": pytest.approx(int((labels.values > 0).sum()) * voxel_ml),
        "transition zone": 0.0,
        "distal prostatic urethra": 0.0,
        "anterior fibromuscular stroma": 0.0,
    }
    assert any("transition zone" in doubt for doubt in written.doubts)


@pytest.mark.parametrize(
    ("kind", "said", "family"),
    [
        ("AUTOMATIC", "by a program", "123110"),
        ("SEMIAUTOMATIC", "by a program and a person", "123110"),
        ("MANUAL", "by a person", None),
    ],
)
def test_how_the_labels_came_about_is_said(
    kind: Any, said: str, family: str | None, tmp_path: Path, study: Path, labels: Volume
) -> None:
    write_volume(tmp_path / "labels.nii.gz", labels)
    export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=DicomAlgorithm("x", "1", kind))
    seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
    assert seg.SeriesDescription == f"Prostate zones, {said}"
    assert seg.ContentDescription == f"Drawn {said}, for research use only"
    assert seg.SegmentSequence[0].SegmentAlgorithmType == kind
    if family is None:
        assert "SegmentationAlgorithmIdentificationSequence" not in seg.SegmentSequence[0]
    else:
        (algorithm,) = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
        (code,) = algorithm.AlgorithmFamilyCodeSequence
        assert (code.CodeValue, code.CodeMeaning) == (family, "Artificial Intelligence")


class TestRefused:
    def test_labels_that_lie_elsewhere(self, tmp_path: Path, study: Path, labels: Volume) -> None:
        affine = labels.grid.affine.copy()
        affine[0, 3] += 1
        write_volume(tmp_path / "labels.nii.gz", Volume(labels.values, Grid(labels.grid.shape, affine)))
        with pytest.raises(GeometryError, match=r"^case case-1: the labels do not lie on the T2W grid.* 1\.00 mm off"):
            export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)
        assert not (tmp_path / "seg.dcm").exists()

    def test_labels_of_another_resolution(self, tmp_path: Path, study: Path, labels: Volume) -> None:
        affine = labels.grid.affine.copy()
        affine[:3, 1:3] *= 2
        write_volume(tmp_path / "labels.nii.gz", Volume(labels.values[:, ::2, ::2], Grid((5, 4, 3), affine)))
        with pytest.raises(GeometryError, match="do not lie on the T2W grid"):
            export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)

    def test_what_was_not_annotated(self, tmp_path: Path, study: Path, labels: Volume) -> None:
        labels.values[2, 0, 0] = LabelCode.NOT_ANNOTATED
        write_volume(tmp_path / "labels.nii.gz", labels)
        with pytest.raises(LabelError, match=r"not declared: 255 \(1 voxels\)"):
            export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)

    def test_volumes_in_place_of_a_series(self, tmp_path: Path, labels: Volume) -> None:
        write_volume(tmp_path / "volumes" / "t2w.nii.gz", labels.with_values(labels.values.astype(np.float32)))
        write_volume(tmp_path / "labels.nii.gz", labels)
        with pytest.raises(StudyError, match="is no DICOM series"):
            export_seg(tmp_path / "labels.nii.gz", tmp_path / "volumes", tmp_path / "seg.dcm", algorithm=BY)

    def test_an_output_that_is_there(self, tmp_path: Path, study: Path, labels: Volume) -> None:
        write_volume(tmp_path / "labels.nii.gz", labels)
        (tmp_path / "seg.dcm").write_text("old")
        with pytest.raises(OutputError, match="exists"):
            export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY)
        assert (tmp_path / "seg.dcm").read_text() == "old"
        export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "seg.dcm", algorithm=BY, overwrite=True)
        assert pydicom.dcmread(tmp_path / "seg.dcm").Modality == "SEG"
        with pytest.raises(OutputError, match="is a folder"):
            export_seg(tmp_path / "labels.nii.gz", study, tmp_path, algorithm=BY)

    def test_an_output_that_is_or_lies_in_what_is_read(self, tmp_path: Path, study: Path, labels: Volume) -> None:
        write_volume(tmp_path / "labels.nii.gz", labels)
        before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
        with pytest.raises(OutputError, match="lies in what is read"):
            export_seg(tmp_path / "labels.nii.gz", study, study / "x.dcm", algorithm=BY, overwrite=True)
        assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before

    def test_a_name_that_is_not_of_dicom(self, tmp_path: Path, study: Path, labels: Volume) -> None:
        write_volume(tmp_path / "labels.nii.gz", labels)
        with pytest.raises(OutputError, match=r"zones\.nii\.gz does not end in \.dcm"):
            export_seg(tmp_path / "labels.nii.gz", study, tmp_path / "zones.nii.gz", algorithm=BY)
