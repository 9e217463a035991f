import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.dataset.synthetic import SETTINGS, labelled_case, store
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.exporters import npy as module
from zonate.dataset.index import write_index
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError, OutputError
from zonate.verbs.export import export
from zonate.zones import LabelCode


def dataset(path: Path) -> Path:
    """`a` trains, without DWI and ADC; `b` tests, with ADC; `c` knows the central gland only."""
    coarse = labelled_case("c", 300.0)
    assert coarse.labels is not None
    values = np.where(coarse.labels.values > 1, LabelCode.CENTRAL_GLAND, coarse.labels.values).astype(np.uint8)
    values[:, 1, 1] = LabelCode.NOT_ANNOTATED
    object.__setattr__(coarse, "labels", coarse.labels.with_values(values))
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    a = store(path, labelled_case("a", 100.0), "P1")
    b = store(path, labelled_case("b", 200.0, slices=3, adc=True), "P2", reader="r1", image_id="one")
    c = store(path, coarse, "P3", codes=codes)
    write_index(path, [PlacedRecord(a, "train"), PlacedRecord(b, "test"), PlacedRecord(c, "evaluation")], SETTINGS)
    return path


def test_images_and_labels_have_the_described_shapes(tmp_path: Path) -> None:
    export(dataset(tmp_path / "in"), tmp_path / "out")
    names = ["channels.npy", "codes.npy", "images.npy", "index.csv", "labels.npy", "statistics.json"]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == names
    images, labels, codes, channels = (
        np.load(tmp_path / "out" / f"{name}.npy") for name in ("images", "labels", "codes", "channels")
    )
    assert (images.shape, images.dtype) == ((7, 8, 8, 3), np.float32)
    assert (labels.shape, labels.dtype) == ((7, 8, 8, 5), np.uint8)
    assert (codes.shape, codes.dtype) == ((7, 8, 8), np.uint8)
    assert (channels.shape, channels.dtype) == ((7, 3), np.bool_)


def test_images_are_normalised_and_absent_channels_are_0_and_marked(tmp_path: Path) -> None:
    export(dataset(tmp_path / "in"), tmp_path / "out")
    images, channels = np.load(tmp_path / "out" / "images.npy"), np.load(tmp_path / "out" / "channels.npy")
    # T2W of the training case is 100 and 101: mean 100.5, deviation 0.5
    assert images[:2, 0, 0, 0].tolist() == [1.0, -1.0]
    assert images[2, 0, 0, 0] == (202 - 100.5) / 0.5
    assert (images[:, :, :, 1] == 0).all()
    assert (images[:2, :, :, 2] == 0).all()
    assert images[2, 0, 0, 2] == 2020.0  # no training case has ADC: mean 0, deviation 1
    assert channels.tolist() == [[True, False, False]] * 2 + [[True, False, True]] * 3 + [[True, False, False]] * 2


def test_labels_are_membership(tmp_path: Path) -> None:
    export(dataset(tmp_path / "in"), tmp_path / "out")
    labels, codes = np.load(tmp_path / "out" / "labels.npy"), np.load(tmp_path / "out" / "codes.npy")
    assert labels[0, 0, 0].tolist() == [1, 0, 0, 0, 0]
    assert labels[0, 3, 3].tolist() == [0, 1, 0, 0, 0]
    assert labels[0, 4, 4].tolist() == [0, 0, 0, 0, 1]
    assert codes[5, 3:5, 3:5].tolist() == [[1, 5], [5, 5]]
    assert labels[5, 3, 4].tolist() == [0, 0, 1, 1, 1]  # the central gland
    assert codes[5, 0, 0] == 255
    assert labels[5, 0, 0].tolist() == [0, 0, 0, 0, 0]  # not annotated
    assert (labels[:5].sum(axis=-1) == 1).all()


def test_the_index_says_whose_each_row_is(tmp_path: Path) -> None:
    export(dataset(tmp_path / "in"), tmp_path / "out")
    with (tmp_path / "out" / "index.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["row", "case_id", "patient_id", "slice", "split", "dataset", "reader", "image_id"],
        ["0", "a", "P1", "0", "train", "made here", "", ""],
        ["1", "a", "P1", "1", "train", "made here", "", ""],
        ["2", "b", "P2", "0", "test", "made here", "r1", "one"],
        ["3", "b", "P2", "1", "test", "made here", "r1", "one"],
        ["4", "b", "P2", "2", "test", "made here", "r1", "one"],
        ["5", "c", "P3", "0", "evaluation", "made here", "", ""],
        ["6", "c", "P3", "1", "evaluation", "made here", "", ""],
    ]


def test_the_statistics_are_those_of_the_dataset(tmp_path: Path) -> None:
    export(dataset(tmp_path / "in"), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "statistics.json").read_text(encoding="utf-8"))
    assert written["mean"] == [100.5, 0.0, 0.0]
    assert written["std"] == [0.5, 1.0, 1.0]
    assert written["channels"] == ["T2W", "DWI", "ADC"]
    assert written["zones"] == ["BACKGROUND", "PZ", "TZ", "DPU", "AFS"]
    assert written["dataset_fingerprint"] == Dataset.open(tmp_path / "in").fingerprint


def test_an_output_that_holds_something_is_refused_unless_told(tmp_path: Path) -> None:
    dataset(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()
    with pytest.raises(OutputError, match="holds results"):
        export(tmp_path / "in", tmp_path / "out")
    export(tmp_path / "in", tmp_path / "out", overwrite=True)
    assert not (tmp_path / "out" / "old").exists()


def test_a_killed_export_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset(tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").touch()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_write_index", killed)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "in", tmp_path / "out", overwrite=True)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["old"]
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["in", "out"]


def test_progress_is_told_case_by_case(tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    export(dataset(tmp_path / "in"), tmp_path / "out", progress=lambda *step: steps.append(step))
    assert steps == [(1, 3, "a"), (2, 3, "b"), (3, 3, "c")]


def test_another_form_or_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="choose one of bids, nnunet, npy"):
        export(tmp_path, tmp_path / "out", to="tar")
    with pytest.raises(DatasetError, match="not a complete dataset"):
        export(tmp_path, tmp_path / "out")
