"""The headers that results refer to: their order, what is mended in them, and what is left without the patient."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests import dicom_factory as factory
from tests.io.sources import classic, descending, enhanced, hand_made, source_of
from zonate.errors import CorruptSeriesError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import write_volume
from zonate.io.opening import opened
from zonate.io.source import source_images
from zonate.settings.data import ReadingSettings
from zonate.study import Sequence

IDENTIFYING = {
    "PatientID": "4711",
    "PatientName": "Secret^Person",
    "PatientBirthDate": "19500101",
    "PatientSex": "M",
    "PatientAge": "061Y",
    "PatientWeight": 80,
    "PatientAddress": "Secret Street",
    "OtherPatientIDs": "Secret 0815",
    "MilitaryRank": "Secret Captain",
    "AdditionalPatientHistory": "Secret history",
    "EthnicGroup": "Secret",
    "Occupation": "Secret agent",
    "AccessionNumber": "Secret 1",
    "StudyID": "Secret 2",
    "StudyDate": "20110707",
    "StudyTime": "120000",
    "StudyDescription": "Secret study",
    "ReferringPhysicianName": "Secret^Doctor",
    "InstitutionName": "Secret hospital",
    "InstitutionAddress": "Secret road",
    "StationName": "Secret",
    "OperatorsName": "Secret^Operator",
    "DeviceSerialNumber": "Secret 3",
    "ClinicalTrialSubjectID": "Secret 4",
    "ClinicalTrialSponsorName": "Secret",
    "AdmissionID": "Secret 5",
    "ImageComments": "Secret comment",
}
NAMED = {"Manufacturer": "SIEMENS", "ManufacturerModelName": "Skyra", "SoftwareVersions": "syngo MR D13"}


def test_headers_are_in_the_order_of_the_slices(tmp_path: Path) -> None:
    source = descending(tmp_path)
    assert [header.InstanceNumber for header in source.headers] == [5, 4, 3, 2, 1]
    assert [header.ImagePositionPatient[2] for header in source.headers] == [10, 13, 16, 19, 22]
    assert source.frames == tuple((header.SOPInstanceUID, None) for header in source.headers)
    assert source.header is source.headers[0]
    assert "PixelData" not in source.header


def test_an_enhanced_file_is_one_header_and_its_frames_are_numbered_from_1(tmp_path: Path) -> None:
    source = enhanced(tmp_path)
    assert len(source.headers) == 1
    assert source.frames == tuple((source.header.SOPInstanceUID, number) for number in (5, 4, 3, 2, 1))


def test_some_frames_of_an_enhanced_file(tmp_path: Path) -> None:
    factory.save(factory.enhanced(factory.t2w()), tmp_path / "one")
    source = hand_made(tmp_path, lambda frames: frames[::2])  # the topmost, the middle and the lowest slice
    assert [number for _, number in source.frames] == [5, 3, 1]
    np.testing.assert_allclose(source.grid.affine[:3, 0], (0, 0, 6))


def test_a_study_of_volumes_has_no_headers(tmp_path: Path) -> None:
    write_volume(tmp_path / "t2w.nii.gz", Volume(np.zeros((3, 4, 5), np.float32), Grid((3, 4, 5), np.eye(4))))
    with opened(tmp_path, ReadingSettings(), only=Sequence.T2W) as study:
        assert source_images(study) is None


def test_a_file_that_is_gone_is_named_without_its_folder(tmp_path: Path) -> None:
    factory.write(tmp_path, factory.t2w())
    with opened(tmp_path, ReadingSettings(), case_id="case-1", only=Sequence.T2W) as study:
        next((tmp_path / "x4").iterdir()).unlink()
        with pytest.raises(CorruptSeriesError, match=r"^case case-1: x4/i\d+ is no longer there") as raised:
            source_images(study)
    assert str(tmp_path) not in str(raised.value)


def test_what_every_object_must_hold_is_there(tmp_path: Path) -> None:
    header = classic(tmp_path).header
    for keyword in ("PatientSex", "AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        assert header[keyword].value in ("", None), keyword
    assert header.PatientID == "Secret^Person"


@pytest.mark.parametrize(
    ("keyword", "value", "kept"),
    [
        ("PatientSex", "M", True),
        ("PatientSex", "MALE", False),
        ("PatientBirthDate", "19500101", True),
        ("PatientBirthDate", "1950", False),
        ("StudyDate", "none", False),
        ("StudyTime", "120000.123", True),
        ("StudyTime", "noon", False),
    ],
)
def test_a_value_that_no_object_may_hold_is_not_carried_on(
    tmp_path: Path, keyword: str, value: str, kept: bool
) -> None:
    with pydicom.config.disable_value_validation():
        header = classic(tmp_path, extra={keyword: value}).header
        assert header[keyword].value == (value if kept else "")


def test_without_the_patient_nothing_is_left_that_tells_who_or_where(tmp_path: Path) -> None:
    source = classic(tmp_path, extra={**IDENTIFYING, **NAMED})
    assert "Secret" in str(source.header)
    bare = source.without_patient()
    for header in bare.headers:
        said = str(header)
        for value in ("Secret", "4711", "19500101", "20110707", "061Y", "120000"):
            assert value not in said
        assert header.PatientIdentityRemoved == "YES"
        assert header.DeidentificationMethod
        assert header.ManufacturerModelName == "Skyra"
    assert bare.frames == source.frames
    assert [h.SOPInstanceUID for h in bare.headers] == [h.SOPInstanceUID for h in source.headers]
    assert source.header.PatientName == "Secret^Person", "the original stays as it is"


def test_without_the_patient_an_enhanced_file_keeps_where_its_frames_lie_alone(tmp_path: Path) -> None:
    made = factory.enhanced(factory.t2w(extra=IDENTIFYING))
    for groups in made.PerFrameFunctionalGroupsSequence:
        content = pydicom.Dataset()
        content.FrameAcquisitionDateTime = "20110707120000"
        content.FrameComments = "Secret comment"
        groups.FrameContentSequence = [content]
    factory.save(made, tmp_path / "one")
    source = source_of(tmp_path)
    assert "Secret comment" in str(source.header)
    bare = source.without_patient().header
    assert not any(value in str(bare) for value in ("Secret", "20110707", "EffectiveEchoTime"))
    assert len(bare.PerFrameFunctionalGroupsSequence) == 5
    position = bare.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0].ImagePositionPatient
    assert list(position) == [-1.5, -2.0, 10.0]
    assert list(bare.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("keyword", "value", "carried"),
    [
        ("StudyDate", "2011.07.07", "20110707"),
        ("StudyDate", "yesterday", ""),
        ("PatientAge", "65", ""),
        ("AccessionNumber", "12345678901234567", ""),
        ("StudyID", "7", "7"),
        ("PatientSex", "MALE", ""),
        ("PatientID", "1" * 70, "1" * 70),
        ("PatientID", ["4711", "12"], "4711"),
    ],
)
def test_what_the_standard_does_not_allow_is_not_carried_on(
    keyword: str, value: Any, carried: str, tmp_path: Path
) -> None:
    """But for what an archive finds the patient by."""
    for file in factory.write(tmp_path, factory.t2w(shape=(8, 6))).rglob("*"):
        if file.is_file():
            header = pydicom.dcmread(file)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                setattr(header, keyword, value)
                header.save_as(file)
    assert str(source_of(tmp_path).header[keyword].value) == carried


def test_what_cannot_be_read_is_left_out_also_within_a_sequence(tmp_path: Path) -> None:
    """A value representation that the standard does not know stands in no way of the rest."""
    code = pydicom.Dataset()
    code.CodeMeaning, code.SpecificCharacterSet, code.NumericValue = "für Männer", "ISO_IR 100", "1234.5"
    names = {"PatientName": "Λουκάς", "SpecificCharacterSet": "ISO_IR 126", "ProcedureCodeSequence": [code]}
    for file in factory.write(tmp_path, factory.t2w(extra=names)).rglob("i*"):
        file.write_bytes(file.read_bytes().replace(b"\x40\x00\x0a\xa3DS", b"\x40\x00\x0a\xa3ZZ"))
    header = source_of(tmp_path).header
    assert header.ProcedureCodeSequence[0].to_json_dict() == {"00080104": {"vr": "LO", "Value": ["für Männer"]}}
    assert (header.SpecificCharacterSet, header.PatientName) == ("ISO_IR 192", "Λουκάς")
