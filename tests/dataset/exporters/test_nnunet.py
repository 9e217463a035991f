import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tests import foreign
from tests.dataset.synthetic import SETTINGS, labelled_case, store
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.importers import LAYOUTS, Listing
from zonate.dataset.index import write_index
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.verbs.export import export
from zonate.zones import ALL_ZONE_CODES, LabelCode

COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Dataset, Path]:
    """`a` trains with four zones and ADC, `b` validates with PZ and central gland, `c` tests, `e` is for evaluation."""
    coarse = labelled_case("b", 200.0, adc=True)
    assert coarse.labels is not None
    values = np.where(coarse.labels.values > 1, LabelCode.CENTRAL_GLAND, coarse.labels.values).astype(np.uint8)
    object.__setattr__(coarse, "labels", coarse.labels.with_values(values))
    placed = [
        PlacedRecord(store(tmp_path / "in", labelled_case("a", 100.0, adc=True), "P1"), "train"),
        PlacedRecord(store(tmp_path / "in", coarse, "P2", codes=COARSE), "validation"),
        PlacedRecord(store(tmp_path / "in", labelled_case("c", 300.0, adc=True), "P3"), "test"),
        PlacedRecord(store(tmp_path / "in", labelled_case("e", 400.0), "P4"), "evaluation"),
    ]
    write_index(tmp_path / "in", placed, SETTINGS)
    export(tmp_path / "in", tmp_path / "out", to="nnunet")
    return Dataset.open(tmp_path / "in"), tmp_path / "out" / "Dataset501_Zonate"


def test_the_folders_hold_what_their_names_say(exported: tuple[Dataset, Path]) -> None:
    _, root = exported
    names = {path.relative_to(root).as_posix() for path in root.rglob("*.nii.gz")}
    assert names == {
        "imagesTr/a_0000.nii.gz",
        "imagesTr/a_0001.nii.gz",
        "imagesTr/b_0000.nii.gz",
        "imagesTr/b_0001.nii.gz",
        "imagesTs/c_0000.nii.gz",
        "imagesTs/c_0001.nii.gz",
        "labelsTr/a.nii.gz",
        "labelsTr/b.nii.gz",
        "labelsTs/c.nii.gz",
    }
    assert json.loads((root / "splits_final.json").read_text(encoding="utf-8")) == [{"train": ["a"], "val": ["b"]}]


def test_dataset_json_names_channels_and_labels(exported: tuple[Dataset, Path]) -> None:
    about = json.loads((exported[1] / "dataset.json").read_text(encoding="utf-8"))
    assert about["channel_names"] == {"0": "T2W", "1": "ADC"}
    assert about["labels"] == {
        "background": 0,
        "peripheral_zone": 1,
        "transition_zone": 2,
        "distal_prostatic_urethra": 3,
        "anterior_fibromuscular_stroma": 4,
        "ignore": 5,
    }
    assert (about["numTraining"], about["file_ending"]) == (2, ".nii.gz")


def test_values_and_geometry_are_those_of_the_slices(exported: tuple[Dataset, Path]) -> None:
    dataset, root = exported
    slices = dataset.slices("b")
    image = sitk.ReadImage(str(root / "imagesTr" / "b_0000.nii.gz"))
    label = sitk.ReadImage(str(root / "labelsTr" / "b.nii.gz"))
    np.testing.assert_allclose(sitk.GetArrayFromImage(image), np.nan_to_num(slices.images[:, 0]))
    assert slices.labels is not None
    expected = np.where(slices.labels == LabelCode.CENTRAL_GLAND, 5, slices.labels)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(label), np.where(slices.labels == 255, 5, expected))
    assert image.GetSize() == label.GetSize()
    np.testing.assert_allclose(image.GetOrigin(), label.GetOrigin())


def test_what_is_left_out_and_what_is_to_be_done_is_said(tmp_path: Path) -> None:
    placed = [
        PlacedRecord(store(tmp_path / "in", labelled_case("a", 100.0, adc=True), "P1"), "train"),
        PlacedRecord(store(tmp_path / "in", labelled_case("b", 200.0), "P2"), "train"),
        PlacedRecord(store(tmp_path / "in", labelled_case("c", 300.0, adc=True), "P3"), "test"),
        PlacedRecord(store(tmp_path / "in", labelled_case("e", 400.0), "P4"), "evaluation"),
    ]
    write_index(tmp_path / "in", placed, SETTINGS)
    left_out, to_do = export(tmp_path / "in", tmp_path / "out", to="nnunet")
    # of DWI, which no case has, there is nothing to leave out
    assert (
        left_out == "ADC is not written, since it is absent in 1 of 3 cases, such as b: nnU-Net knows no absent channel"
    )
    assert "copy Dataset501_Zonate/splits_final.json to $nnUNet_preprocessed/Dataset501_Zonate/" in to_do


