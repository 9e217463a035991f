import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from tests.dataset.importers import trees
from tests.dataset.synthetic import SETTINGS, labelled_case
from tests.verbs.synthetic import all_files, write_cohort, write_manifest, write_study
from zonate.case import Case
from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.errors import CorruptSeriesError, DatasetError, LeakageError, OutputError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.load import load_case
from zonate.segmenter import Segmenter
from zonate.study import Sequence
from zonate.verbs import prepare as module
from zonate.verbs import prepare_case
from zonate.verbs.prepare import prepare
from zonate.zones import ALL_ZONE_CODES, LabelCode


def test_studies_with_labels_become_a_dataset(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in")
    steps: list[tuple[int, int, str]] = []
    result = prepare(
        tmp_path / "out", manifests=[manifest], settings=SETTINGS, progress=lambda *step: steps.append(step)
    )
    assert result.done == ("c1", "c2", "c3", "c4", "c5")
    assert (result.skipped, dict(result.failed)) == ((), {})
    assert steps == [(0, 5, ""), *((i, 5, f"c{i}") for i in range(1, 6))]
    dataset = Dataset.open(result.path)
    assert Counter(entry.split for entry in dataset.entries) == {"train": 3, "validation": 1, "test": 1}
    assert dataset.entry("c1").channels_present == (True, False, False)
    assert dataset.entry("c2").channels_present == (True, False, True)
    assert dataset.entry("c1").codes == ALL_ZONE_CODES
    assert dataset.entry("c1").gland_volume_ml == pytest.approx(0.006)
    image, labels = dataset.slice("c2", 0)
    assert image.shape == (3, 8, 8)
    assert (image[0] == 201.0).all()
    assert np.isnan(image[1]).all()
    assert (image[2] == 2010.0).all()
    assert labels[3:5, 3:5].tolist() == [[1, 2], [3, 4]]


def test_provenance_names_files_relative_to_the_manifest(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 1)
    provenance = (
        Dataset.open(prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).path)
        .record("c1")
        .origin.provenance
    )
    assert provenance["files"] == {"t2w": "c1/t2w.nii.gz", "labels": "c1/zones.nii.gz"}
    assert provenance["source"] == "cases.csv"
    assert provenance["alignment"]["chosen"] == "none"
    assert provenance["dwi_b_value_s_mm2"] is None
    assert provenance["settings"]["slicing"] == {"size_px": 8, "spacing_mm": 0.5}
    assert set(provenance["versions"]) == {"zonate", "numpy", "SimpleITK-SimpleElastix", "zarr"}
    assert str(tmp_path) not in str(all_files(tmp_path / "out"))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".mha", ".nrrd"])
def test_any_volume_format_will_do(tmp_path: Path, suffix: str) -> None:
    manifest = write_manifest(tmp_path / "cases.csv", write_study(tmp_path, "a", 100.0, suffix=suffix))
    dataset = Dataset.open(prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).path)
    case = labelled_case("a", 100.0)
    assert case.labels is not None
    np.testing.assert_array_equal(dataset.reference("a").values, case.labels.values)
    np.testing.assert_allclose(dataset.reference("a").grid.affine, case.t2w.grid.affine, atol=1e-5)


def test_evaluation_rows_are_stored_and_never_train(tmp_path: Path) -> None:
    rows = [write_study(tmp_path, f"c{i}", 100.0 * i) for i in range(1, 5)]
    rows[0]["use"] = "evaluation"
    rows[1]["patient_id"] = rows[0]["patient_id"]  # the same patient has an ordinary row besides
    result = prepare(
        tmp_path / "out",
        manifests=[write_manifest(tmp_path / "cases.csv", *rows)],
        settings=SETTINGS.override(["split.test_fraction=0", "split.validation_fraction=0"]),
    )
    dataset = Dataset.open(result.path)
    assert [entry.split for entry in dataset.entries] == ["evaluation", "train", "train", "train"]
    assert dataset.statistics.mean[0] == 300.5  # of 200, 300 and 400, without the 100 of c1
    assert any(
        "case c1: it is for evaluation, but other cases of its patient train" in text for text in result.warnings
    )


