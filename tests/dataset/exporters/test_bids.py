import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests import foreign
from tests.dataset.synthetic import SETTINGS, labelled_case, store
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.store import Dataset
from zonate.io.nifti import read_volume
from zonate.verbs.export import export


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Dataset, Path]:
    """Two cases of one patient, and patients whose names differ in signs alone."""
    patients = {"a": "P-1", "b": "P-1", "c": "P1", "d": "Q_7"}
    placed = [
        PlacedRecord(store(tmp_path / "in", labelled_case(case_id, 100.0 + i), patient), "train")
        for i, (case_id, patient) in enumerate(patients.items())
    ]
    write_index(tmp_path / "in", placed, SETTINGS)
    export(tmp_path / "in", tmp_path / "out", to="bids")
    return Dataset.open(tmp_path / "in"), tmp_path / "out"


def test_each_patient_is_a_subject_and_further_cases_are_runs(exported: tuple[Dataset, Path]) -> None:
    names = {path.relative_to(exported[1]).as_posix() for path in exported[1].rglob("*.nii.gz")}
    assert names == {
        "sub-P1/anat/sub-P1_run-1_desc-zones_dseg.nii.gz",
        "sub-P1/anat/sub-P1_run-2_desc-zones_dseg.nii.gz",
        "sub-P1x2/anat/sub-P1x2_desc-zones_dseg.nii.gz",
        "sub-Q7/anat/sub-Q7_desc-zones_dseg.nii.gz",
    }
    with (exported[1] / "cases.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["filename"], row["case_id"]) for row in rows] == [
        ("sub-P1/anat/sub-P1_run-1_desc-zones_dseg.nii.gz", "a"),
        ("sub-P1/anat/sub-P1_run-2_desc-zones_dseg.nii.gz", "b"),
        ("sub-P1x2/anat/sub-P1x2_desc-zones_dseg.nii.gz", "c"),
        ("sub-Q7/anat/sub-Q7_desc-zones_dseg.nii.gz", "d"),
    ]


def test_labels_lie_on_the_grid_that_they_were_drawn_on(exported: tuple[Dataset, Path]) -> None:
    dataset, root = exported
    volume = read_volume(root / "sub-Q7" / "anat" / "sub-Q7_desc-zones_dseg.nii.gz")
    reference = dataset.reference("d")
    np.testing.assert_array_equal(volume.values, reference.values)
    assert volume.grid.same_as(reference.grid, tolerance_mm=1e-3)


def test_the_codes_are_explained(exported: tuple[Dataset, Path]) -> None:
    with (exported[1] / "desc-zones_dseg.tsv").open(encoding="utf-8") as file:
        rows = {row["index"]: row for row in csv.DictReader(file, delimiter="\t")}
    assert (rows["1"]["name"], rows["1"]["color"], rows["1"]["mapping"]) == (
        "peripheral zone",
        "#56b4e9",
        "SCT:279706003",
    )
    assert rows["5"]["name"] == "central gland: TZ, DPU, AFS"
    about = json.loads((exported[1] / "dataset_description.json").read_text(encoding="utf-8"))
    assert (about["DatasetType"], about["BIDSVersion"], about["GeneratedBy"][0]["Name"]) == (
        "derivative",
        "1.9.0",
        "zonate",
    )


@pytest.mark.slow
def test_pybids_finds_every_segmentation_and_reads_the_same(exported: tuple[Dataset, Path]) -> None:
    dataset, root = exported
    found = foreign.ask("read_bids.py", root)
    assert {name: (of["subject"], of["run"]) for name, of in found.items()} == {
        "sub-P1_run-1_desc-zones_dseg.nii.gz": ("P1", 1),
        "sub-P1_run-2_desc-zones_dseg.nii.gz": ("P1", 2),
        "sub-P1x2_desc-zones_dseg.nii.gz": ("P1x2", None),
        "sub-Q7_desc-zones_dseg.nii.gz": ("Q7", None),
    }
    last = found["sub-Q7_desc-zones_dseg.nii.gz"]
    values, counts = np.unique(dataset.reference("d").values, return_counts=True)
    assert last["voxels"] == {str(v): n for v, n in zip(values, counts.tolist(), strict=True)}
    assert last["licence"] == "CC0"
