from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from tests.dataset.synthetic import labelled_case, store
from zonate.dataset.cases import COMPLETE, case_folder, content_of, read_record
from zonate.io.files import remove_half_written


def group_of(dataset: Path, case_id: str = "a") -> Any:
    """A case as any reader of Zarr sees it."""
    return zarr.open_group(dataset / "cases" / case_id, mode="r", zarr_format=3)


def test_a_case_is_a_zarr_3_group_chunked_by_slice(tmp_path: Path) -> None:
    store(tmp_path, labelled_case())
    group = group_of(tmp_path)
    images, labels, reference = group["images"], group["labels"], group["reference"]
    assert images.shards == (2, 3, 8, 8)
    assert (images.shape, images.chunks, images.dtype) == ((2, 3, 8, 8), (1, 3, 8, 8), np.float32)
    assert (labels.shape, labels.chunks, labels.dtype) == ((2, 8, 8), (1, 8, 8), np.uint8)
    assert (reference.shape, reference.chunks, reference.dtype) == ((2, 10, 10), (1, 10, 10), np.uint8)
    assert images.metadata.dimension_names == ("S", "C", "H", "W")
    assert [codec.__class__.__name__ for codec in images.compressors] == ["ZstdCodec"]


def test_absent_channels_are_nan_and_labels_are_codes(tmp_path: Path) -> None:
    record = store(tmp_path, labelled_case(adc=True))
    group = group_of(tmp_path)
    images = group["images"][...]
    assert np.isnan(images[:, 1]).all()
    assert images[0, 0, 0, 0] == 101.0  # the last stored slice is the most inferior, so comes first
    assert images[0, 2, 0, 0] == 1010.0
    assert group["labels"][0, 3:5, 3:5].tolist() == [[1, 2], [3, 4]]
    assert record.channels_present == (True, False, True)


def test_a_case_is_seven_files_whatever_its_slices(tmp_path: Path) -> None:
    store(tmp_path, labelled_case(slices=5))
    folder = tmp_path / "cases" / "a"
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) == [
        "images/c.0.0.0.0",
        "images/zarr.json",
        "labels/c.0.0.0",
        "labels/zarr.json",
        "reference/c.0.0.0",
        "reference/zarr.json",
        "zarr.json",
    ]


def test_a_shard_is_written_where_nothing_was_drawn_too(tmp_path: Path) -> None:
    case = labelled_case()
    assert case.labels is not None
    store(tmp_path, replace(case, labels=case.labels.with_values(np.full((2, 10, 10), 255, dtype=np.uint8))))
    assert (tmp_path / "cases" / "a" / "labels" / "c.0.0.0").is_file()


def test_a_missing_chunk_is_not_background(tmp_path: Path) -> None:
    store(tmp_path, labelled_case())
    for shard in (tmp_path / "cases" / "a").glob("*/c.*"):
        shard.unlink()
    group = group_of(tmp_path)
    assert (group["labels"][0] == 255).all()
    assert np.isnan(group["images"][0]).all()


def test_the_record_says_all_that_is_known(tmp_path: Path) -> None:
    case = labelled_case()
    written = store(tmp_path, case, use="evaluation")
    record = read_record(tmp_path, "a")
    assert record is not None
    assert record.origin == written.origin
    assert record.origin.use == "evaluation"
    assert record.original.same_as(case.t2w.grid)
    assert record.original.frame_of_reference == "1.2.840.1"
    assert record.crop.grid.same_as(written.crop.grid)
    assert record.moments.count == (128, 0, 0)
    assert record.moments.statistics.mean == (100.5, 0.0, 0.0)
    assert record.moments.statistics.std == (0.5, 1.0, 1.0)
    assert record.gland_volume_ml == pytest.approx(8 * 0.75 / 1000)
    assert record.content == written.content == content_of(tmp_path, "a")
    assert record.region_statistics == record.moments.statistics  # slices of 4 mm lie within 50 mm of their middle
    attributes = dict(group_of(tmp_path).attrs)
    for name in (
        "case_id",
        "patient_id",
        "codes",
        "grids",
        "channels_present",
        "gland_volume_ml",
        "licence",
        "dataset",
    ):
        assert name in attributes
    assert attributes["statistics"] == {"mean": [100.5, 0.0, 0.0], "std": [0.5, 1.0, 1.0]}
    assert attributes["codes"] == ["BACKGROUND", "PZ", "TZ", "DPU", "AFS"]
    assert attributes[COMPLETE] is True


