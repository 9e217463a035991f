from pathlib import Path

import pytest

from tests.dataset_factory import COARSE, a_dataset
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.training.taught import taught_by
from zonate.zones import LabelCode


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(a_dataset(tmp_path_factory.mktemp("data") / "set"))


def test_what_two_train_and_one_chooses_by(dataset: Dataset) -> None:
    taught = taught_by(dataset)
    assert taught.codes == COARSE
    assert taught.channels == (True, False, False)
    (source,) = taught.provenance["sources"]
    assert (source["dataset"], source["splits"]) == ("made by a test", {"train": 2, "validation": 1})
    assert {key: value for key, value in taught.provenance.items() if key != "sources"} == {
        "datasets": ["made by a test"],
        "licences": ["CC0-1.0"],
        "training_cases": 2,
        "training_slices": 4,
        "training_patients": ["patient0", "patient1"],
        "validation_cases": 1,
        "validation_patients": ["patient2"],
        "images_sha256": sorted(dataset.image_digest(f"case{number}") for number in range(3)),
        "dataset_fingerprint": dataset.fingerprint,
    }


def test_a_model_announces_no_zone_whose_border_nobody_drew(tmp_path: Path) -> None:
    """As in ProstateZones, where the urethra is drawn as CENTRAL_GLAND."""
    codes = tuple(LabelCode(code) for code in (0, 1, 2, 4, 5))
    assert taught_by(Dataset.open(a_dataset(tmp_path / "zones", ("train",), codes=codes))).codes == COARSE
    codes = tuple(LabelCode(code) for code in (0, 1, 6))
    coarse = taught_by(Dataset.open(a_dataset(tmp_path / "gland", ("train",), codes=codes))).codes
    assert coarse == (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)


def test_labels_without_background_teach_nothing(tmp_path: Path) -> None:
    zones = a_dataset(tmp_path, ("train",), codes=(LabelCode.PZ, LabelCode.CENTRAL_GLAND))
    with pytest.raises(DatasetError, match=r"tell apart PZ, CENTRAL_GLAND but no BACKGROUND"):
        taught_by(Dataset.open(zones))


def test_a_dataset_with_nobody_to_train_on_is_refused(tmp_path: Path) -> None:
    nobody = Dataset.open(a_dataset(tmp_path, ("validation",)))
    with pytest.raises(DatasetError, match="has no training patient"):
        taught_by(nobody)
