from pathlib import Path

import pytest

from benchmarks.accuracy.folds import check_same_folds, dataset_folder, learnable_rows, sides
from tests.dataset_factory import a_dataset
from zonate.config import Settings
from zonate.dataset.splits import Split
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.settings.data import SlicingSettings, SplitSettings

SIX: list[Split] = ["train"] * 6


def test_datasets_of_two_slicings_have_the_same_folds(tmp_path: Path) -> None:
    one = Dataset.open(a_dataset(tmp_path / "one", SIX))
    coarse = Settings().override(["slicing.spacing_mm=0.75"])
    other = Dataset.open(a_dataset(tmp_path / "other", SIX, settings=coarse))
    assert one.slicing != other.slicing
    check_same_folds([one, other])
    assert sorted(sides(one, 0).values()).count("test") == 2


def test_another_division_is_refused_by_name(tmp_path: Path) -> None:
    one = Dataset.open(a_dataset(tmp_path / "one", SIX))
    seed = Settings(split=SplitSettings(seed=7))
    other = Dataset.open(a_dataset(tmp_path / "other", SIX, settings=seed))
    with pytest.raises(DatasetError, match=r"fold 0: patient patient\d stands on \w+ in one and on \w+ in other"):
        check_same_folds([one, other])


def test_each_slicing_has_a_dataset_of_its_own(tmp_path: Path) -> None:
    assert dataset_folder(tmp_path, SlicingSettings(size_px=256, spacing_mm=0.75)) == (
        tmp_path / "datasets" / "256px-0.75mm"
    )


def test_what_is_only_for_evaluation_is_not_learnt_from(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("case_id,t2w,dwi,use\na,a.nii,,any\nb,b.nii,,evaluation\nc,/c.nii,,\n", encoding="utf-8")
    assert learnable_rows(manifest) == [
        {"case_id": "a", "t2w": str((tmp_path / "a.nii").resolve()), "dwi": "", "use": "any"},
        {"case_id": "c", "t2w": "/c.nii", "dwi": "", "use": ""},
    ]
    with pytest.raises(DatasetError, match="reproduce-the-benchmark"):
        learnable_rows(tmp_path / "absent.csv")
