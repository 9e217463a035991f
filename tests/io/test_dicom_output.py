import re
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import ExplicitVRLittleEndian

import zonate.io
from zonate.io.dicom_codes import coded_zone
from zonate.io.dicom_output import (
    DicomAlgorithm,
    SeriesNumber,
    long_string,
    new_uid,
    now,
    save_dicom,
)
from zonate.zones import LabelCode


def test_a_long_string_is_what_its_representation_takes() -> None:
    assert long_string("run\\best\nmodel ") == "run best model"
    assert long_string("é" * 70) == "é" * 64
    assert long_string("a" * 63 + " b") == "a" * 63


def test_uids_are_new_and_fit() -> None:
    uids = {new_uid() for _ in range(100)}
    assert len(uids) == 100
    assert all(pydicom.uid.UID(uid).is_valid and uid.startswith("2.25.") for uid in uids)


def test_a_moment_is_written_as_dicom_writes_it() -> None:
    date, time = now()
    assert pydicom.valuerep.DA(date)
    assert pydicom.valuerep.TM(time)
    assert (len(date), len(time)) == (8, 13)


def test_each_kind_of_object_has_a_series_of_its_own() -> None:
    assert len(set(SeriesNumber)) == len(SeriesNumber.__members__)
    assert min(SeriesNumber) > 9000


def test_an_algorithm_is_identified() -> None:
    (item,) = DicomAlgorithm("unet", "0.3").identification()
    assert (item.AlgorithmName, item.AlgorithmVersion) == ("unet", "0.3")
    assert item.AlgorithmFamilyCodeSequence[0].CodeMeaning == "Artificial Intelligence"


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.66.4", new_uid()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    assert save_dicom(dataset, tmp_path / "deep" / "a.dcm") == tmp_path / "deep" / "a.dcm"
    read = pydicom.dcmread(tmp_path / "deep" / "a.dcm")
    assert read.SOPInstanceUID == dataset.SOPInstanceUID
    assert read.file_meta.ImplementationVersionName.startswith("ZONATE")
    del dataset.file_meta.TransferSyntaxUID
    with pytest.raises((AttributeError, ValueError)):
        save_dicom(dataset, tmp_path / "deep" / "b.dcm")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["a.dcm"]


@pytest.mark.parametrize("code", [LabelCode.BACKGROUND, LabelCode.NOT_ANNOTATED])
def test_what_is_no_structure_has_no_code(code: LabelCode) -> None:
    with pytest.raises(ValueError, match=code.name):
        coded_zone(code)


def test_the_codes_of_dicom_mean_what_they_are_said_to_mean() -> None:
    """Validators do not look: DCM 123109 passes for artificial intelligence, and is manual processing."""
    meanings = {code: meaning for of in concepts["DCM"].values() for code, (meaning, _) in of.items()}
    sources = [file.read_text(encoding="utf-8") for file in Path(zonate.io.__file__).parent.glob("*.py")]
    coded = r'\(\s*"(1\d{5})",\s*"DCM",\s*"([^"]+)"'
    found = dict(pair for text in sources for pair in re.findall(coded, text))
    assert {"123110", "126000"} <= set(found)
    assert found == {code: meanings[code] for code in found}