def test_it_comes_back_through_the_importer(exported: tuple[Dataset, Path]) -> None:
    train, validation, test = LAYOUTS["nnunet"].read(Listing(exported[1])).sources
    assert [train.side, validation.side, test.side] == [None, None, "test"]
    assert set(train.codes) == set(ALL_ZONE_CODES)
    assert train.labels[0].codes[5] == LabelCode.NOT_ANNOTATED


def test_a_dataset_without_training_cases_is_refused(tmp_path: Path) -> None:
    write_index(tmp_path / "in", [PlacedRecord(store(tmp_path / "in", labelled_case()), "evaluation")], SETTINGS)
    with pytest.raises(DatasetError, match="no training case"):
        export(tmp_path / "in", tmp_path / "out", to="nnunet")
    assert not (tmp_path / "out").exists()


def test_a_test_case_finer_than_all_that_train_is_told_at_their_level(tmp_path: Path) -> None:
    fine = labelled_case("c", 300.0)
    coarse = labelled_case("a", 100.0)
    assert coarse.labels is not None
    values = np.where(coarse.labels.values > 1, LabelCode.CENTRAL_GLAND, coarse.labels.values).astype(np.uint8)
    object.__setattr__(coarse, "labels", coarse.labels.with_values(values))
    placed = [
        PlacedRecord(store(tmp_path / "in", coarse, "P1", codes=COARSE), "train"),
        PlacedRecord(store(tmp_path / "in", fine, "P2"), "test"),
    ]
    write_index(tmp_path / "in", placed, SETTINGS)
    export(tmp_path / "in", tmp_path / "out", to="nnunet")
    root = tmp_path / "out" / "Dataset501_Zonate"
    labels = json.loads((root / "dataset.json").read_text(encoding="utf-8"))["labels"]
    assert {name: labels.get(name) for name in ("background", "peripheral_zone", "central_gland")} == {
        "background": 0,
        "peripheral_zone": 1,
        "central_gland": 2,
    }
    slices = Dataset.open(tmp_path / "in").slices("c")
    assert slices.labels is not None
    drawn = sitk.GetArrayFromImage(sitk.ReadImage(str(root / "labelsTs" / "c.nii.gz")))
    inside = slices.labels != LabelCode.NOT_ANNOTATED
    np.testing.assert_array_equal(drawn[inside], np.minimum(slices.labels, 2)[inside])  # TZ, DPU and AFS are 2


def test_no_class_is_declared_whose_border_nobody_drew(tmp_path: Path) -> None:
    """As in ProstateZones, where the urethra is drawn as CENTRAL_GLAND."""
    case = labelled_case("a", 100.0)
    assert case.labels is not None
    values = np.where(case.labels.values == LabelCode.DPU, LabelCode.CENTRAL_GLAND, case.labels.values)
    object.__setattr__(case, "labels", case.labels.with_values(values.astype(np.uint8)))
    codes = tuple(LabelCode(code) for code in (0, 1, 2, 4, 5))
    write_index(tmp_path / "in", [PlacedRecord(store(tmp_path / "in", case, codes=codes), "train")], SETTINGS)
    export(tmp_path / "in", tmp_path / "out", to="nnunet")
    root = tmp_path / "out" / "Dataset501_Zonate"
    labels = json.loads((root / "dataset.json").read_text(encoding="utf-8"))["labels"]
    assert labels.pop("ignore", 3) == 3  # beyond the image
    assert labels == {"background": 0, "peripheral_zone": 1, "central_gland": 2}
    drawn = sitk.GetArrayFromImage(sitk.ReadImage(str(root / "labelsTr" / "a.nii.gz")))
    assert np.bincount(drawn.ravel())[1:3].tolist() == [2, 6]  # of two slices: PZ; TZ, urethra and AFS


@pytest.mark.slow
def test_nnu_net_finds_no_fault_and_reads_the_same(exported: tuple[Dataset, Path]) -> None:
    dataset, root = exported
    found = foreign.ask("read_nnunet.py", root)
    assert (found["learnt"], found["ignore"]) == ([1, 2, 3, 4], 5)
    assert sorted(found["cases"]) == ["a", "b"]
    slices = dataset.slices("a")
    assert slices.labels is not None
    images = np.nan_to_num(slices.images[:, [0, 2]])  # (S, C, H, W): T2W and ADC
    assert found["cases"]["a"]["shape"] == [2, len(images), *images.shape[2:]]
    assert found["cases"]["a"]["spacing_mm"] == pytest.approx(slices.crop.grid.spacing_mm)
    assert found["cases"]["a"]["sum"] == pytest.approx(images.sum(dtype=np.float64))
    values, counts = np.unique(np.where(slices.labels == 255, 5, slices.labels), return_counts=True)
    assert found["cases"]["a"]["voxels"] == {str(v): n for v, n in zip(values, counts.tolist(), strict=True)}
