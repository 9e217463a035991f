"""Each public layout on a miniature tree: what is taken, what is left and why, and that `prepare` can use it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from tests import dicom_factory as dicom
from tests.dataset.importers import trees
from zonate.config import Settings
from zonate.dataset.importers import LAYOUTS, Found, Listing, recognise
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.study import Component, Sequence
from zonate.verbs.prepare import prepare
from zonate.zones import LabelCode

BG, PZ, TZ, DPU, AFS = (LabelCode(code) for code in range(5))
CG, WG = LabelCode.CENTRAL_GLAND, LabelCode.WHOLE_GLAND
SETTINGS = Settings().override(["alignment.method=header", "slicing.size_px=64", "slicing.spacing_mm=1.5"])
TREES: dict[str, Callable[[Path], Path]] = {
    "prostatex-seg-zones": trees.prostatex,
    "prostatex-masks": trees.masks,
    "prostatezones": trees.prostatezones,
    "qin": trees.qin,
    "nci-isbi-2013": trees.nci_isbi,
    "msd": trees.msd,
    "prostate158": trees.prostate158,
    "picai": trees.picai,
    "promise12": trees.promise12,
    "nnunet": trees.nnunet,
}


def found(root: Path, name: str) -> Found:
    return LAYOUTS[name].read(Listing(TREES[name](root)))


def left(of: Found) -> dict[str, str]:
    return {one.name: one.reason for one in of.left_out}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_is_recognised_as_the_one_layout_that_it_has(name: str, tmp_path: Path) -> None:
    assert recognise(Listing(TREES[name](tmp_path))).name == name


def _links_to_folders(root: Path, to: Path) -> Path:
    """A folder of links to what lies in another."""
    to.mkdir()
    for entry in root.iterdir():
        (to / entry.name).symlink_to(entry)
    return to


def _links_to_files(root: Path, to: Path) -> Path:
    """The same folders and names, each file a link to where it is kept under a number, as git-annex has it."""
    kept = to / ".kept"
    kept.mkdir(parents=True)
    for number, file in enumerate(file for file in root.rglob("*") if file.is_file()):
        file.rename(kept / f"{number}")
        place = to / file.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(kept / f"{number}")
    return to


@pytest.mark.parametrize("name", TREES)
def test_what_lies_behind_links_is_found(name: str, tmp_path: Path) -> None:
    root = TREES[name](tmp_path / "there")
    plain = LAYOUTS[name].read(Listing(root))
    assert plain.sources
    for place, link in (("folders", _links_to_folders), ("files", _links_to_files)):  # the last moves the files
        listing = Listing(link(root, tmp_path / place))
        assert recognise(listing).name == name
        of = LAYOUTS[name].read(listing)
        assert [source.case_id for source in of.sources] == [source.case_id for source in plain.sources]
        assert [source.side for source in of.sources] == [source.side for source in plain.sources]
        assert left(of) == left(plain)


def test_files_of_equal_content_may_be_links_to_one(tmp_path: Path) -> None:
    """As stores have it that keep each content once: they are files of their own all the same."""
    root = trees.prostate158(tmp_path / "p158")
    cases = root / "prostate158_train" / "train"
    shutil.copytree(cases / "020", cases / "022")
    plain = LAYOUTS["prostate158"].read(Listing(root))
    (cases / "022" / "t2.nii.gz").unlink()
    (cases / "022" / "t2.nii.gz").symlink_to(cases / "020" / "t2.nii.gz")
    linked = LAYOUTS["prostate158"].read(Listing(root))
    assert [source.case_id for source in linked.sources] == [source.case_id for source in plain.sources]
    assert "prostate158-022-reader1" in [source.case_id for source in linked.sources]


def test_what_a_link_leads_to_may_be_hidden(tmp_path: Path) -> None:
    trees.promise12(tmp_path / "in")
    folder = next(path for path in sorted((tmp_path / "in").iterdir()) if path.is_dir())
    plain = LAYOUTS["promise12"].read(Listing(tmp_path / "in"))
    (tmp_path / "in" / ".store").mkdir()
    folder.rename(tmp_path / "in" / ".store" / "a")
    folder.symlink_to(tmp_path / "in" / ".store" / "a")
    of = LAYOUTS["promise12"].read(Listing(tmp_path / "in"))
    assert [source.case_id for source in of.sources] == [source.case_id for source in plain.sources]


def test_a_test_side_behind_a_link_is_not_lost(tmp_path: Path) -> None:
    trees.promise12(tmp_path / "in")
    trees.write_volume(tmp_path / "in" / "test_data" / "Case00_segmentation.mhd", trees.gland())
    (tmp_path / "in" / "test_data").rename(tmp_path / "elsewhere")
    (tmp_path / "in" / "test_data").symlink_to(tmp_path / "elsewhere")
    of = LAYOUTS["promise12"].read(Listing(tmp_path / "in"))
    assert [source.case_id for source in of.sources] == [
        "promise12-test_Case00",
        "promise12-train_Case00",
        "promise12-train_Case13",
    ]
    assert of.left_out == ()


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_of_something_else_is_refused_with_what_was_looked_for(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    assert not LAYOUTS[name].recognise(Listing(tmp_path))
    with pytest.raises(DatasetError, match=f"has not the layout {name}: (it holds|there is) no"):
        LAYOUTS[name].read(Listing(tmp_path))
    with pytest.raises(DatasetError, match="no layout that is known"):
        recognise(Listing(tmp_path))


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in ("seed", "nnunet")])
def test_each_layout_credits_its_makers(name: str) -> None:
    layout = LAYOUTS[name]
    assert layout.licence
    assert "doi:10." in layout.citation
    assert layout.home.startswith("http")


def test_prostatex_takes_the_series_that_the_seg_refers_to(tmp_path: Path) -> None:
    of = found(tmp_path, "prostatex-seg-zones")
    first, second = of.sources
    assert (first.case_id, first.patient_id, second.case_id) == ("ProstateX-0004", "ProstateX-0004", "ProstateX-0104")
    assert isinstance(first.inputs, dict)
    assert str(first.inputs[Sequence.T2W]).endswith("5.000000-t2tsetra-00002")  # not the first of the two
    assert first.labels[0].codes == {0: BG, 1: PZ, 2: TZ, 3: DPU, 4: AFS}  # two by code, two by text
    assert [note.split(":")[0] for note in first.notes] == [
        "no series of the study is DWI",
        "no series of the study is ADC",
    ]
    assert left(of) == {
        "ProstateX-0004": (
            "neither code nor text of its SEG's segments tells PZ, TZ, DPU, AFS: it is of another collection"
        ),
        "ProstateX-0007": "the image series that its SEG refers to is not there: fetch it",
        "ProstateX-0009": "the patient has no DICOM SEG",
    }


def test_a_seg_is_placed_on_its_t2w_and_an_empty_segment_is_said(tmp_path: Path) -> None:
    trees.prostatex(tmp_path / "in")
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    dataset = Dataset.open(tmp_path / "out")
    np.testing.assert_array_equal(dataset.reference("ProstateX-0004").values, trees.zones())
    without = np.where(trees.zones() == 4, 0, trees.zones())
    np.testing.assert_array_equal(dataset.reference("ProstateX-0104").values, without)
    assert any(text.startswith("case ProstateX-0104: AFS is empty") for text in result.warnings)
    assert [one.name for one in result.left_out] == ["ProstateX-0004", "ProstateX-0007", "ProstateX-0009"]
    assert result.taken[0]["licence"] == "CC BY 3.0"


def test_two_segs_of_a_series_are_two_readings_of_an_image(tmp_path: Path) -> None:
    trees.prostatex(tmp_path)
    series = next(tmp_path.glob("PROSTATEx/ProstateX-0004/*/5.*"))
    zones = {name: (code, trees.zones() == n) for n, (name, code) in enumerate(trees.SNOMED.items(), start=1)}
    again = tmp_path / "PROSTATEx-Seg-Zones" / "ProstateX-0004" / "again"
    trees.write_seg(again / "1-1.dcm", [pydicom.dcmread(file) for file in sorted(series.iterdir())], zones)
    first, second, other = LAYOUTS["prostatex-seg-zones"].read(Listing(tmp_path)).sources
    assert (first.case_id, first.reader, first.image_id) == ("ProstateX-0004", "seg1", "ProstateX-0004-1-image")
    assert (second.case_id, second.reader, second.image_id) == ("ProstateX-0004-2", "seg2", "ProstateX-0004-1-image")
    assert (other.reader, other.image_id) == ("", "")


def test_a_seg_with_a_zone_twice_is_left_out(tmp_path: Path) -> None:
    trees.prostatex(tmp_path)
    series = next(tmp_path.glob("PROSTATEx/ProstateX-0009/*/4.*"))
    drawn = {name: (code, trees.zones() == n) for n, (name, code) in enumerate(trees.SNOMED.items(), start=1)}
    drawn["Peripheral zone of prostate, left"] = (None, trees.zones() == PZ)
    seg = tmp_path / "PROSTATEx-Seg-Zones" / "ProstateX-0009" / "1-1.dcm"
    trees.write_seg(seg, [pydicom.dcmread(file) for file in sorted(series.iterdir())], drawn)
    assert left(LAYOUTS["prostatex-seg-zones"].read(Listing(tmp_path)))["ProstateX-0009"] == (
        "one of its SEG's segments is no zone that is known, or two are the same"
    )


def test_masks_are_combined_and_their_image_is_the_listed_one(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "prostatex-masks")
    (source,) = of.sources
    assert (source.patient_id, source.codes) == ("ProstateX-0000", (BG, PZ, CG))
    assert isinstance(source.inputs, dict)
    assert str(source.inputs[Sequence.T2W]).endswith("4.000000-t2tsetra-00702")
    assert left(of) == {
        "Files/prostate/mask_pz/ProstateX-000_pz.nii.gz": "another mask of its kind is taken",
        "ProstateX-0001": "the patient's images are not there: fetch them from PROSTATEx",
    }
    result = prepare(tmp_path / "out", source=tmp_path / "in", layout="prostatex-masks", settings=SETTINGS)
    reference = Dataset.open(tmp_path / "out").reference("ProstateX-0000-masks").values
    assert set(np.unique(reference[:9])) == {BG, PZ, CG}
    assert (reference[9] == LabelCode.NOT_ANNOTATED).all()  # 9 slices of mask for 10 of image
    assert any("has 9 of the T2W's 10 slices" in text for text in result.warnings)


def test_a_mask_that_leaves_part_of_the_gland_unsaid_is_left_out(tmp_path: Path) -> None:
    trees.masks(tmp_path)
    for name in ("mask_prostate/ProstateX-0000.nii.gz", "mask_tz/ProstateX-0000_tz.nii.gz"):
        (tmp_path / "Files" / "prostate" / name).unlink()
    assert left(LAYOUTS["prostatex-masks"].read(Listing(tmp_path)))["ProstateX-0000"] == (
        "mask_pz alone does not tell what else is gland"
    )


def test_of_two_series_of_one_name_and_number_the_masks_own_is_taken(tmp_path: Path) -> None:
    trees.masks(tmp_path)  # as ProstateX-0025 has, in two examinations
    elsewhere = tmp_path / "PROSTATEx" / "ProstateX-0000" / "again" / "4.000000-t2tsetra-00001"
    study = generate_uid(entropy_srcs=["again"])
    trees.write_series(elsewhere, "ProstateX-0000", number=4, study=study, origin_mm=(-30.0, -36.0, 2.0))
    (source,) = LAYOUTS["prostatex-masks"].read(Listing(tmp_path)).sources
    assert source.files["t2w"].name == "4.000000-t2tsetra-00702"


@pytest.mark.parametrize(
    ("listed", "reason"),
    [
        ("", "2 of the patient's series may be the T2W that the masks were drawn on, and image_list.csv does not tell"),
        ("T2\nProstateX-0000_t2_tse_tra_9\n", "0 of the patient's series have the name and number"),
    ],
)
def test_masks_whose_image_is_not_known_are_left_out(tmp_path: Path, listed: str, reason: str) -> None:
    trees.masks(tmp_path)
    (tmp_path / "Files" / "prostate" / "image_list.csv").write_text(listed, encoding="utf-8")
    of = LAYOUTS["prostatex-masks"].read(Listing(tmp_path))
    assert not of.sources
    assert left(of)["ProstateX-0000"].startswith(reason)


def test_the_two_readers_of_prostatezones_are_kept_apart(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "prostatezones")
    single, one, other = sorted(of.sources, key=lambda source: source.case_id)
    assert [source.case_id for source in (single, one, other)] == [
        "ProstateX-0000-zones",
        "ProstateX-0015-zones-R1",
        "ProstateX-0015-zones-R2",
    ]
    assert (single.reader, single.image_id) == ("", "")
    assert (one.reader, other.reader) == ("r1", "r2")
    assert one.image_id == other.image_id == "ProstateX-0015-zones"
    assert single.labels[0].codes == {0: BG, 1: WG, 2: PZ, 3: TZ, 4: TZ, 5: AFS, 6: CG}  # CZ is TZ, the urethra a set
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    assert set(result.done) == {"ProstateX-0000-zones", "ProstateX-0015-zones-R1"}
    assert "in front of the central gland" in result.failed["ProstateX-0015-zones-R2"]  # it is flipped


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"Segment2_Layer": "1"}, "its segments overlap"),
        ({"Segment2_LabelValue": "2"}, "its header gives the value 2 to two structures"),
        ({"Segment2_Name": "left nerve"}, "a segment in its header is called 'left nerve', which is none of the zones"),
    ],
)
def test_prostatezones_whose_values_mean_nothing_certain_are_left_out(
    tmp_path: Path, changed: dict[str, str], reason: str
) -> None:
    trees.prostatezones(tmp_path)
    names = {"Segment1_Name": "PZ", "Segment1_LabelValue": "2", "Segment2_Name": "TZ", "Segment2_LabelValue": "3"}
    trees.write_volume(tmp_path / "Singles" / "Seg-0000.nrrd", trees.zones(), metadata={**names, **changed})
    assert left(LAYOUTS["prostatezones"].read(Listing(tmp_path)))["Singles/Seg-0000.nrrd"].startswith(reason)
    trees.write_volume(tmp_path / "Singles" / "Seg-0000.nrrd", trees.zones())
    assert (
        "does not name its segments" in left(LAYOUTS["prostatezones"].read(Listing(tmp_path)))["Singles/Seg-0000.nrrd"]
    )


def test_a_tz_of_prostatezones_without_afs_beside_it_is_the_central_gland(tmp_path: Path) -> None:
    trees.prostatezones(tmp_path)
    names = {
        f"Segment{value}_{what}": text
        for value, name in ((1, "PZ"), (2, "TZ"), (3, "Urethra"))
        for what, text in (("Name", name), ("LabelValue", str(value)))
    }
    trees.write_volume(tmp_path / "Singles" / "Seg-0000.nrrd", trees.zones(), metadata=names)
    sources = LAYOUTS["prostatezones"].read(Listing(tmp_path)).sources
    (single,) = [source for source in sources if source.case_id == "ProstateX-0000-zones"]
    assert single.labels[0].codes == {0: BG, 1: PZ, 2: CG, 3: CG}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ProstateX-0000:t2tsetra-[:sag:cor:dwi:adc:hbv", "list_of_PROSTATEx_files.txt holds something that is no"),
        ("ProstateX-0000:t2:sag:cor", "list_of_PROSTATEx_files.txt, which names the T2W series, is not there or lacks"),
        ("ProstateX-0000:t2cor:sag:cor:dwi:adc:hbv", "0 of the patient's series fit the T2W that the support file"),
    ],
)
def test_prostatezones_need_the_list_of_series(tmp_path: Path, line: str, reason: str) -> None:
    trees.prostatezones(tmp_path)
    (tmp_path / "Support Files" / "list_of_PROSTATEx_files.txt").write_text(f"{line}\n", encoding="utf-8")
    assert left(LAYOUTS["prostatezones"].read(Listing(tmp_path)))["Singles/Seg-0000.nrrd"].startswith(reason)


def test_prostatezones_take_the_acquired_dwi_before_the_calculated(tmp_path: Path) -> None:
    trees.prostatezones(tmp_path)
    study = tmp_path / "PROSTATEx" / "ProstateX-0000" / "study"
    uid = generate_uid(entropy_srcs=["ProstateX-0000"])
    for number, name in ((6, "ep2ddifftraDYNDIST-1"), (8, "ep2ddifftraDYNDISTCALCBVAL-2")):
        series = dicom.trace(number, b_values=(800.0,), description=name)
        changes: dict[str, Any] = {"image_type": series.image_type, "b_values": series.b_values, "scanning": "EP"}
        trees.write_series(study / name, "ProstateX-0000", number=number, description=name, study=uid, **changes)
    support = tmp_path / "Support Files" / "list_of_PROSTATEx_files.txt"
    for dwi, expected in (("DYNDIST-1", "ep2ddifftraDYNDIST-1"), ("", "ep2ddifftraDYNDISTCALCBVAL-2")):
        support.write_text(f"ProstateX-0000:t2tsetra:sag:cor:{dwi}:none:CALCBVAL\n", encoding="utf-8")
        (source,) = LAYOUTS["prostatezones"].read(Listing(tmp_path)).sources
        assert isinstance(source.inputs, dict)
        assert source.inputs[Sequence.DWI] == study / expected


def test_qin_has_two_visits_of_a_patient(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "qin")
    first, second = of.sources
    assert (first.case_id, second.case_id, first.patient_id, second.patient_id) == (
        "PCAMPMRI-00001-1",
        "PCAMPMRI-00001-2",
        "PCAMPMRI-00001",
        "PCAMPMRI-00001",
    )
    assert (first.codes, first.rest) == ((BG, PZ, CG), CG)
    assert (second.codes, second.rest) == ((BG, WG), None)
    assert sorted(left(of)) == [
        "PCAMPMRI-00001/a/601",
        "PCAMPMRI-00001/b/601",
        "PCAMPMRI-00002/a/6",
        "PCAMPMRI-00002/a/601",
    ]
    assert set(left(of).values()) == {
        "the SEG was drawn on another series than T2W",
        "its SEG draws the PZ, but not the gland",
    }
    assert isinstance(first.inputs, dict)
    assert first.inputs[Sequence.T2W] == tmp_path / "in" / "PCAMPMRI-00001" / "b" / "6"  # the earlier by its date
    assert first.labels[0].codes == {0: BG, 1: WG, 2: PZ}  # neither the tumour nor the normal tissue
    prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    dataset = Dataset.open(tmp_path / "out")
    assert set(np.unique(dataset.reference("PCAMPMRI-00001-1").values)) == {BG, PZ, CG}
    assert set(np.unique(dataset.reference("PCAMPMRI-00001-2").values)) == {BG, WG}
    assert len({entry.split for entry in dataset.entries}) == 1  # one patient stands on one side


def test_a_careless_header_of_nci_isbi_is_not_believed(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "nci-isbi-2013")
    assert [source.case_id for source in of.sources] == ["Prostate3T-01-0009", "ProstateDx-01-0006"]
    assert of.sources[1].labels[0].path.name == "ProstateDx-01-0006_correctedLabels.nrrd"
    assert left(of) == {
        "Prostate3T-01-0001": "0 series of its images are there: it needs exactly the T2W one",
        "ProstateDx-01-0006.nrrd": "ProstateDx-01-0006_correctedLabels.nrrd is there in its place",
    }
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    assert any("direction cosines by up to 0.060" in text for text in result.warnings)
    reference = Dataset.open(tmp_path / "out").reference("Prostate3T-01-0009").values
    np.testing.assert_array_equal(reference == PZ, trees.zones() == 1)


def test_nci_isbi_knows_the_t2w_among_several_series(tmp_path: Path) -> None:
    trees.nci_isbi(tmp_path)
    study = tmp_path / "images" / "ProstateDx-01-0006" / "study"
    uid = generate_uid(entropy_srcs=["ProstateDx-01-0006"])
    trees.write_series(study / "dce", "ProstateDx-01-0006", number=7, description="DCE", study=uid)
    trees.write_series(study / "scout", "ProstateDx-01-0006", number=1, description="t2 scout", slices=3, study=uid)
    by_id = {source.case_id: source for source in LAYOUTS["nci-isbi-2013"].read(Listing(tmp_path)).sources}
    assert by_id["ProstateDx-01-0006"].files["t2w"] == study / "series"  # of as many slices as the label has
    trees.write_series(study / "again", "ProstateDx-01-0006", number=9, study=uid)
    of = LAYOUTS["nci-isbi-2013"].read(Listing(tmp_path))
    assert left(of)["ProstateDx-01-0006"] == "2 series of its images are there: it needs exactly the T2W one"


def test_msd_keeps_both_volumes_of_a_4d_file(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "msd")
    (source,) = of.sources
    assert (source.case_id, source.patient_id, source.codes) == ("msd-prostate_00", "MSD-prostate_00", (BG, PZ, CG))
    assert isinstance(source.inputs, dict)
    assert source.inputs[Sequence.ADC] == Component(
        tmp_path / "in" / "Task05_Prostate" / "imagesTr" / "prostate_00.nii.gz", 1
    )
    assert left(of) == {
        "prostate_01": "there is no file of it in labelsTr",
        "prostate_03": "the test images have no labels",
    }
    prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    dataset = Dataset.open(tmp_path / "out")
    assert dataset.entries[0].channels_present == (True, False, True)
    image = dataset.slices("msd-prostate_00").images
    assert np.nanmedian(image[:, 2]) == pytest.approx(1200)


def test_msd_follows_its_own_table_of_labels(tmp_path: Path) -> None:
    root = trees.msd(tmp_path) / "Task05_Prostate"
    (root / "dataset.json").write_text('{"labels": {"0": "background", "1": "TZ", "2": "PZ"}}', encoding="utf-8")
    (source,) = LAYOUTS["msd"].read(Listing(tmp_path)).sources
    assert source.labels[0].codes == {0: BG, 1: CG, 2: PZ}
    (root / "dataset.json").write_text('{"labels": {"0": "background", "1": "liver"}}', encoding="utf-8")
    with pytest.raises(DatasetError, match="does not name the labels background, PZ and TZ"):
        LAYOUTS["msd"].read(Listing(tmp_path))


def test_prostate158_numbers_the_central_gland_first_and_keeps_its_test_side(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "prostate158")
    by_id = {source.case_id: source for source in of.sources}
    assert sorted(by_id) == ["prostate158-001-reader1", "prostate158-020-reader1", "prostate158-020-reader2"]
    assert by_id["prostate158-020-reader1"].image_id == by_id["prostate158-020-reader2"].image_id == "prostate158-020"
    assert (by_id["prostate158-001-reader1"].side, by_id["prostate158-020-reader1"].side) == ("test", None)
    assert by_id["prostate158-020-reader1"].labels[0].codes == {0: BG, 1: CG, 2: PZ}
    assert by_id["prostate158-020-reader1"].notes == ("there is no adc.nii.gz: the channel is absent",)
    assert left(of) == {"train/021": "no reader drew its zones"}
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    assert len(result.done) == 3


def test_picai_patients_of_prostatex_go_by_that_name(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "picai")
    patients = {source.case_id: source.patient_id for source in of.sources}
    assert patients == {
        "picai-10000_1000000-bosma22b": "PI-CAI-10000",
        "picai-10000_1000000-yuan23": "PI-CAI-10000",
        "picai-11373_1001397-bosma22b": "ProstateX-0000",
        "picai-11373_1001397-heviai23": "ProstateX-0000",
        "picai-11373_1001397-yuan23": "ProstateX-0000",
    }
    assert {source.licence for source in of.sources} == {"CC BY-NC 4.0"}
    assert "there is no 10000_1000000_hbv.mha: the channel is absent" in of.sources[0].notes
    assert left(of) == {"10005_1000005": "its images are not there"}
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    assert list(result.failed) == ["picai-11373_1001397-heviai23"]
    assert "its number is swapped with another zone's" in result.failed["picai-11373_1001397-heviai23"]


def test_picai_without_its_mapping_is_refused_since_patients_could_leak(tmp_path: Path) -> None:
    trees.picai(tmp_path)
    mapping = tmp_path / "picai_labels" / "additional_resources" / "ProstateX-mapping.json"
    mapping.write_text("[]", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"ProstateX-mapping\.json cannot be read: fetch picai_labels again"):
        LAYOUTS["picai"].read(Listing(tmp_path))
    mapping.unlink()
    with pytest.raises(DatasetError, match="could stand on both sides of a split: fetch all of picai_labels"):
        LAYOUTS["picai"].read(Listing(tmp_path))


def test_promise12_cases_of_prostate_3t_go_by_that_name(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "promise12")
    patients = {source.case_id: source.patient_id for source in of.sources}
    assert patients == {
        "promise12-train_Case00": "PROMISE12-train_Case00",
        "promise12-train_Case13": "Prostate3T-01-0001",
    }
    assert left(of) == {"test_Case00": "there is no segmentation of it"}
    result = prepare(tmp_path / "out", source=tmp_path / "in", settings=SETTINGS)
    assert any("case promise12-train_Case00: the gland is in 2 pieces" in text for text in result.warnings)
    assert not any("counts as the same patient" in text for text in result.warnings)


def test_nnunet_channels_and_labels_are_known_by_name(tmp_path: Path) -> None:
    of = found(tmp_path / "in", "nnunet")
    train, test = of.sources
    assert (train.case_id, train.side, test.case_id, test.side) == (
        "Dataset501_Prostate-a",
        None,
        "Dataset501_Prostate-c",
        "test",
    )
    assert isinstance(train.inputs, dict)
    assert set(train.inputs) == {Sequence.T2W, Sequence.ADC}
    assert train.labels[0].codes == {0: BG, 1: PZ, 2: TZ, 3: CG, 4: AFS, 5: LabelCode.NOT_ANNOTATED}  # any urethra
    assert (train.licence, train.dataset) == ("CC BY 4.0", "Dataset501_Prostate")
    assert left(of) == {"imagesTr/b": "there is no label of it"}
    prepare(tmp_path / "out", source=tmp_path / "in" / "Dataset501_Prostate", settings=SETTINGS)
    reference = Dataset.open(tmp_path / "out").reference("Dataset501_Prostate-a").values
    assert (reference[9] == LabelCode.NOT_ANNOTATED).all()


REGIONS = {"background": 0, "whole_gland": [1, 2, 3, 4], "PZ": [1], "central_gland": [2, 3, 4]}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (REGIONS, {0: BG, 1: PZ, 2: CG, 3: CG, 4: CG}),
        ({"background": 0, "PZ": 1, "TZ": 2}, {0: BG, 1: PZ, 2: CG}),  # as in MSD Task05, TZ is all that is not PZ
        ({"background": 0, "PZ": 1, "TZ": 2, "AFS": 3, "DPU": 4}, {0: BG, 1: PZ, 2: TZ, 3: AFS, 4: DPU}),
        ({"background": 0, "PZ": 1, "TZ": 2, "urethra": 3}, {0: BG, 1: PZ, 2: CG, 3: CG}),  # the AFS is in the TZ
        ({"background": 0, "PZ": 1, "TZ": 2, "DPU": 3}, {0: BG, 1: PZ, 2: CG, 3: CG}),
        ({"background": 0, "CG": [2, 3], "PZ": 1, "TZ": 2, "urethra": 3}, {0: BG, 1: PZ, 2: CG, 3: CG}),
        ({"background": 0, "PZ": 1, "TZ": 2, "CG": 3}, {0: BG, 1: PZ, 2: TZ, 3: CG}),  # it is in the rest
        ({"background": 0, "prostate": [1, 2], "ignore": 3}, {0: BG, 1: WG, 2: WG, 3: LabelCode.NOT_ANNOTATED}),
    ],
)
def test_a_value_of_nnunet_is_what_all_its_labels_allow(
    tmp_path: Path, labels: dict[str, Any], expected: dict[int, LabelCode]
) -> None:
    root = trees.nnunet(tmp_path) / "Dataset501_Prostate"
    (root / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T2W"}, "labels": labels}), encoding="utf-8")
    assert LAYOUTS["nnunet"].read(Listing(tmp_path)).sources[0].labels[0].codes == expected


def test_labels_of_nnunet_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    root = trees.nnunet(tmp_path) / "Dataset501_Prostate"
    about = {"channel_names": {"0": "T2W"}, "labels": {"background": 0, "PZ": [1, 2], "TZ": [2]}}
    (root / "dataset.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(DatasetError, match="the value 2 is PZ, TZ, which exclude each other"):
        LAYOUTS["nnunet"].read(Listing(tmp_path))


def test_nnunet_may_be_given_as_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = trees.nnunet(tmp_path) / "Dataset501_Prostate"
    (root / "imagesTr" / "a_0000.nii.gz").rename(root / "imagesTr" / "a b_0000.nii.gz")
    monkeypatch.chdir(root)
    of = LAYOUTS["nnunet"].read(Listing(Path()))
    assert [source.case_id for source in of.sources] == ["Dataset501_Prostate-c"]
    assert left(of)["imagesTr/a b"] == "its name cannot name a case: use letters, digits, _, -"


def test_nnunets_copy_of_msd_is_nnunets(tmp_path: Path) -> None:
    root = trees.nnunet(tmp_path) / "Dataset501_Prostate"
    (root / "imagesTr" / "a_0000.nii.gz").rename(root / "imagesTr" / "prostate_00_0000.nii.gz")
    assert recognise(Listing(root)).name == "nnunet"


@pytest.mark.parametrize(("name", "task"), [("nnunet", "Dataset501_Prostate"), ("msd", "Task05_Prostate")])
def test_of_several_data_sets_below_a_folder_none_is_taken_in_silence(name: str, task: str, tmp_path: Path) -> None:
    root = TREES[name](tmp_path)
    other = root / task.replace("5", "6")
    shutil.copytree(root / task, other)
    assert recognise(Listing(root)).name == name
    with pytest.raises(DatasetError) as error:
        LAYOUTS[name].read(Listing(root))
    said = str(error.value)
    assert said.startswith(f"{root} holds 2 data sets of the layout {name} ({task}, {other.name})")
    assert said.endswith(f"give each folder of its own, {root / task} {other}")
    assert LAYOUTS[name].read(Listing(other)).sources


def test_msd_lies_beside_other_tasks(tmp_path: Path) -> None:
    trees.msd(tmp_path)
    trees.write_volume(tmp_path / "Task02_Heart" / "imagesTr" / "la_003.nii.gz", trees.image())
    assert recognise(Listing(tmp_path)).name == "msd"
    assert len(LAYOUTS["msd"].read(Listing(tmp_path)).sources) == 1


@pytest.mark.parametrize(
    ("folder", "case_id", "patient"),
    [
        ("test_data", "promise12-test_Case13", "PROMISE12-test_Case13"),
        ("training_data", "promise12-train_Case13", "Prostate3T-01-0001"),
        ("latest_training", "promise12-train_Case13", "Prostate3T-01-0001"),
    ],
)
def test_which_part_of_promise12_a_case_is_of_hangs_on_its_folders_alone(
    tmp_path: Path, folder: str, case_id: str, patient: str
) -> None:
    trees.write_volume(tmp_path / folder / "Case13.mhd", trees.image())
    trees.write_volume(tmp_path / folder / "Case13_segmentation.mhd", trees.gland())
    for given in (tmp_path, tmp_path / folder):
        (source,) = LAYOUTS["promise12"].read(Listing(given)).sources
        assert (source.case_id, source.patient_id) == (case_id, patient)


def test_a_case_of_promise12_of_which_no_folder_tells_is_left_out(tmp_path: Path) -> None:
    trees.write_volume(tmp_path / "all" / "Case13.mhd", trees.image())
    trees.write_volume(tmp_path / "all" / "Case13_segmentation.mhd", trees.gland())
    of = LAYOUTS["promise12"].read(Listing(tmp_path / "all"))
    assert not of.sources
    assert left(of)["Case13.mhd"].startswith("no folder says whether it is of training_data or of test_data")


def test_prostatezones_find_series_in_folders_that_the_idc_names(tmp_path: Path) -> None:
    trees.prostatezones(tmp_path)
    study = tmp_path / "PROSTATEx" / "ProstateX-0000" / "study"
    next(study.iterdir()).rename(study / "MR_1.2.3")
    support = tmp_path / "Support Files" / "list_of_PROSTATEx_files.txt"
    support.write_text("ProstateX-0000:4.000000-t2tsetra-00702:sag:cor:dwi:none:none\n", encoding="utf-8")
    (source,) = LAYOUTS["prostatezones"].read(Listing(tmp_path)).sources
    assert source.files["t2w"] == study / "MR_1.2.3"


def test_names_of_prostatezones_may_be_joined_by_underscores(tmp_path: Path) -> None:
    trees.prostatezones(tmp_path)
    names = {"Segment0_Name": "Prostate_PZ", "Segment0_LabelValue": "1"}
    names |= {"Segment1_Name": "Prostate_TZ", "Segment1_LabelValue": "2"}
    names |= {"Segment2_Name": "Prostate_AFS", "Segment2_LabelValue": "3"}
    trees.write_volume(tmp_path / "Singles" / "Seg-0000.nrrd", trees.zones(), metadata=names)
    sources = {source.case_id: source for source in LAYOUTS["prostatezones"].read(Listing(tmp_path)).sources}
    assert sources["ProstateX-0000-zones"].labels[0].codes == {0: BG, 1: PZ, 2: TZ, 3: AFS}
    names["Segment1_Name"] = "Prostate_peripheral_zone"
    trees.write_volume(tmp_path / "Singles" / "Seg-0000.nrrd", trees.zones(), metadata=names)
    assert left(LAYOUTS["prostatezones"].read(Listing(tmp_path)))["Singles/Seg-0000.nrrd"].startswith(
        "its header names peripheral zone twice"
    )


def test_a_second_seg_of_qin_that_draws_the_same_is_left_out(tmp_path: Path) -> None:
    trees.qin(tmp_path)
    study = tmp_path / "PCAMPMRI-00001" / "b"
    t2w = [pydicom.dcmread(file) for file in sorted((study / "6").iterdir())]
    larger = np.ones(trees.SHAPE, dtype=np.uint8)
    trees.write_seg(study / "700" / "1.dcm", t2w, {"WholeGland": (trees.SNOMED_RT["WholeGland"], larger)}, dcmqi=True)
    of = LAYOUTS["qin"].read(Listing(tmp_path))
    assert [len(source.labels) for source in of.sources] == [1, 1]
    assert left(of)["PCAMPMRI-00001/b/700"] == "another SEG of the same series, which draws the same, is taken"


@pytest.mark.parametrize(
    "orientation",
    [
        (1.0, 0.0, 0.0, 0.0, 0.98, -0.2),  # tilted towards the rectum
        (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0),  # rows and columns reversed
        (1.0, 0.0, 0.0, 0.0, -1.0, 0.0),  # slices from superior to inferior
    ],
)
def test_a_seg_on_an_oblique_or_reversed_series_is_placed_voxel_by_voxel(
    tmp_path: Path, orientation: tuple[float, ...]
) -> None:
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    column /= np.linalg.norm(column)
    series = tmp_path / "in" / "PROSTATEx" / "ProstateX-0004" / "study" / "4"
    t2w = trees.write_series(series, "ProstateX-0004", orientation=(*row, *column))
    drawn = {name: (code, trees.zones() == n) for n, (name, code) in enumerate(trees.SNOMED.items(), start=1)}
    trees.write_seg(tmp_path / "in" / "PROSTATEx-Seg-Zones" / "ProstateX-0004" / "1-1.dcm", t2w, drawn)
    settings = SETTINGS.override(["checking.anatomy=warn"])  # a patient on their head is no patient
    prepare(tmp_path / "out", source=tmp_path / "in", settings=settings)
    reference = Dataset.open(tmp_path / "out").reference("ProstateX-0004")
    by_place = [reference.grid.to_index(t2w[s].ImagePositionPatient) for s in (0, 9)]
    values = reference.values if by_place[0][0] < by_place[1][0] else reference.values[::-1]
    np.testing.assert_array_equal(values, trees.zones())


def test_nnunet_refuses_a_label_that_means_nothing_here(tmp_path: Path) -> None:
    root = trees.nnunet(tmp_path) / "Dataset501_Prostate"
    about = '{"channel_names": {"0": "T2W"}, "labels": {"background": 0, "lesion": 1}}'
    (root / "dataset.json").write_text(about, encoding="utf-8")
    with pytest.raises(DatasetError, match="the label 'lesion' is none that is known"):
        LAYOUTS["nnunet"].read(Listing(tmp_path))
    (root / "dataset.json").write_text(about.replace("T2W", "CT"), encoding="utf-8")
    with pytest.raises(DatasetError, match="none of the channels CT is called T2W"):
        LAYOUTS["nnunet"].read(Listing(tmp_path))


def test_one_image_in_two_sets_is_one_patient_under_any_name(tmp_path: Path) -> None:
    trees.msd(tmp_path / "msd")
    case = trees.prostate158(tmp_path / "p158") / "prostate158_train" / "train" / "020"
    trees.write_volume(case / "t2.nii.gz", trees.image("prostate_00"))  # as in the other set
    result = prepare(tmp_path / "out", source=[tmp_path / "msd", tmp_path / "p158"], settings=SETTINGS)
    entries = {entry.case_id: entry for entry in Dataset.open(tmp_path / "out").entries}
    same = [entries[name] for name in ("msd-prostate_00", "prostate158-020-reader1", "prostate158-020-reader2")]
    assert {entry.patient_id for entry in same} == {"MSD-prostate_00"}
    assert len({entry.split for entry in same}) == 1
    assert entries["prostate158-001-reader1"].patient_id == "Prostate158-001"
    assert any("Prostate158-020 counts as the same patient" in text for text in result.warnings)


def test_several_sets_become_one_dataset_by_one_call(tmp_path: Path) -> None:
    folders = [trees.msd(tmp_path / "msd"), trees.prostate158(tmp_path / "p158"), trees.picai(tmp_path / "picai")]
    settings = SETTINGS.override(['split.test_sets=["PI-CAI"]', "checking.anatomy=warn"])
    result = prepare(tmp_path / "out", source=folders, settings=settings)
    assert [of["dataset"] for of in result.taken] == ["MSD Task05_Prostate", "PI-CAI", "Prostate158"]
    dataset = Dataset.open(tmp_path / "out")
    sides = {entry.case_id: entry.split for entry in dataset.entries}
    assert {case_id for case_id, side in sides.items() if side == "test"} == {
        case_id for case_id in sides if case_id.startswith("picai-")
    }
    assert sides["prostate158-020-reader1"] == sides["prostate158-020-reader2"] != sides["msd-prostate_00"]
    assert sides["prostate158-001-reader1"] == "evaluation"  # whom its publisher keeps for testing
    assert {entry.licence for entry in dataset.entries} == {"CC BY-SA 4.0", "CC BY 4.0", "CC BY-NC 4.0"}
