import re
import shutil
from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from tests import dicom_factory as dicom
from tests.dataset.importers import trees
from zonate.dataset.importers import LeftOut, Listing
from zonate.dataset.importers.dicom_tree import inputs_around, read_tree
from zonate.study import Sequence

ANYBODY = re.compile(r"P\d")


def write(folder: Path, patient: str = "P1", **changes: object) -> None:
    plan = dicom.Plan(**{"patient": patient, "slices": 2, **changes})  # type: ignore[arg-type]
    for s in range(plan.slices):
        dicom.save(dicom.classic(plan, s, plan.b_values[0], instance=s + 1), folder / f"1-{s + 1}.dcm")


def test_a_series_is_known_by_its_first_file(tmp_path: Path) -> None:
    write(tmp_path / "b" / "4", number=4)
    write(tmp_path / "a" / "7", number=7, description="ep2d_diff_tra_ADC")
    tree = read_tree(Listing(tmp_path), ANYBODY)
    assert [(one.path.name, one.number, one.modality) for one in tree.series] == [("7", 7, "MR"), ("4", 4, "MR")]
    assert [one.description for one in tree.images("P1")] == ["ep2d_diff_tra_ADC", "t2_tse_tra"]
    assert tree.images("P2") == tree.segmentations == []
    assert tree.left_out == ()
    assert tree.series[1].is_called("t2-TSE tra", 4)
    assert not tree.series[1].is_called("t2_tse_tra", 5)


def test_every_seg_of_a_folder_is_seen(tmp_path: Path) -> None:
    t2w = trees.write_series(tmp_path / "t2w", "P1")
    for name in ("a", "b", "c"):
        trees.write_seg(tmp_path / "segs" / f"{name}.dcm", t2w, {"PZ": (None, trees.gland())})
    assert [one.first.name for one in read_tree(Listing(tmp_path), ANYBODY).segmentations] == [
        "a.dcm",
        "b.dcm",
        "c.dcm",
    ]


def test_several_series_in_one_folder_are_said(tmp_path: Path) -> None:
    write(tmp_path / "all", number=4)
    (tmp_path / "all" / "1-2.dcm").unlink()
    write(tmp_path / "other", number=5)
    shutil.move(tmp_path / "other" / "1-2.dcm", tmp_path / "all" / "2-2.dcm")
    (left,) = read_tree(Listing(tmp_path / "all"), ANYBODY).left_out
    assert left.reason == "several series lie in one folder, of which one is seen: give each a folder of its own"


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "4")
    write(tmp_path / ".0a1b2c3d.4" / "arriving")
    shutil.copy(tmp_path / "4" / "1-1.dcm", tmp_path / "4" / "._1-1.dcm")
    tree = read_tree(Listing(tmp_path), ANYBODY)
    assert [one.path.name for one in tree.series] == ["4"]
    assert tree.left_out == ()


def test_a_broken_file_is_said_and_the_next_one_is_asked(tmp_path: Path) -> None:
    write(tmp_path / "4")
    (tmp_path / "4" / "0.dcm").write_bytes(b"DICM, but not quite")
    tree = read_tree(Listing(tmp_path), ANYBODY)
    assert [one.first.name for one in tree.series] == ["1-1.dcm"]
    assert tree.left_out == (LeftOut("4/0.dcm", "its DICOM header cannot be read"),)


@pytest.mark.parametrize("patient", ["Doe^Jane 12", "", "P12"])
def test_another_patient_is_left_out_and_not_named(tmp_path: Path, patient: str) -> None:
    write(tmp_path / "4", patient)
    tree = read_tree(Listing(tmp_path), ANYBODY)
    assert tree.series == ()
    assert tree.left_out == (LeftOut("4", "its patient is none of the data set's"),)


def test_a_series_that_lies_there_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path / "a" / "4")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    tree = read_tree(Listing(tmp_path), ANYBODY)
    assert [one.path for one in tree.series] == [tmp_path / "a" / "4"]
    assert tree.left_out == (LeftOut("b/4", "the same series lies there twice"),)


def test_series_behind_links_are_seen_once(tmp_path: Path) -> None:
    write(tmp_path / "store" / "t2w", number=4)
    (tmp_path / "tree" / "a").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "4").symlink_to(tmp_path / "store" / "t2w")
    (tmp_path / "tree" / "a" / "5").symlink_to(tmp_path / "store" / "t2w")
    (tmp_path / "tree" / "a" / "up").symlink_to("..")
    tree = read_tree(Listing(tmp_path / "tree"), ANYBODY)
    assert [one.path for one in tree.series] == [tmp_path / "tree" / "a" / "4"]
    assert tree.left_out == ()


def test_odd_header_values_are_not_warned_about(tmp_path: Path) -> None:
    write(tmp_path / "4", study="1.2.99999")
    for file in (tmp_path / "4").iterdir():
        file.write_bytes(file.read_bytes().replace(b"1.2.99999", b"1.2.Meier"))  # a warning would be an error here
    assert len(read_tree(Listing(tmp_path), ANYBODY).series) == 1


def test_dwi_and_adc_come_from_their_series_or_from_the_study(tmp_path: Path) -> None:
    write(tmp_path / "s" / "4")
    write(tmp_path / "s" / "6", number=6, description="ep2d_diff_tra")
    write(tmp_path / "s" / "8", number=8, description="ep2d_diff_tra_ADC")
    write(tmp_path / "s" / "9", number=9, description="ep2d_diff_tra_ADC_2")
    write(tmp_path / "t" / "6", number=6, description="ep2d_diff_tra", study=generate_uid(entropy_srcs=["t"]))
    tree = read_tree(Listing(tmp_path), ANYBODY)
    inputs, notes = inputs_around(tree.series[0], tree.series)
    study = tmp_path / "s"
    assert inputs == {Sequence.T2W: study / "4", Sequence.DWI: study / "6", Sequence.ADC: study}
    assert notes == ()


def test_series_that_lie_apart_do_not_bring_other_studies_in(tmp_path: Path) -> None:
    write(tmp_path / "s" / "4")
    write(tmp_path / "elsewhere" / "8", number=8, description="ADC")
    write(tmp_path / "elsewhere" / "9", number=9, description="ADC 2")
    write(tmp_path / "t" / "4", study=generate_uid(entropy_srcs=["t"]))
    tree = read_tree(Listing(tmp_path), ANYBODY)
    t2w = next(one for one in tree.series if one.path == tmp_path / "s" / "4")
    inputs, notes = inputs_around(t2w, tree.series)
    assert inputs == {Sequence.T2W: t2w.path}
    assert notes == (
        "no series of the study is DWI: the channel is absent",
        "2 series may be ADC and lie apart: the channel is absent",
    )