def test_voxels_that_changed_beside_their_header_are_noticed(tmp_path: Path) -> None:
    row = write_study(tmp_path, "a", 100.0)
    image = sitk.ReadImage(str(tmp_path / "a" / "t2w.nii.gz"))
    sitk.WriteImage(image, str(tmp_path / "a" / "t2w.mhd"), useCompression=True)
    manifest = write_manifest(tmp_path / "cases.csv", {**row, "t2w": "a/t2w.mhd"})
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).skipped == ("a",)
    (tmp_path / "a" / "t2w.zraw").write_bytes(b"something else")
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert list(result.failed) == ["a"]
    assert result.skipped == ()


def test_a_case_of_another_version_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_manifest(tmp_path / "cases.csv", write_study(tmp_path, "a", 100.0))
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    monkeypatch.setattr("zonate.io.made_from.version", lambda _name: "99")
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).done == ("a",)
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).skipped == ("a",)


def test_a_case_whose_alignment_the_machine_had_a_part_in_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hung(*arguments: Any, **named: Any) -> Case:
        case = load_case(*arguments, **named)
        return replace(case, alignment=replace(case.alignment, repeatable=False))

    manifest = write_manifest(tmp_path / "cases.csv", write_study(tmp_path, "a", 100.0))
    with monkeypatch.context() as patch:
        patch.setattr(prepare_case, "load_case", hung)
        prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).done == ("a",)
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).skipped == ("a",)


def test_a_misspelt_test_set_is_found_before_anything_is_prepared(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "cases.csv", write_study(tmp_path, "a", 100.0))
    settings = SETTINGS.override(['split.test_sets=["PROMISE"]'])
    with pytest.raises(DatasetError, match="no case is of the test set PROMISE: there are made here"):
        prepare(tmp_path / "out", manifests=[manifest], settings=settings)
    row = {**write_study(tmp_path, "b", 200.0), "use": "evaluation", "dataset": "PROMISE"}
    evaluated = write_manifest(tmp_path / "more.csv", row)
    with pytest.raises(DatasetError, match=r"all cases of PROMISE are for evaluation.*evaluate --split evaluation"):
        prepare(tmp_path / "out", manifests=[manifest, evaluated], settings=settings)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_layout_is_told_from_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"there is no folder .*nowhere"):
        prepare(tmp_path / "out", source=tmp_path / "nowhere", settings=SETTINGS)
    manifest = write_manifest(tmp_path / "in" / "cases.csv", write_study(tmp_path / "in", "a", 100.0))
    with pytest.raises(DatasetError, match=rf"give its manifest: --manifest {manifest}"):
        prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)


def test_why_nothing_could_be_taken_is_said(tmp_path: Path) -> None:
    for name in ("Prostate3T-01-0001", "Prostate3T-01-0002"):
        trees.write_volume(tmp_path / "in" / f"{name}.nrrd", trees.pz_and_central())
    reason = r"nothing to prepare: 0 series of its images are there: it needs exactly the T2W one \(2 times\)"
    with pytest.raises(DatasetError, match=reason):
        prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)


def test_a_channel_that_only_its_name_promised_is_left_out_with_a_note(tmp_path: Path) -> None:
    study = tmp_path / "in" / "PCAMPMRI-00001" / "study"
    t2w = trees.write_series(study / "6", "PCAMPMRI-00001", number=6, description="T2 Weighted Axial")
    trees.write_series(study / "7", "PCAMPMRI-00001", number=7, description="diffusion FA")  # no DWI at all
    trees.write_seg(study / "600" / "1.dcm", t2w, {"WholeGland": (trees.SNOMED_RT["WholeGland"], trees.gland())})
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS.override(["slicing.size_px=64"]))
    assert result.done == ("PCAMPMRI-00001-1",)
    assert any("case PCAMPMRI-00001-1: DWI left out: " in text for text in result.warnings)
    assert Dataset.open(tmp_path / "out").entries[0].channels_present == (True, False, False)


def test_several_manifests_become_one_dataset(tmp_path: Path) -> None:
    first = write_manifest(tmp_path / "1" / "cases.csv", write_study(tmp_path / "1", "a", 1.0))
    second = write_manifest(tmp_path / "2" / "cases.csv", write_study(tmp_path / "2", "b", 2.0))
    result = prepare(tmp_path / "out", manifests=[first, second], settings=SETTINGS)
    assert result.done == ("a", "b")


