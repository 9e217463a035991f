"""RTSTRUCT as a planning system reads it: contours back to voxels by the even-odd rule, from LPS millimetres."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests import dicom_factory as factory
from tests.io.polygons import area, rasterised
from tests.io.sources import source_of
from tests.io.t2w_source import OBLIQUE, on_source, t2w_source, zones_in
from zonate.errors import GeometryError
from zonate.geometry import Grid, Volume
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.rtstruct import write_rtstruct
from zonate.io.source import SourceImages
from zonate.zones import ALL_ZONE_CODES, LabelCode

ALGORITHM = DicomAlgorithm("fold 3", "1.2")
NAMES = ["Prostate", "Prostate_PZ", "Prostate_TZ", "Prostate_DPU", "Prostate_AFS"]


def written(
    folder: Path, source: SourceImages, labels: npt.NDArray[np.uint8], codes: tuple[LabelCode, ...] = ALL_ZONE_CODES
) -> pydicom.Dataset:
    write_rtstruct(folder / "z.rtstruct.dcm", on_source(source, labels), codes, source, algorithm=ALGORITHM)
    return pydicom.dcmread(folder / "z.rtstruct.dcm")


def contours(rtstruct: pydicom.Dataset, name: str) -> list[pydicom.Dataset]:
    number = next(item.ROINumber for item in rtstruct.StructureSetROISequence if item.ROIName == name)
    roi = next(item for item in rtstruct.ROIContourSequence if item.ReferencedROINumber == number)
    return list(roi.get("ContourSequence", []))


def on_grid(contour: pydicom.Dataset, grid: Grid) -> tuple[int, npt.NDArray[np.float64]]:
    """The slice that a contour lies on, and its corners in rows and columns."""
    points_mm = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
    assert len(points_mm) == contour.NumberOfContourPoints
    index = np.linalg.solve(grid.affine[:3, :3], (points_mm - grid.affine[:3, 3]).T).T
    assert np.ptp(index[:, 0]) < 2e-3  # one plane
    s = round(float(index[:, 0].mean()))
    assert index[:, 0].mean() == pytest.approx(s, abs=1e-3)  # that of a slice
    return s, np.asarray(index[:, 1:], dtype=np.float64)


def read_back(rtstruct: pydicom.Dataset, name: str, grid: Grid) -> tuple[npt.NDArray[np.bool_], float]:
    """Voxels inside, and the enclosed volume in ml by area and distance of slices."""
    inside = np.zeros(grid.shape, dtype=np.bool_)
    pixels = 0.0
    for contour in contours(rtstruct, name):
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        s, corners = on_grid(contour, grid)
        inside[s] ^= rasterised(corners, (grid.shape[1], grid.shape[2]))
        pixels += abs(area(corners))
    return inside, pixels * grid.voxel_volume_ml


@pytest.mark.parametrize("orientation", [OBLIQUE, (1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0)], ids=str)
def test_the_zones_come_back_voxel_by_voxel_and_within_2_percent(
    tmp_path: Path, orientation: tuple[float, ...]
) -> None:
    source = t2w_source(tmp_path / "study", orientation=orientation)
    labels = zones_in(source)
    rtstruct = written(tmp_path, source, labels)
    expected = {"Prostate": labels > 0, **{NAMES[zone]: labels == zone for zone in (1, 2, 3, 4)}}
    for name, mask in expected.items():
        inside, volume_ml = read_back(rtstruct, name, source.grid)
        assert (inside == mask).all(), name
        assert volume_ml == pytest.approx(int(mask.sum()) * source.grid.voxel_volume_ml, rel=0.02), name


def test_a_ring_is_one_contour_with_a_channel(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    labels = np.zeros(source.grid.shape, dtype=np.uint8)
    labels[3, 10:20, 10:20] = LabelCode.TZ
    labels[3, 14:16, 14:16] = LabelCode.DPU
    rtstruct = written(tmp_path, source, labels)
    (ring,) = contours(rtstruct, "Prostate_TZ")
    _, corners = on_grid(ring, source.grid)
    assert abs(area(corners)) == pytest.approx(100 - 4, rel=0.01)
    (urethra,) = contours(rtstruct, "Prostate_DPU")
    assert abs(area(on_grid(urethra, source.grid)[1])) == pytest.approx(4.0, rel=0.01)
    (gland,) = contours(rtstruct, "Prostate")
    assert abs(area(on_grid(gland, source.grid)[1])) == pytest.approx(100.0, rel=0.01)


def test_every_contour_refers_to_the_image_that_it_lies_on(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study", orientation=OBLIQUE)
    positions = {header.SOPInstanceUID: np.array(header.ImagePositionPatient, float) for header in source.headers}
    normal = np.cross(OBLIQUE[:3], OBLIQUE[3:])
    rtstruct = written(tmp_path, source, zones_in(source))
    for contour in contours(rtstruct, "Prostate_PZ"):
        (image,) = contour.ContourImageSequence
        first_mm = np.array(contour.ContourData[:3], dtype=np.float64)
        assert abs((first_mm - positions[image.ReferencedSOPInstanceUID]) @ normal) < 2e-3
        assert "ReferencedFrameNumber" not in image
    (frame,) = rtstruct.ReferencedFrameOfReferenceSequence
    assert frame.FrameOfReferenceUID == source.header.FrameOfReferenceUID
    (study,) = frame.RTReferencedStudySequence
    assert study.ReferencedSOPInstanceUID == source.header.StudyInstanceUID
    (series,) = study.RTReferencedSeriesSequence
    assert series.SeriesInstanceUID == source.header.SeriesInstanceUID
    assert {image.ReferencedSOPInstanceUID for image in series.ContourImageSequence} == set(positions)


def test_contours_lie_on_their_images_also_where_slices_are_uneven(tmp_path: Path) -> None:
    """The grid's even steps of 3.145 mm are up to 1.3 mm off the images' own."""
    plan = factory.t2w(slices=19, shape=(12, 10))
    heights_mm = np.cumsum([0.0, *[3.29] * 9, *[3.0] * 9])
    for s, height_mm in enumerate(heights_mm):
        image = factory.classic(plan, s, None, instance=s + 1)
        image.ImagePositionPatient = [-1.5, -2.0, round(height_mm, 2)]
        factory.save(image, tmp_path / "study" / f"i{s:02d}")
    source = source_of(tmp_path / "study")
    labels = np.zeros(source.grid.shape, dtype=np.uint8)
    labels[:, 4:8, 3:6] = LabelCode.PZ
    by_uid = {header.SOPInstanceUID: float(header.ImagePositionPatient[2]) for header in source.headers}
    found = contours(written(tmp_path, source, labels), "Prostate_PZ")
    assert len(found) == 19
    for contour in found:
        (image,) = contour.ContourImageSequence
        points_mm = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)
        assert set(points_mm[:, 2]) == {by_uid[image.ReferencedSOPInstanceUID]}
        assert points_mm[:, :2].mean(axis=0) == pytest.approx((-1.5 + 4 * 0.5, -2.0 + 5.5 * 0.5), abs=0.02)


def test_of_an_enhanced_file_it_is_the_frame(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study", enhanced=True)
    groups = source.header.PerFrameFunctionalGroupsSequence
    rtstruct = written(tmp_path, source, zones_in(source))
    for contour in contours(rtstruct, "Prostate"):
        (image,) = contour.ContourImageSequence
        assert image.ReferencedSOPInstanceUID == source.header.SOPInstanceUID
        position = groups[image.ReferencedFrameNumber - 1].PlanePositionSequence[0].ImagePositionPatient
        assert float(contour.ContourData[2]) == pytest.approx(float(position[2]), abs=1e-3)
    (series,) = rtstruct.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert len(series.ContourImageSequence) == 1


def test_regions_are_named_coded_and_coloured(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    rtstruct = written(tmp_path, source, zones_in(source))
    assert [item.ROIName for item in rtstruct.StructureSetROISequence] == NAMES
    assert {item.ROIGenerationAlgorithm for item in rtstruct.StructureSetROISequence} == {"AUTOMATIC"}
    assert rtstruct.StructureSetROISequence[0].ROIGenerationDescription == "fold 3 1.2"
    codes = [item.RTROIIdentificationCodeSequence[0] for item in rtstruct.RTROIObservationsSequence]
    assert [code.CodeValue for code in codes] == ["41216001", "279706003", "399384005", "71553001", "717025007"]
    assert {code.CodingSchemeDesignator for code in codes} == {"SCT"}
    assert {item.RTROIInterpretedType for item in rtstruct.RTROIObservationsSequence} == {"ORGAN"}
    assert list(rtstruct.ROIContourSequence[1].ROIDisplayColor) == [86, 180, 233]
    assert rtstruct.Modality == "RTSTRUCT"
    assert rtstruct.ApprovalStatus == "UNAPPROVED"
    assert rtstruct.StudyInstanceUID == source.header.StudyInstanceUID
    assert rtstruct.SeriesInstanceUID != source.header.SeriesInstanceUID
    assert str(rtstruct.PatientName) == "Secret^Person"


def test_the_counted_volume_is_said(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    labels = np.zeros(source.grid.shape, dtype=np.uint8)
    labels[1:5, 4:14, 6:16] = LabelCode.PZ  # 400 voxels of 0.75 mm³
    rtstruct = written(tmp_path, source, labels)
    assert [float(item.ROIVolume) for item in rtstruct.StructureSetROISequence] == [0.3, 0.3, 0.0, 0.0, 0.0]
    assert contours(rtstruct, "Prostate_AFS") == []  # named, without a contour


def test_coarser_codes_are_coarser_regions(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    labels = np.where(zones_in(source) == 1, 1, np.where(zones_in(source) > 1, 5, 0)).astype(np.uint8)
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    rtstruct = written(tmp_path, source, labels, codes)
    assert [item.ROIName for item in rtstruct.StructureSetROISequence] == ["Prostate", "Prostate_PZ", "Prostate_CG"]
    assert rtstruct.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99ZONATE"
    whole = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)
    gland = written(tmp_path, source, np.where(labels > 0, 6, 0).astype(np.uint8), whole)
    assert [item.ROIName for item in gland.StructureSetROISequence] == ["Prostate"]


def test_labels_of_another_grid_are_refused(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    labels = Volume(zones_in(source)[1:], Grid((7, 40, 32), source.grid.affine))
    with pytest.raises(GeometryError, match="do not lie on the grid of the T2W series"):
        write_rtstruct(tmp_path / "z.dcm", labels, ALL_ZONE_CODES, source, algorithm=ALGORITHM)
    assert not (tmp_path / "z.dcm").exists()


def test_without_the_patient_no_name_is_written(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study").without_patient()
    rtstruct = written(tmp_path, source, zones_in(source))
    assert (str(rtstruct.PatientName), rtstruct.PatientID, rtstruct.PatientBirthDate) == ("", "", "")
    assert b"Secret" not in (tmp_path / "z.rtstruct.dcm").read_bytes()


def test_a_region_that_is_not_validated_says_so_and_keeps_its_name(tmp_path: Path) -> None:
    source = t2w_source(tmp_path / "study")
    labels = on_source(source, zones_in(source))
    made = write_rtstruct(
        tmp_path / "z.dcm", labels, ALL_ZONE_CODES, source, algorithm=ALGORITHM, not_validated=("DPU", "AFS")
    )
    assert [item.ROIName for item in made.StructureSetROISequence] == NAMES
    assert [item.ROIDescription for item in made.StructureSetROISequence] == [
        "Prostate",
        "Peripheral zone of prostate",
        "Transition zone of prostate",
        "Distal prostatic urethra, not validated",
        "Anterior fibromuscular stroma of prostate, not validated",
    ]
