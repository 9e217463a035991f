"""What a DICOM SEG of ours says: codes, colours, algorithm, patient, references."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

from tests.io.segs import MODEL, drawn, write
from tests.io.sources import TWICE_OBLIQUE, classic
from tests.plain_seg import on_grid, read_plain
from zonate.dataset.importers.prostatex import code_of_segment
from zonate.dataset.importers.qin import code_of_segment as code_of_qin
from zonate.geometry import Volume
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.seg import read_segment_header, read_segments
from zonate.io.seg_writer import write_sectors_seg, write_zones_seg
from zonate.sectors import SECTORS
from zonate.zones import ALL_ZONE_CODES, ZONE_INFO, LabelCode, Zone


class TestWhatItSays:
    @pytest.fixture
    def seg(self, tmp_path: Path) -> Any:
        source = classic(tmp_path, extra={"StudyID": "7", "StudyDate": "20110707", "PatientSex": "M"})
        write(tmp_path / "seg.dcm", drawn(source.grid), source)
        return pydicom.dcmread(tmp_path / "seg.dcm")

    def test_segments_are_coded(self, seg: Any) -> None:
        said = [
            (s.SegmentNumber, s.SegmentLabel, s.TrackingID, code.CodeValue, code.CodingSchemeDesignator)
            for s in seg.SegmentSequence
            for code in s.SegmentedPropertyTypeCodeSequence
        ]
        assert said == [
            (1, "Peripheral zone of prostate", "PZ", "279706003", "SCT"),
            (2, "Transition zone of prostate", "TZ", "399384005", "SCT"),
            (3, "Distal prostatic urethra", "DPU", "71553001", "SCT"),
            (4, "Anterior fibromuscular stroma of prostate", "AFS", "717025007", "SCT"),
        ]
        assert {s.SegmentedPropertyCategoryCodeSequence[0].CodeValue for s in seg.SegmentSequence} == {"123037004"}
        assert len({s.TrackingUID for s in seg.SegmentSequence}) == 4

    def test_colours_are_those_of_the_zones(self, seg: Any) -> None:
        for segment, zone in zip(seg.SegmentSequence, list(Zone)[1:], strict=True):
            rgb = srgb(segment.RecommendedDisplayCIELabValue)
            np.testing.assert_allclose(rgb, ZONE_INFO[zone].colour_rgb, atol=1)

    def test_the_algorithm_is_named(self, seg: Any) -> None:
        for segment in seg.SegmentSequence:
            assert (segment.SegmentAlgorithmType, segment.SegmentAlgorithmName) == ("AUTOMATIC", "pix2pix")
            about = segment.SegmentationAlgorithmIdentificationSequence[0]
            assert (about.AlgorithmName, about.AlgorithmVersion, about.AlgorithmSource) == ("pix2pix", "1.2", "Zonate")

    def test_patient_and_study_are_carried_over(self, seg: Any, tmp_path: Path) -> None:
        image = pydicom.dcmread(next((tmp_path / "x4").iterdir()))
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "FrameOfReferenceUID"):
            assert seg[keyword].value == image[keyword].value
        assert (seg.StudyID, seg.StudyDate, seg.PatientSex) == ("7", "20110707", "M")

    def test_every_image_is_referred_to(self, seg: Any, tmp_path: Path) -> None:
        images = {pydicom.dcmread(file).SOPInstanceUID for file in (tmp_path / "x4").iterdir()}
        (series,) = seg.ReferencedSeriesSequence
        assert {one.ReferencedSOPInstanceUID for one in series.ReferencedInstanceSequence} == images
        assert {one.ReferencedSOPInstanceUID for one in seg.SourceImageSequence} == images
        assert len(images) == 5

    def test_the_kind_of_object(self, seg: Any) -> None:
        assert (seg.SegmentationType, seg.BitsAllocated, seg.SegmentsOverlap) == ("BINARY", 1, "NO")
        assert (seg.Manufacturer, seg.SeriesNumber, seg.ContentLabel) == ("Zonate", 9001, "PROSTATE_ZONES")
        assert [item.DimensionIndexPointer for item in seg.DimensionIndexSequence] == [0x0062000B, 0x00200032]
        assert float(seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices) == 3


class TestCodes:
    """What a reader makes of the coarser codes."""

    def written(self, tmp_path: Path, codes: tuple[LabelCode, ...], values: list[int]) -> Path:
        source = classic(tmp_path)
        labels = drawn(source.grid)
        coarse = labels.with_values(np.array(values, dtype=np.uint8)[labels.values])
        write(tmp_path / "seg.dcm", coarse, source, codes=codes)
        return tmp_path / "seg.dcm"

    def test_our_importer_knows_the_zones(self, tmp_path: Path) -> None:
        header = read_segment_header(self.written(tmp_path, ALL_ZONE_CODES, [0, 1, 2, 3, 4]))
        assert [code_of_segment(segment) for segment in header.segments] == [1, 2, 3, 4]

    def test_a_central_gland_is_not_taken_for_the_prostate(self, tmp_path: Path) -> None:
        codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
        path = self.written(tmp_path, codes, [0, 1, 5, 5, 5])
        pz, central = read_segment_header(path).segments
        assert (code_of_qin(pz), code_of_qin(central)) == (LabelCode.PZ, None)
        assert code_of_segment(central) is None
        assert not central.is_coded("41216001")
        seg: Any = pydicom.dcmread(path)
        assert seg.SegmentSequence[1].AnatomicRegionSequence[0].CodeValue == "41216001"
        assert seg.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == central.scheme == "99ZONATE"

    def test_a_whole_gland_is_the_prostate(self, tmp_path: Path) -> None:
        path = self.written(tmp_path, (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND), [0, 6, 6, 6, 6])
        (gland,) = read_segment_header(path).segments
        assert code_of_qin(gland) == LabelCode.WHOLE_GLAND
        assert gland.label == "Prostate"

    def test_what_a_person_drew_has_no_algorithm(self, tmp_path: Path) -> None:
        source = classic(tmp_path)
        write(tmp_path / "seg.dcm", drawn(source.grid), source, algorithm=DicomAlgorithm("", "", "MANUAL"))
        segment: Any = pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence[0]
        assert segment.SegmentAlgorithmType == "MANUAL"
        assert "SegmentAlgorithmName" not in segment


def test_without_the_patient_the_object_holds_nothing_of_them(tmp_path: Path) -> None:
    secrets = {
        "PatientAge": "061Y", "PatientComments": "Secret", "InstitutionName": "Secret", "StationName": "Secret",
        "StudyDescription": "Secret", "StudyDate": "20110707", "Manufacturer": "SIEMENS",
    }  # fmt: skip
    source = classic(tmp_path, orientation=TWICE_OBLIQUE, extra=secrets)
    write(tmp_path / "full.dcm", drawn(source.grid), source)
    write(tmp_path / "bare.dcm", drawn(source.grid), source.without_patient())
    assert b"Secret" in (tmp_path / "full.dcm").read_bytes()
    raw = (tmp_path / "bare.dcm").read_bytes()
    for value in (b"Secret", b"20110707", b"19500101", b"061Y"):
        assert value not in raw
    seg: Any = pydicom.dcmread(tmp_path / "bare.dcm")
    assert (seg.PatientID, seg.PatientIdentityRemoved) == ("", "YES")
    assert seg.StudyInstanceUID == source.header.StudyInstanceUID
    assert seg.ContributingEquipmentSequence[0].Manufacturer == "SIEMENS"


@pytest.mark.parametrize(
    ("charset", "name"),
    [("ISO_IR 100", "Müller^Jörg"), ("ISO_IR 192", "山田^太郎"), (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎")],
)
def test_names_of_any_alphabet_come_through(tmp_path: Path, charset: Any, name: str) -> None:
    source = classic(tmp_path, extra={"SpecificCharacterSet": charset, "PatientName": name})
    write(tmp_path / "seg.dcm", drawn(source.grid), source, algorithm=DicomAlgorithm("modèle", "1"))
    seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
    assert str(seg.PatientName) == name
    assert seg.SegmentSequence[0].SegmentAlgorithmName == "modèle"


def test_nothing_of_a_header_is_said(tmp_path: Path, caplog: Any, capfd: Any) -> None:
    with pydicom.config.disable_value_validation():
        source = classic(tmp_path, extra={"PatientName": "Secret", "PatientSex": "MALE", "StudyDate": "yesterday"})
    write(tmp_path / "seg.dcm", drawn(source.grid), source)
    said = capfd.readouterr()
    assert "Secret" not in caplog.text + said.out + said.err


def test_sectors_are_the_segments_of_their_table(tmp_path: Path) -> None:
    source = classic(tmp_path)
    values = np.zeros(source.grid.shape, np.uint8)
    values.flat[: 3 * len(SECTORS)] = np.repeat([sector.number for sector in SECTORS], 3)
    write_sectors_seg(tmp_path / "seg.dcm", Volume(values, source.grid), source, algorithm=MODEL)
    seg: Any = pydicom.dcmread(tmp_path / "seg.dcm")
    coded = [segment.SegmentedPropertyTypeCodeSequence[0].CodeValue for segment in seg.SegmentSequence]
    assert coded == [sector.snomed_code for sector in SECTORS]
    assert len(coded) == 36
    assert (seg.SeriesNumber, seg.ContentLabel) == (9002, "PROSTATE_SECTORS")
    found = on_grid(read_plain(tmp_path / "seg.dcm"), source.grid.shape, source.grid.affine)
    numbers = np.array([0, *(sector.number for sector in SECTORS)])
    np.testing.assert_array_equal(numbers[found], values)


def srgb(lab: Any) -> npt.NDArray[np.float64]:
    """DICOM's CIELab to sRGB, 0 to 255, by the white of sRGB as dcmqi and 3D Slicer take it.

    Source: PS3.3 C.10.7.1.1, IEC 61966-2-1.
    """
    l_star, a_star, b_star = lab[0] / 65535 * 100, lab[1] / 65535 * 255 - 128, lab[2] / 65535 * 255 - 128
    fy = (l_star + 16) / 116
    f = np.array([fy + a_star / 500, fy, fy - b_star / 200])
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * 3 * (6 / 29) ** 2) * [0.9505, 1.0, 1.0889]
    to_linear = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    linear = np.clip(to_linear @ xyz, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055) * 255
    return np.asarray(rgb, dtype=np.float64)


def test_a_seg_of_a_slightly_uneven_series_is_read_back(tmp_path: Path) -> None:
    """Scanners round positions: the reader of series lets them differ, and so must that of what is drawn there."""
    source = classic(tmp_path / "study", shape=(8, 6), slices=5)
    for s, off_mm in enumerate((0.0, 0.04, -0.04, 0.04, 0.0)):
        source.headers[s].ImagePositionPatient[2] += off_mm
    labels = np.zeros(source.grid.shape, dtype=np.uint8)
    labels[:, 2:5, 2:4] = 1
    write_zones_seg(tmp_path / "z.dcm", Volume(labels, source.grid), ALL_ZONE_CODES, source, algorithm=MODEL)
    assert int(read_segments(tmp_path / "z.dcm")[1].values.sum()) == 5 * 3 * 2
