"""Headers that are kept beside a result give the very objects that the series itself would give."""

from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.io.sources import OBLIQUE, classic, enhanced
from tests.io.t2w_source import on_source, zones_in
from zonate.errors import StudyError
from zonate.io.dicom_output import DicomAlgorithm
from zonate.io.seg import read_segments
from zonate.io.seg_writer import write_zones_seg
from zonate.io.source import SourceImages
from zonate.io.source_file import read_source, write_source
from zonate.zones import ALL_ZONE_CODES

BY = DicomAlgorithm("test", "1")


@pytest.mark.parametrize("kind", [classic, enhanced])
def test_a_seg_of_kept_headers_is_that_of_the_series(kind: object, tmp_path: Path) -> None:
    assert callable(kind)
    source: SourceImages = kind(tmp_path / "study", orientation=OBLIQUE, shape=(40, 32), slices=8)
    write_source(tmp_path / "source.json", source)
    kept = read_source(tmp_path / "source.json")
    assert kept.frames == source.frames
    assert np.array_equal(kept.grid.affine, source.grid.affine)
    assert kept.grid.frame_of_reference == source.grid.frame_of_reference
    labels = on_source(source, zones_in(source))
    first = write_zones_seg(tmp_path / "first.dcm", labels, ALL_ZONE_CODES, source, algorithm=BY)
    second = write_zones_seg(tmp_path / "second.dcm", labels, ALL_ZONE_CODES, kept, algorithm=BY)
    assert _without_moments(second) == _without_moments(first)
    for number, volume in read_segments(tmp_path / "second.dcm").items():
        assert int(volume.values.sum()) == int((labels.values == number).sum())


def _without_moments(seg: pydicom.Dataset) -> pydicom.Dataset:
    """What two SEGs of one content share: everything but their own UIDs and times."""
    bare = pydicom.Dataset(seg)
    for keyword in (
        "SOPInstanceUID", "SeriesInstanceUID", "ContentDate", "ContentTime", "InstanceCreationDate",
        "InstanceCreationTime", "SeriesDate", "SeriesTime", "DimensionOrganizationSequence", "DimensionIndexSequence",
        "ContributingEquipmentSequence", "SegmentSequence",
    ):  # fmt: skip
        if keyword in bare:
            del bare[keyword]
    return bare


def test_private_and_bulk_elements_are_left_out(tmp_path: Path) -> None:
    source = classic(tmp_path / "study")
    block = source.header.private_block(0x0019, "SECRET", create=True)
    block.add_new(0x01, "LO", "Secret^Person at home")
    source.header.add_new(0x7FE00010, "OW", b"\0\0")
    source.header.InstitutionName = "the hospital"
    write_source(tmp_path / "source.json", source)
    text = (tmp_path / "source.json").read_text(encoding="utf-8")
    assert "at home" not in text
    assert "the hospital" not in text
    assert (tmp_path / "source.json").stat().st_mode & 0o777 == 0o600
    assert "7FE00010" not in text
    assert "Secret^Person" in text  # the patient's name belongs to every object


def test_without_a_patient_the_file_names_none(tmp_path: Path) -> None:
    write_source(tmp_path / "source.json", classic(tmp_path / "study").without_patient())
    assert "Secret" not in (tmp_path / "source.json").read_text(encoding="utf-8")


def test_texts_within_sequences_keep_their_letters(tmp_path: Path) -> None:
    other = pydicom.Dataset()
    other.PatientID, other.IssuerOfPatientID = "0815", "Universitätsklinikum"
    extra = {"SpecificCharacterSet": "ISO_IR 100", "OtherPatientIDsSequence": [other]}
    write_source(tmp_path / "source.json", classic(tmp_path / "study", extra=extra))
    header = read_source(tmp_path / "source.json").header
    assert header.SpecificCharacterSet == "ISO_IR 192"
    assert header.OtherPatientIDsSequence[0].IssuerOfPatientID == "Universitätsklinikum"


def test_a_missing_or_damaged_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"source\.json is not there: predict the study again"):
        read_source(tmp_path / "source.json")
    (tmp_path / "source.json").write_text('{"headers": []}', encoding="utf-8")
    with pytest.raises(StudyError, match=r"source\.json is damaged \(KeyError\)"):
        read_source(tmp_path / "source.json")
