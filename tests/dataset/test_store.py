import json
import multiprocessing
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.dataset.synthetic import SETTINGS, grid, labelled_case, store
from zonate.dataset import index as index_module
from zonate.dataset.cases import read_record
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.splits import Split
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError, DatasetError, LeakageError
from zonate.zones import ALL_ZONE_CODES, LabelCode

SPLITS: dict[str, Split] = {"a": "train", "b": "train", "c": "validation", "d": "test", "e": "evaluation"}


def made(path: Path) -> Path:
    """Five cases at the levels 100 to 500, of which a and b train."""
    records = []
    for i, (case_id, split) in enumerate(SPLITS.items(), start=1):
        case = labelled_case(case_id, level=100.0 * i, adc=case_id == "b")
        records.append(PlacedRecord(store(path, case, patient_id=f"P-{case_id}"), split))
    write_index(path, records, SETTINGS)
    return path


def test_the_entries_say_what_each_case_is(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    assert [entry.case_id for entry in dataset.entries] == ["a", "b", "c", "d", "e"]
    entry = dataset.entry("b")
    assert (entry.patient_id, entry.slices, entry.split) == ("P-b", 2, "train")
    assert entry.codes == ALL_ZONE_CODES
    assert all(isinstance(code, LabelCode) for code in entry.codes)
    assert entry.channels_present == (True, False, True)
    assert (entry.dataset, entry.licence) == ("made here", "CC0")
    assert entry.gland_volume_ml == pytest.approx(0.006)
    assert entry.statistics.mean == (200.5, 0.0, 2005.0)
    assert dataset.slicing == SETTINGS.slicing
    assert dataset.alignment == SETTINGS.alignment
    assert dataset.reading == SETTINGS.reading
    assert dataset.splitting == SETTINGS.split


def test_the_statistics_come_from_training_patients_only(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    assert dataset.statistics.mean == (150.5, 0.0, 2005.0)  # 100, 101 of a and 200, 201 of b
    assert dataset.statistics.std[0] == pytest.approx(np.sqrt(50**2 + 0.5**2))
    assert dataset.statistics.std[1:] == (1.0, 5.0)


def test_a_side_is_listed_by_name(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    assert [entry.case_id for entry in dataset.split("train")] == ["a", "b"]
    assert [entry.case_id for entry in dataset.split("evaluation")] == ["e"]
    with pytest.raises(ValueError, match="choose one of train, validation, test, evaluation"):
        dataset.split("tests")  # type: ignore[arg-type]


def test_a_slice_is_raw_with_nan(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    image, labels = dataset.slice("a", 1)
    assert image.shape == (3, 8, 8)
    assert image.dtype == np.float32
    assert labels.shape == (8, 8)
    assert labels.dtype == np.uint8
    assert (image[0] == 100.0).all()
    assert np.isnan(image[1:]).all()
    assert labels[3:5, 3:5].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(IndexError):
        dataset.slice("a", 2)
    with pytest.raises(DatasetError, match="has no case z"):
        dataset.slice("z", 0)


def test_labels_are_read_without_the_images(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    shutil.rmtree(tmp_path / "cases" / "a" / "images")
    labels = dataset.labels("a")
    assert labels.shape == (2, 8, 8)
    assert labels.dtype == np.uint8
    assert labels[1, 3:5, 3:5].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(DatasetError, match="has no case z"):
        dataset.labels("z")


def test_a_case_comes_back_with_its_grids(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    slices = dataset.slices("b")
    assert slices.case_id == "b"
    assert slices.images.shape == (2, 3, 8, 8)
    assert slices.labels is not None
    np.testing.assert_array_equal(dataset.labels("b"), slices.labels)
    assert slices.channels_present == (True, False, True)
    assert slices.original.same_as(grid())
    assert slices.crop.size_px == 8
    reference = dataset.reference("b")
    case = labelled_case("b")
    assert case.labels is not None
    np.testing.assert_array_equal(reference.values, case.labels.values)
    assert reference.values.dtype == np.uint8
    assert reference.grid.same_as(grid())


def test_it_can_be_read_from_other_processes(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    dataset.slice("a", 0)
    again = pickle.loads(pickle.dumps(dataset))  # noqa: S301
    assert again.fingerprint == dataset.fingerprint
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        image, _ = pool.apply(dataset.slice, ("a", 1))
    assert image[0, 0, 0] == 100.0


def test_the_fingerprint_follows_what_could_change_the_learning(tmp_path: Path) -> None:
    first = Dataset.open(made(tmp_path / "1")).fingerprint
    assert Dataset.open(made(tmp_path / "2")).fingerprint == first
    swapped: list[Any] = []
    for case_id, split in SPLITS.items():
        record = read_record(tmp_path / "2", case_id)
        assert record is not None
        swapped.append(PlacedRecord(record, {"validation": "test", "test": "validation"}.get(split, split)))  # type: ignore[arg-type]
    write_index(tmp_path / "2", swapped, SETTINGS)
    assert Dataset.open(tmp_path / "2").fingerprint != first


def test_an_index_without_training_patients_normalises_nothing(tmp_path: Path) -> None:
    write_index(tmp_path, [PlacedRecord(store(tmp_path, labelled_case()), "evaluation")], SETTINGS)
    assert Dataset.open(tmp_path).statistics.std == (1.0, 1.0, 1.0)


def test_a_patient_on_two_sides_is_refused_when_written_and_when_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[Any] = [
        PlacedRecord(store(tmp_path, labelled_case("a"), "P1"), "train"),
        PlacedRecord(store(tmp_path, labelled_case("b"), "P1"), "test"),
    ]
    with pytest.raises(LeakageError, match=r"P1 \(train: case a, test: case b\)"):
        write_index(tmp_path, records, SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(index_module, "check_no_leakage", lambda _: None)
        write_index(tmp_path, records, SETTINGS)
    with pytest.raises(LeakageError, match=r"P1 \(train: case a, test: case b\)"):
        Dataset.open(tmp_path)


def test_a_dataset_of_before_there_were_made_cases_opens_and_keeps_its_fingerprint(tmp_path: Path) -> None:
    dataset = Dataset.open(made(tmp_path))
    assert all("derived_from" not in entry.to_json() for entry in dataset.entries)
    assert {entry.derived_from for entry in dataset.entries} == {()}
    group = zarr.open_group(tmp_path / "cases" / "a", mode="a")
    del group.attrs["derived_from"]  # as an earlier version wrote it
    assert Dataset.open(tmp_path).record("a").origin.derived_from == ()


def test_a_made_case_keeps_whom_it_was_made_from_and_may_not_leave_their_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = store(tmp_path, labelled_case("a"), "P1")
    made_case = store(tmp_path, labelled_case("m", level=7.0), "made", derived_from=("P1", "P2"))
    both: list[Any] = [PlacedRecord(lent, "train"), PlacedRecord(made_case, "train")]
    write_index(tmp_path, both, SETTINGS)
    entry = Dataset.open(tmp_path).entry("m")
    assert entry.derived_from == ("P1", "P2")
    assert entry.patients == ("made", "P1", "P2")
    assert not entry.stands_aside
    one_name = replace(both[1], derived_from=("P0",))  # P1 and P2 turned out to be P0
    write_index(tmp_path, [both[0], one_name], SETTINGS)
    assert Dataset.open(tmp_path).entry("m").derived_from == ("P0",)
    leak = r"P1 \(train: case m made from this patient, test: case a\)"
    with pytest.raises(LeakageError, match=leak):
        write_index(tmp_path, [PlacedRecord(lent, "test"), both[1]], SETTINGS)
    with monkeypatch.context() as patch:
        patch.setattr(index_module, "check_no_leakage", lambda _: None)
        write_index(tmp_path, [PlacedRecord(lent, "test"), both[1]], SETTINGS)
    with pytest.raises(LeakageError, match=leak):
        Dataset.open(tmp_path)


def test_a_made_case_that_stands_aside_in_one_fold_trains_in_another(tmp_path: Path) -> None:
    settings = SETTINGS.override(["split.folds=3", "split.validation_fraction=0"])
    placed = [
        PlacedRecord(store(tmp_path, labelled_case(f"c{i}", level=100.0 * (i + 1)), f"P{i}"), "train") for i in range(3)
    ]
    lent = store(tmp_path, labelled_case("m", level=900.0), "made", derived_from=("P0",))
    evaluated = store(tmp_path, labelled_case("e", level=800.0), "other", derived_from=("P0",), use="evaluation")
    placed += [PlacedRecord(lent, "train", given_side="train"), PlacedRecord(evaluated, "evaluation")]
    write_index(tmp_path, placed, settings)
    dataset = Dataset.open(tmp_path)
    tests_p0 = next(k for k in range(3) if dataset.folded(k).entry("c0").split == "test")
    view = dataset.folded(tests_p0)
    assert view.entry("m").split == "evaluation"
    assert [entry.case_id for entry in view.entries if entry.stands_aside] == ["m"]
    assert view.statistics.mean[0] == pytest.approx(250.5)  # of 200 and 300, without the 900 of m
    assert dataset.folded((tests_p0 + 1) % 3).entry("m").split == "train"

    in_fold = [replace(one, split=view.entry(one.record.case_id).split) for one in placed]
    write_index(tmp_path, in_fold, settings.override([f"split.fold={tests_p0}"]))  # as prepared for this fold
    again = Dataset.open(tmp_path)
    assert [entry.split for entry in again.folded(tests_p0).entries] == [entry.split for entry in view.entries]
    other = again.folded((tests_p0 + 1) % 3)
    assert (other.entry("m").split, other.entry("e").split) == ("train", "evaluation")


def _edit(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(path: Path) -> None:
        index = json.loads((path / "dataset.json").read_text(encoding="utf-8"))
        change(index)
        (path / "dataset.json").write_text(json.dumps(index), encoding="utf-8")

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "dataset.json").unlink(), "is not a complete dataset: it has no dataset.json"),
        (lambda path: (path / "dataset.json").write_text("{", encoding="utf-8"), "is damaged"),
        (lambda path: (path / "dataset.json").write_text("[]", encoding="utf-8"), "is damaged"),
        (
            lambda path: (path / "dataset.json").write_bytes(b'{"format": "\xff\xfe"}'),
            r"/dataset\.json is damaged: run `zonate prepare`",
        ),
        (_edit(lambda index: index.pop("settings")), "is damaged"),
        (_edit(lambda index: index["entries"][0].pop("split")), "is damaged"),
        (_edit(lambda index: index.update(format_version=3)), "of version 3; this Zonate reads .* of version 2"),
        (lambda path: shutil.rmtree(path / "cases" / "c"), "has lost or changed the cases c"),
        (lambda path: store(path, labelled_case("c", level=1.0)), "has lost or changed the cases c"),
    ],
)
def test_what_is_not_a_complete_dataset_is_refused_with_what_to_do(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(made(tmp_path))
    with pytest.raises(DatasetError, match=f"{message}.*") as error:
        Dataset.open(tmp_path)
    assert "prepare" in str(error.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not a complete dataset"):
        Dataset.open(tmp_path / "nowhere")


def test_the_cases_can_be_read_by_any_zarr_reader(tmp_path: Path) -> None:
    made(tmp_path)
    assert json.loads((tmp_path / "cases" / "a" / "zarr.json").read_text(encoding="utf-8"))["zarr_format"] == 3
    assert zarr.open_array(tmp_path / "cases" / "a" / "labels", mode="r")[0, 3, 3] == 1


def test_each_fold_leaves_its_patients_out_and_takes_statistics_from_the_rest(tmp_path: Path) -> None:
    placed = [
        PlacedRecord(store(tmp_path, labelled_case(f"c{i}", level=100.0 * (i + 1)), f"P{i}"), "train") for i in range(6)
    ]
    evaluated = store(tmp_path, labelled_case("e", level=900.0), "P9")
    official = store(tmp_path, labelled_case("o", level=800.0), "P8")
    placed += [PlacedRecord(evaluated, "evaluation"), PlacedRecord(official, "test", given_side="test")]
    write_index(tmp_path, placed, SETTINGS.override(["split.folds=3", "split.validation_fraction=0"]))
    dataset = Dataset.open(tmp_path)
    tested: list[str] = []
    for fold in range(3):
        view = dataset.folded(fold)
        left_out = [entry.case_id for entry in view.split("test")]
        assert [entry.case_id for entry in view.split("evaluation")] == ["e", "o"]
        levels = [100.0 * (int(entry.case_id[1:]) + 1) + 0.5 for entry in view.split("train")]
        assert len(levels) == 4
        assert view.statistics.mean[0] == pytest.approx(np.mean(levels))
        assert view.fingerprint not in (dataset.fingerprint, dataset.folded((fold + 1) % 3).fingerprint)
        tested += left_out
    assert sorted(tested) == ["c0", "c1", "c2", "c3", "c4", "c5"]
    assert [entry.case_id for entry in dataset.split("test")] == ["o"]
    assert {entry.split for entry in dataset.entries[:6]} == {"train"}  # the dataset itself is as it was
    with pytest.raises(ConfigError, match=r"there is no fold 3: .* has folds 0 to 2"):
        dataset.folded(3)
