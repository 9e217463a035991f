from pathlib import Path

import pytest

from zonate.dataset.importers import LAYOUTS, Listing
from zonate.dataset.importers.seed import read_seed
from zonate.errors import DatasetError
from zonate.study import Sequence
from zonate.zones import LabelCode


def patient(root: Path, name: str, *folders: str) -> Path:
    for folder in folders:
        (root / name / folder).mkdir(parents=True)
    return root / name


def test_a_folder_named_by_a_number_is_a_patient(tmp_path: Path) -> None:
    patient(tmp_path, "107", "T2W", "DWI", "ADC", "label")
    patient(tmp_path, "9", "T2W", "DWI", "ADC", "label")
    patient(tmp_path, "notes", "T2W")
    nine, source = read_seed(Listing(tmp_path)).sources
    assert (nine.case_id, source.case_id, source.patient_id) == ("9", "107", "107")
    assert source.inputs == {role: tmp_path / "107" / role.name for role in Sequence}
    (layer,) = source.labels
    assert layer.path == tmp_path / "107" / "label" / "Segmentation.nrrd"
    assert layer.codes == {code: LabelCode(code) for code in range(5)}
    assert (source.use, source.notes) == ("any", ())
    assert LAYOUTS["seed"].read is read_seed
    assert LAYOUTS["seed"].recognise(Listing(tmp_path))


def test_a_missing_channel_is_named_and_what_is_needed_stays_asked_for(tmp_path: Path) -> None:
    patient(tmp_path, "1", "DWI")
    (source,) = read_seed(Listing(tmp_path)).sources
    assert source.inputs == {Sequence.T2W: tmp_path / "1" / "T2W", Sequence.DWI: tmp_path / "1" / "DWI"}
    assert source.notes == ("there is no folder ADC: the channel is absent",)
    assert source.labels[0].path == tmp_path / "1" / "label" / "Segmentation.nrrd"


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    patient(tmp_path, "ProstateX-0000", "T2W")
    assert not LAYOUTS["seed"].recognise(Listing(tmp_path))
    with pytest.raises(DatasetError, match="no folder named by a number"):
        read_seed(Listing(tmp_path))
    with pytest.raises(DatasetError, match="no folder named by a number"):
        read_seed(Listing(tmp_path / "nowhere"))