def test_a_case_id_given_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    first = write_manifest(tmp_path / "1" / "cases.csv", write_study(tmp_path / "1", "a", 1.0))
    second = write_manifest(tmp_path / "2" / "cases.csv", write_study(tmp_path / "2", "a", 2.0))
    with pytest.raises(
        DatasetError, match=r"case id a is given 2 times: .*1.cases\.csv, line 2; .*2.cases\.csv, line 2"
    ):
        prepare(tmp_path / "out", manifests=[first, second], settings=SETTINGS)
    assert not (tmp_path / "out").exists()


def test_a_patient_whom_manifests_put_on_two_sides_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    rows = [
        {**write_study(tmp_path, name, 1.0), "patient_id": "P1", "split": side}
        for name, side in (("a", "test"), ("b", "train"))
    ]
    with pytest.raises(LeakageError, match=r"P1 \(train: case b, test: case a\)"):
        prepare(tmp_path / "out", manifests=[write_manifest(tmp_path / "cases.csv", *rows)], settings=SETTINGS)
    assert not (tmp_path / "out").exists()


def test_a_failing_case_is_set_aside_and_the_rest_finished(tmp_path: Path) -> None:
    rows = {
        name: write_study(tmp_path, name, 100.0)
        for name in ("good", "values", "grid", "file", "none", "codes", "less", "broken")
    }
    labels = read_volume(tmp_path / "values" / "zones.nii.gz")
    write_volume(tmp_path / "values" / "zones.nii.gz", labels.with_values(labels.values + np.uint8(4)))
    cut = Volume(labels.values[:, :9], type(labels.grid)((labels.grid.shape[0], 9, 10), labels.grid.affine))
    write_volume(tmp_path / "grid" / "zones.nii.gz", cut)
    (tmp_path / "file" / "t2w.nii.gz").unlink()
    rows["none"]["labels"] = ""
    rows["codes"]["label_codes"] = "0=BACKGROUND;2=TZ;6=WHOLE_GLAND"
    rows["less"]["label_codes"] = "0=BACKGROUND;1=PZ;2=TZ;3=DPU"
    (tmp_path / "broken" / "t2w.nii.gz").write_bytes(b"nothing")
    manifest = write_manifest(tmp_path / "cases.csv", *rows.values())
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert result.done == ("good",)
    assert list(result.failed) == ["values", "grid", "file", "none", "codes", "less", "broken"]
    assert (
        "case values, zones.nii.gz: the labels hold values that were not declared: 5 (2 voxels), 6 (2 voxels)"
        in result.failed["values"]
    )
    assert "case grid, zones.nii.gz: the labels do not lie on the T2W grid: 2 × 9 × 10 voxels" in result.failed["grid"]
    assert "cases.csv, line 5, t2w" in result.failed["file"]
    assert "does not exist" in result.failed["file"]
    assert "case none" in result.failed["none"]
    assert "no labels" in result.failed["none"]
    assert "never told apart" in result.failed["codes"]
    assert "have no place for AFS, which would be learnt as background" in result.failed["less"]
    assert "t2w.nii.gz" in result.failed["broken"]
    assert [entry.case_id for entry in Dataset.open(result.path).entries] == ["good"]


@pytest.mark.parametrize(
    ("shape", "spacing_mm", "values", "said"),
    [
        (
            (10, 2, 10),
            (0.5, 3.5, 0.5),
            "each its own",
            "the slices of the T2W are coronal (voxels of 0.50 × 3.50 × 0.50",
        ),
        ((10, 10, 2), (0.5, 0.5, 3.5), "each its own", "the slices of the T2W are sagittal"),
        ((257, 2, 2), (0.5, 0.5, 0.5), "each its own", "the T2W has 257 slices"),
        ((3, 10, 10), (3.0, 0.5, 0.5), "all the same", "every voxel of the T2W has the same value"),
    ],
    ids=["coronal", "sagittal", "257 slices", "one value"],
)
def test_what_predict_refuses_is_not_learnt_from(
    tmp_path: Path, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], values: str, said: str
) -> None:
    row = write_study(tmp_path, "a", 100.0)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]]) * np.array(spacing_mm)
    image = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    t2w = Volume(image if values == "each its own" else np.full_like(image, 7), Grid(shape, affine))
    write_volume(tmp_path / "a" / "t2w.nii.gz", t2w)
    write_volume(tmp_path / "a" / "zones.nii.gz", t2w.with_values(np.ones(shape, dtype=np.uint8)))
    manifest = write_manifest(tmp_path / "cases.csv", row)
    told = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).failed["a"]
    assert said in told
    unasked: Any = None  # no model is asked
    with pytest.raises(StudyError) as refused:
        Segmenter(unasked, {}, SETTINGS).segment(load_case({Sequence.T2W: tmp_path / "a" / "t2w.nii.gz"}, case_id="a"))
    assert str(refused.value) == told