def test_without_its_marker_a_case_is_not_there(tmp_path: Path) -> None:
    store(tmp_path, labelled_case())
    zarr.open_group(tmp_path / "cases" / "a", mode="a").attrs[COMPLETE] = False
    assert read_record(tmp_path, "a") is None
    assert read_record(tmp_path, "b") is None


def test_a_case_of_another_format_is_not_there(tmp_path: Path) -> None:
    store(tmp_path, labelled_case())
    zarr.open_group(tmp_path / "cases" / "a", mode="a").attrs["format_version"] = 99
    assert read_record(tmp_path, "a") is None


def test_damaged_metadata_are_not_there(tmp_path: Path) -> None:
    store(tmp_path, labelled_case())
    (tmp_path / "cases" / "a" / "zarr.json").write_text("{", encoding="utf-8")
    assert read_record(tmp_path, "a") is None
    assert content_of(tmp_path, "a") is None


@pytest.mark.parametrize("killed_at", ["images", "marker"])
def test_a_write_that_is_killed_leaves_the_old_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    old = store(tmp_path, labelled_case(level=1.0))

    def killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    name = "create_array" if killed_at == "images" else "update_attributes"
    monkeypatch.setattr(zarr.Group, name, killed)
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, labelled_case(level=2.0))
    monkeypatch.undo()
    found = read_record(tmp_path, "a")
    assert found is not None
    assert found.content == old.content
    assert [folder.name for folder in (tmp_path / "cases").iterdir()] == ["a"]


def test_a_case_is_whole_when_its_writer_is_killed_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = store(tmp_path, labelled_case(level=1.0))
    new_content = store(tmp_path / "elsewhere", labelled_case(level=2.0)).content
    rename, renamed = Path.replace, list[str]()

    def killed_at_the_third(self: Path, to: Path) -> Path:
        if to.parent == tmp_path / "cases":  # others are Zarr's own
            renamed.append(to.name)
        if len(renamed) > 2:
            raise KeyboardInterrupt
        return rename(self, to)

    monkeypatch.setattr(Path, "replace", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        store(tmp_path, labelled_case(level=2.0))
    monkeypatch.undo()
    assert content_of(tmp_path, "a") is None
    remove_half_written(tmp_path / "cases", {"a"})
    assert content_of(tmp_path, "a") == old.content != new_content
    assert zarr.open_group(tmp_path / "cases" / "a", mode="r")["images"][0, 0, 0, 0] == 2.0  # slice 1 comes first
    assert [folder.name for folder in (tmp_path / "cases").iterdir()] == ["a"]


def test_a_case_is_replaced_whole(tmp_path: Path) -> None:
    store(tmp_path, labelled_case(slices=5))
    store(tmp_path, labelled_case(slices=2))
    assert group_of(tmp_path)["images"].shape[0] == 2
    assert sorted(file.name for file in (case_folder(tmp_path, "a") / "labels").iterdir()) == ["c.0.0.0", "zarr.json"]


def test_the_digest_follows_the_pixels_alone(tmp_path: Path) -> None:
    first = store(tmp_path / "1", labelled_case())
    again = store(tmp_path / "2", labelled_case(), source_key="other")
    other = store(tmp_path / "3", labelled_case(level=100.5))
    assert first.content == again.content != other.content