def test_where_every_case_fails_there_is_no_dataset(tmp_path: Path) -> None:
    row = write_study(tmp_path, "a", 1.0)
    manifest = write_manifest(tmp_path / "cases.csv", row)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    (tmp_path / "a" / "t2w.nii.gz").unlink()
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert (result.done, list(result.failed)) == ((), ["a"])
    with pytest.raises(DatasetError, match="not a complete dataset"):
        Dataset.open(result.path)


def test_a_second_prepare_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_cohort(tmp_path / "in", 3)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    before = all_files(tmp_path / "out")
    monkeypatch.setattr(prepare_case, "load_case", None)  # nothing is loaded
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert (result.done, result.skipped) == ((), ("c1", "c2", "c3"))
    assert all_files(tmp_path / "out") == before


def test_a_killed_prepare_leaves_no_broken_case_and_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = write_cohort(tmp_path / "in", 4)
    prepare(tmp_path / "unbroken", manifests=[manifest], settings=SETTINGS)
    loaded: list[str] = []

    def killed_at_the_third(*args: Any, case_id: str, **kwargs: Any) -> Case:
        loaded.append(case_id)
        if len(loaded) == 3:
            raise KeyboardInterrupt
        return load_case(*args, case_id=case_id, **kwargs)

    monkeypatch.setattr(prepare_case, "load_case", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    with pytest.raises(DatasetError, match="not a complete dataset"):
        Dataset.open(tmp_path / "out")
    half = tmp_path / "out" / "cases" / ".zonate-1a2b3c4d.c3"  # what a kill in the middle of writing leaves
    half.mkdir()
    (half / "zarr.json").write_text("{", encoding="utf-8")
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert (result.done, result.skipped) == (("c3", "c4"), ("c1", "c2"))
    assert loaded == ["c1", "c2", "c3", "c3", "c4"]
    assert all_files(tmp_path / "out") == all_files(tmp_path / "unbroken")


def test_neither_workers_nor_the_order_of_the_cases_changes_a_bit(tmp_path: Path) -> None:
    rows = [write_study(tmp_path / "in", f"c{i}", 100.0 * i, adc=i == 2) for i in range(1, 5)]
    (tmp_path / "in" / "c3" / "t2w.nii.gz").write_bytes(b"nothing")
    one = prepare(tmp_path / "one", manifests=[write_manifest(tmp_path / "in" / "cases.csv", *rows)], settings=SETTINGS)
    steps: list[tuple[int, int, str]] = []
    two = prepare(
        tmp_path / "two",
        manifests=[write_manifest(tmp_path / "in" / "cases.csv", *reversed(rows))],
        settings=SETTINGS,
        workers=2,
        progress=lambda *step: steps.append(step),
    )
    assert (one.done, two.done) == (("c1", "c2", "c4"), ("c4", "c2", "c1"))
    assert dict(one.failed) == dict(two.failed)
    assert list(two.failed) == ["c3"]
    assert one.warnings == two.warnings
    assert all_files(tmp_path / "one") == all_files(tmp_path / "two")
    assert [(done, total) for done, total, _ in steps] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert {text for _, _, text in steps} == {"", "c1", "c2", "c3", "c4"}
    again = prepare(tmp_path / "two", manifests=[tmp_path / "in" / "cases.csv"], settings=SETTINGS, workers=2)
    assert (again.done, again.skipped, list(again.failed)) == ((), ("c4", "c2", "c1"), ["c3"])
    assert all_files(tmp_path / "one") == all_files(tmp_path / "two")


def test_a_negative_number_of_workers_is_refused_before_anything_is_emptied(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 1)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    with pytest.raises(ValueError, match="workers is -1"):
        prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS, overwrite=True, workers=-1)
    assert len(Dataset.open(tmp_path / "out").entries) == 1


KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
import zarr
from tests.dataset.synthetic import SETTINGS
from zonate.verbs.prepare import prepare

update = zarr.Group.update_attributes
def update_or_die(group, attributes):
    if attributes.get("case_id") == "c2":
        os.kill(os.getpid(), signal.SIGKILL)
    return update(group, attributes)
zarr.Group.update_attributes = update_or_die
prepare(Path(sys.argv[2]), manifests=[Path(sys.argv[1])], settings=SETTINGS)
"""


def test_a_process_killed_in_the_middle_of_a_case_leaves_it_unfinished_and_unseen(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 3)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", KILLED_WHILE_WRITING, str(manifest), str(tmp_path / "out")]
    killed = subprocess.run(command, check=False, cwd=root, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    left = sorted(folder.name for folder in (tmp_path / "out" / "cases").iterdir())
    assert len(left) == 2
    assert left[0].endswith(".c2")
    assert left[0].startswith(".")
    assert left[1] == "c1"
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert (result.done, result.skipped) == (("c2", "c3"), ("c1",))
    assert sorted(folder.name for folder in (tmp_path / "out" / "cases").iterdir()) == ["c1", "c2", "c3"]


def test_only_what_changed_is_made_anew(tmp_path: Path) -> None:
    rows = [write_study(tmp_path, f"c{i}", 100.0 * i) for i in range(1, 5)]
    manifest = write_manifest(tmp_path / "cases.csv", *rows)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    os.utime(tmp_path / "c1" / "t2w.nii.gz", ns=(1, 1))  # a file
    rows[1]["licence"] = "CC BY 4.0"  # what is said of it
    rows[2]["use"] = "evaluation"
    write_manifest(manifest, *rows)
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert (result.done, result.skipped) == (("c1", "c2", "c3"), ("c4",))
    dataset = Dataset.open(result.path)
    assert dataset.entry("c2").licence == "CC BY 4.0"
    assert dataset.entry("c3").split == "evaluation"


def test_other_settings_make_every_case_anew(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 2)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    result = prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS.override(["slicing.size_px=6"]))
    assert result.done == ("c1", "c2")
    assert Dataset.open(result.path).slices("c1").images.shape == (2, 3, 6, 6)
    reseeded = SETTINGS.override(["slicing.size_px=6", "split.seed=5"])
    assert prepare(tmp_path / "out", manifests=[manifest], settings=reseeded).skipped == ("c1", "c2")


def test_a_kill_while_cases_are_replaced_leaves_no_index_that_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = write_cohort(tmp_path / "in", 2)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_index", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS.override(["slicing.size_px=6"]))
    with pytest.raises(DatasetError, match="not a complete dataset"):
        Dataset.open(tmp_path / "out")


def test_an_output_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 1)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with pytest.raises(OutputError, match="holds results already"):
        prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS, overwrite=True).done == ("c1",)
    assert not (tmp_path / "out" / "thesis.txt").exists()


def test_sources_that_lie_where_cases_go_are_not_replaced(tmp_path: Path) -> None:
    data = tmp_path / "data"
    row = write_study(data / "cases", "P1", 1.0)
    within = {**row, "t2w": f"cases/{row['t2w']}", "labels": f"cases/{row['labels']}"}
    absolute = {**row, "t2w": f"{data}/cases/{row['t2w']}", "labels": f"{data}/cases/{row['labels']}"}
    beside, elsewhere = write_manifest(data / "cases.csv", within), write_manifest(tmp_path / "m" / "c.csv", absolute)
    before = all_files(data)
    for manifest, name in ((beside, "data"), (elsewhere, r"t2w\.nii\.gz")):
        for overwrite in (False, True):
            with pytest.raises(OutputError, match=rf"data holds what is read \({name}\): give another folder"):
                prepare(data, manifests=[manifest], settings=SETTINGS, overwrite=overwrite)
    assert all_files(data) == before


def test_the_index_of_another_tool_is_not_replaced(tmp_path: Path) -> None:
    task = trees.nnunet(tmp_path) / "Dataset501_Prostate"
    manifest = write_cohort(tmp_path / "in", 1)
    before = all_files(task)
    with pytest.raises(OutputError, match=r"Dataset501_Prostate holds what is read \(Dataset501_Prostate\)"):
        prepare(task, source=task, settings=SETTINGS)
    with pytest.raises(OutputError, match="Dataset501_Prostate holds results already, or other files"):
        prepare(task, manifests=[manifest], settings=SETTINGS)
    (task / "cases").mkdir()
    with pytest.raises(OutputError, match="Dataset501_Prostate holds results already, or other files"):
        prepare(task, manifests=[manifest], settings=SETTINGS)
    assert all_files(task) == before


def test_folders_called_cases_that_hold_none_are_not_replaced(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 1)
    theirs = write_study(tmp_path / "out" / "cases", "c1", 7.0)
    before = all_files(tmp_path / "out")
    with pytest.raises(OutputError, match="out holds results already, or other files"):
        prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert all_files(tmp_path / "out") == before
    assert f"cases/{theirs['t2w']}" in before


@pytest.mark.parametrize("harm", ["no index", "no cases", "a damaged index", "a damaged case"])
def test_a_dataset_that_was_harmed_is_mended(tmp_path: Path, harm: str) -> None:
    manifest = write_cohort(tmp_path / "in", 1)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    before = all_files(tmp_path / "out")
    if harm == "no index":
        (tmp_path / "out" / "dataset.json").unlink()
    elif harm == "no cases":
        shutil.rmtree(tmp_path / "out" / "cases")
    elif harm == "a damaged index":
        (tmp_path / "out" / "dataset.json").write_text('{"format": "zonate-da', encoding="utf-8")
    else:
        (tmp_path / "out" / "cases" / "c1" / "zarr.json").unlink()
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    assert all_files(tmp_path / "out") == before


def test_a_dataset_without_an_index_is_mended_though_a_case_is_damaged(tmp_path: Path) -> None:
    """As a kill leaves it while the case is prepared again: the index goes first."""
    manifest = write_cohort(tmp_path / "in", 2)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    before = all_files(tmp_path / "out")
    (tmp_path / "out" / "dataset.json").unlink()
    (tmp_path / "out" / "cases" / "c1" / "zarr.json").unlink()
    assert prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS).skipped == ("c2",)
    assert all_files(tmp_path / "out") == before


def test_a_dataset_of_other_cases_is_not_lost_by_mistake(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "in", 2)
    prepare(tmp_path / "out", manifests=[manifest], settings=SETTINGS)
    other = write_manifest(tmp_path / "in2" / "cases.csv", write_study(tmp_path / "in2", "z", 1.0))
    with pytest.raises(OutputError, match=r"cases that this call does not name \(c1, c2\)"):
        prepare(tmp_path / "out", manifests=[other], settings=SETTINGS)
    assert len(Dataset.open(tmp_path / "out").entries) == 2
    assert prepare(tmp_path / "out", manifests=[manifest, other], settings=SETTINGS).done == ("z",)


def test_a_call_without_cases_is_refused(tmp_path: Path) -> None:
    for arguments, message in (
        ({}, "nothing to prepare"),
        ({"source": tmp_path}, "has no layout that is known"),
        ({"layout": "seed"}, "1 layouts are given for 0 source folders"),
        ({"source": tmp_path, "layout": "roots"}, "no layout 'roots': known are .*seed"),
    ):
        with pytest.raises(DatasetError, match=message):
            prepare(tmp_path / "out", **arguments)


def test_the_layout_seed_is_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def fake_load_case(inputs: Any, _: Settings, *, case_id: str) -> Case:
        asked[case_id] = inputs
        case = labelled_case(case_id, 100.0)
        return Case(case_id, case.t2w, warnings=("two T2W series",))

    monkeypatch.setattr(prepare_case, "load_case", fake_load_case)
    for name in ("7", "8", "9"):
        (tmp_path / "in" / name / "T2W").mkdir(parents=True)
        (tmp_path / "in" / name / "ADC").mkdir()
        (tmp_path / "in" / name / "label").mkdir()
    labels = labelled_case().labels
    assert labels is not None
    write_volume(tmp_path / "in" / "7" / "label" / "Segmentation.nrrd", labels)
    write_volume(tmp_path / "in" / "9" / "label" / "Segmentation.nrrd", labels)
    (tmp_path / "in" / "9" / "T2W").rmdir()
    result = prepare(tmp_path / "out", source=tmp_path / "in", layout="seed", settings=SETTINGS)
    assert result.done == ("7",)
    assert asked == {"7": {Sequence.T2W: tmp_path / "in/7/T2W", Sequence.ADC: tmp_path / "in/7/ADC"}}
    assert "Segmentation.nrrd does not exist" in result.failed["8"]
    assert "T2W does not exist" in result.failed["9"]
    assert result.warnings == (
        "case 7: there is no folder DWI: the channel is absent",
        "case 7: two T2W series",
    )
    dataset = Dataset.open(result.path)
    assert dataset.entry("7").codes == ALL_ZONE_CODES
    assert dataset.record("7").origin.provenance["files"]["labels"] == "7/label/Segmentation.nrrd"


def test_a_study_folder_gives_load_case_all_roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = write_study(tmp_path, "a", 100.0)
    row["t2w"] = "a"
    asked: list[Any] = []

    def fake_load_case(inputs: Any, _: Settings, *, case_id: str) -> Case:
        asked.append(inputs)
        raise CorruptSeriesError(f"case {case_id}: series 4 lacks a slice")

    monkeypatch.setattr(prepare_case, "load_case", fake_load_case)
    result = prepare(tmp_path / "out", manifests=[write_manifest(tmp_path / "cases.csv", row)], settings=SETTINGS)
    assert asked == [tmp_path / "a"]
    assert result.failed == {"a": "case a: series 4 lacks a slice"}


def test_real_zones_keep_their_volume(tmp_path: Path, shared_data: Path) -> None:
    text = (shared_data / "nci-isbi-2013" / "manifest.csv").read_text(encoding="utf-8").splitlines()
    folder = shared_data / "nci-isbi-2013"
    line = next(line for line in text if line.startswith("test_Case00"))
    manifest = tmp_path / "cases.csv"
    manifest.write_text(f"{text[0]}\n{line.replace('test_Case00/', f'{folder}/test_Case00/')}\n", encoding="utf-8")
    dataset = Dataset.open(prepare(tmp_path / "out", manifests=[manifest]).path)
    slices, drawn = dataset.slices("test_Case00"), read_volume(folder / "test_Case00" / "zones.nii.gz")
    assert slices.labels is not None
    assert slices.labels.shape == (20, 256, 256)
    for value, code in ((1, LabelCode.PZ), (2, LabelCode.CENTRAL_GLAND)):
        original_ml = (drawn.values == value).sum() * drawn.grid.voxel_volume_ml
        cropped_ml = (slices.labels == code).sum() * slices.crop.grid.voxel_volume_ml
        assert cropped_ml == pytest.approx(original_ml, rel=0.01)  # nearest neighbour, from 0.625 mm to 0.5 mm
    assert dataset.entry("test_Case00").gland_volume_ml == pytest.approx(94.2, abs=0.1)


def test_case_ids_that_one_folder_would_hold_where_letter_case_counts_for_nothing_are_refused(tmp_path: Path) -> None:
    rows = [write_study(tmp_path / folder, name, 1.0) for folder, name in (("1", "a"), ("2", "A"))]
    manifests = [write_manifest(tmp_path / str(i) / "cases.csv", row) for i, row in enumerate(rows, start=1)]
    with pytest.raises(
        DatasetError, match=r"the case ids a, A differ in letter case alone: .*1.cases\.csv, line 2; .*2"
    ):
        prepare(tmp_path / "out", manifests=manifests, settings=SETTINGS)


def test_a_dataset_that_is_made_anew_says_who_changed_sides(tmp_path: Path) -> None:
    row = write_study(tmp_path, "a", 1.0)
    first = write_manifest(tmp_path / "1.csv", {**row, "split": "train"})
    prepare(tmp_path / "out", manifests=[first], settings=SETTINGS)
    second = write_manifest(tmp_path / "2.csv", {**row, "split": "test"})
    result = prepare(tmp_path / "out", manifests=[second], settings=SETTINGS, overwrite=True)
    assert [text for text in result.warnings if "another side" in text] == [
        "1 case on another side than before: a model trained on the earlier split may have seen those that test now"
    ]
