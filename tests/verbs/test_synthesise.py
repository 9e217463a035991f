import csv
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.simulation.glands import grid, t2w, zones
from zonate.config import Settings
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError, LeakageError, OutputError
from zonate.geometry import Volume
from zonate.io.nifti import read_volume, write_volume
from zonate.simulation.from_shapes import Synthetic, synthesise_image
from zonate.verbs import synthesise as verb
from zonate.verbs.prepare import prepare
from zonate.verbs.synthesise import About, SynthesiseResult, synthesise
from zonate.zones import LabelCode

ABOUT = About("drawn shapes", "CC BY 3.0", "Drawn by hand")
FILE_CODES = "0=BACKGROUND;1=PZ;5=CENTRAL_GLAND"
_HEAD = "case_id,patient_id,t2w,labels,label_codes,dataset,licence,use,citation\n"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """Three patients; P2's row is for evaluation only."""
    rows = ""
    for k, (half, use) in enumerate(
        (((12.0, 15.0, 20.0), "any"), ((12.0, 17.0, 22.0), "any"), ((12.0, 15.0, 20.0), "evaluation"))
    ):
        drawn = zones(grid(6, 64, (4.0, 1.5, 1.5)), half)
        write_volume(tmp_path / f"in/{k}/t2w.nii.gz", t2w(drawn))
        write_volume(tmp_path / f"in/{k}/zones.nii.gz", drawn)
        rows += f"H{k},P{k},{k}/t2w.nii.gz,{k}/zones.nii.gz,{FILE_CODES},hosts,CC BY 4.0,{use},Lent by P{k}\n"
    (tmp_path / "in/cases.csv").write_text(_HEAD + rows, encoding="utf-8")
    return tmp_path / "in/cases.csv"


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Two label volumes by NCI-ISBI's numbers, and a file that is none."""
    for name, half in (("A-01", (12.0, 18.0, 22.0)), ("A-02_corrected", (12.0, 13.0, 21.0))):
        drawn = zones(grid(6, 64, (4.0, 1.5, 1.5)), half)
        numbers = np.where(drawn.values == LabelCode.CENTRAL_GLAND, 2, drawn.values).astype(np.uint8)
        write_volume(tmp_path / f"shapes/{name}.nrrd", drawn.with_values(numbers))
    (tmp_path / "shapes/readme.txt").touch()
    return tmp_path / "shapes"


def made(output: Path, shapes: Path, hosts: Path, **named: object) -> tuple[SynthesiseResult, list[dict[str, str]]]:
    result = synthesise(output, shapes=[shapes], hosts=[hosts], about=ABOUT, **named)  # type: ignore[arg-type]
    with result.manifest.open(encoding="utf-8", newline="") as file:
        return result, list(csv.DictReader(file))


def test_each_shape_gets_its_images_and_its_zones(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    result, rows = made(tmp_path / "out", shapes, hosts)
    names = ("A-01-1", "A-01-2", "A-02_corrected-1", "A-02_corrected-2")
    assert result.done == tuple(f"synthetic-{name}" for name in names)
    assert result.failed == {}
    assert [row["case_id"] for row in rows] == list(result.done)
    first = tmp_path / "out/synthetic-A-01-1"
    labels, image = read_volume(first / "zones.nii.gz"), read_volume(first / "t2w.nii.gz")
    assert image.values.dtype == np.int16
    assert labels.grid.same_as(image.grid)
    shape = read_volume(shapes / "A-01.nrrd").values
    for value, code in ((1, LabelCode.PZ), (2, LabelCode.CENTRAL_GLAND)):
        assert (labels.values == code).sum() == (shape == value).sum()
    with pytest.raises(OutputError):
        synthesise(tmp_path / "out", shapes=[shapes], hosts=[hosts], about=ABOUT)


def test_the_manifest_says_whose_the_parts_are_and_that_they_only_train(
    tmp_path: Path, shapes: Path, hosts: Path
) -> None:
    _, rows = made(tmp_path / "out", shapes, hosts, n=1, leave_out=["P0"])
    assert {row["patient_id"] for row in rows} == {"synthetic-A-01-1", "synthetic-A-02_corrected-1"}
    assert {row["split"] for row in rows} == {"train"}
    assert {row["dataset"] for row in rows} == {"synthetic (drawn shapes shapes)"}
    assert {row["licence"] for row in rows} == {"CC BY 3.0; CC BY 4.0"}
    assert {row["citation"] for row in rows} == {"Drawn by hand; Lent by P1"}  # P2 is for evaluation, P0 left out
    assert {row["label_codes"] for row in rows} == {FILE_CODES}
    assert [row["derived_from"] for row in rows] == ["P1;A-01", "P1;A-02;A-02_corrected"]  # host, and shape
    assert {source.side for source in read_manifest(tmp_path / "out/manifest.csv")} == {"train"}


def test_patients_to_leave_out_lend_neither_image_nor_shape(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    result, rows = made(tmp_path / "out", shapes, hosts, n=3, leave_out=["P1", "A-02"])
    assert result.done == ("synthetic-A-01-1", "synthetic-A-01-2", "synthetic-A-01-3")
    assert all(row["citation"].endswith("Lent by P0") for row in rows)
    with pytest.raises(DatasetError, match="nowhere to put the shapes"):
        made(tmp_path / "none", shapes, hosts, leave_out=["P0", "P1"])
    with pytest.raises(DatasetError, match="no label volume to use"):
        made(tmp_path / "none", shapes, hosts, leave_out=["A-01", "A-02"])


def test_a_patient_to_leave_out_whom_nobody_knows_is_refused(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    with pytest.raises(DatasetError, match=r"neither host nor shape is called so: P7, A-0;"):
        made(tmp_path / "out", shapes, hosts, leave_out=["P0", "P7", "A-0", "A-02", "P7"])
    assert not (tmp_path / "out").exists()
    result, _ = made(tmp_path / "out", shapes, hosts, n=1, leave_out=["P2", "A-02"])  # P2 is for evaluation only
    assert result.done == ("synthetic-A-01-1",)


def test_a_shape_whose_name_cannot_name_a_case_is_refused_before_anything_is_made(
    tmp_path: Path, shapes: Path, hosts: Path
) -> None:
    drawn = read_volume(shapes / "A-01.nrrd")
    long = "x" * 117  # `synthetic-` and `-1` make 129 characters of it
    for name in ("B 03", long, "x" * 116):
        write_volume(shapes / f"{name}.nrrd", drawn)
    with pytest.raises(DatasetError, match=rf"cannot name a case: 'B 03\.nrrd', '{long}\.nrrd'; rename"):
        made(tmp_path / "out", shapes, hosts, n=1)
    assert not (tmp_path / "out").exists()
    result, _ = made(tmp_path / "out", shapes, hosts, n=1, leave_out=["B 03", long])
    assert len(result.done) == 3


def test_a_shape_is_of_the_patient_whom_its_name_names_up_to_the_first_dot(
    tmp_path: Path, shapes: Path, hosts: Path
) -> None:
    drawn = read_volume(shapes / "A-01.nrrd")
    for name in ("ProstateX-0104.zones", "MSD-prostate_00", "ProstateDx-01-0006_correctedLabels"):
        write_volume(tmp_path / f"named/{name}.nrrd", drawn)
    _, rows = made(tmp_path / "out", tmp_path / "named", hosts, n=1, leave_out=["P0"])
    assert {row["case_id"]: row["derived_from"] for row in rows} == {
        "synthetic-ProstateX-0104.zones-1": "P1;ProstateX-0104",
        "synthetic-MSD-prostate_00-1": "P1;MSD-prostate;MSD-prostate_00",
        "synthetic-ProstateDx-01-0006_correctedLabels-1": "P1;ProstateDx-01-0006;ProstateDx-01-0006_correctedLabels",
    }


def test_a_host_that_was_made_names_those_that_it_was_made_from(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    first, _ = made(tmp_path / "first", shapes / "A-01.nrrd", hosts, n=1, leave_out=["P0"])
    _, rows = made(tmp_path / "second", shapes / "A-02_corrected.nrrd", first.manifest, n=1)
    assert [row["derived_from"] for row in rows] == ["synthetic-A-01-1;P1;A-01;A-02;A-02_corrected"]
    with pytest.raises(DatasetError, match="nowhere to put the shapes"):
        made(tmp_path / "third", shapes / "A-02_corrected.nrrd", first.manifest, leave_out=["P1"])


def test_a_host_whose_name_cannot_be_told_from_two_is_refused(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    hosts.write_text(hosts.read_text(encoding="utf-8").replace("H1,P1,", "H1,P1;x,"), encoding="utf-8")
    with pytest.raises(DatasetError, match=r"cases\.csv, line 3, column patient_id: 'P1;x' has a ';'"):
        made(tmp_path / "out", shapes, hosts)


def test_no_image_is_drawn_from_the_numbers_that_chose_the_hosts(
    tmp_path: Path, shapes: Path, hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firsts = []

    def listening(shape: Volume, t2w: Volume, zones: Volume, rng: np.random.Generator, *, drawn: bool) -> Synthetic:
        firsts.append(rng.random())
        return synthesise_image(shape, t2w, zones, rng, drawn=drawn)

    monkeypatch.setattr(verb, "synthesise_image", listening)
    made(tmp_path / "out", shapes / "A-01.nrrd", hosts, n=2, seed=4)
    of_hosts = np.random.default_rng((4, zlib.crc32(b"A-01"))).random()
    assert len({*firsts, of_hosts}) == 3


def test_the_same_seed_gives_the_same_bits_and_a_case_does_not_depend_on_the_others(
    tmp_path: Path, shapes: Path, hosts: Path
) -> None:
    made(tmp_path / "one", shapes, hosts, n=2, seed=4)
    made(tmp_path / "two", shapes / "A-02_corrected.nrrd", hosts, n=1, drawn_share=0.0, seed=4)
    made(tmp_path / "other", shapes / "A-02_corrected.nrrd", hosts, n=1, seed=5, drawn_share=1.0)
    one, two, other = (
        read_volume(tmp_path / name / "synthetic-A-02_corrected-1/t2w.nii.gz").values
        for name in ("one", "two", "other")
    )
    assert (one == two).all()
    assert one.shape != other.shape or (one != other).any()


def test_a_shape_that_cannot_be_is_set_aside(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    upside = read_volume(shapes / "A-01.nrrd")
    write_volume(shapes / "B.nrrd", upside.with_values(np.flip(upside.values, 1).copy()))
    write_volume(shapes / "C.nrrd", upside.with_values((upside.values * 3).astype(np.uint8)))
    write_volume(shapes / "D.nrrd", upside.with_values((upside.values > 0).astype(np.uint8)))
    result, _ = made(tmp_path / "out", shapes, hosts, n=1)
    assert set(result.failed) == {"B", "C", "D"}
    assert "in front of the central gland" in result.failed["B"]
    assert "not declared" in result.failed["C"]
    assert "needs a PZ and a central gland" in result.failed["D"]
    assert len(result.done) == 2


def test_two_shapes_of_one_name_and_wrong_arguments_are_refused(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    with pytest.raises(DatasetError, match="two shapes are called A-01"):
        synthesise(tmp_path / "out", shapes=[shapes, shapes / "A-01.nrrd"], hosts=[hosts], about=ABOUT)
    with pytest.raises(DatasetError, match="neither a label volume nor a folder"):
        synthesise(tmp_path / "out", shapes=[tmp_path / "nothing"], hosts=[hosts], about=ABOUT)
    for wrong in ({"n": 0}, {"seed": -1}, {"drawn_share": 1.5}):
        with pytest.raises(ValueError, match="the share from 0 to 1"):
            made(tmp_path / "out", shapes, hosts, **wrong)
    assert not (tmp_path / "out").exists()


def test_a_case_whose_host_or_shape_tests_is_refused(tmp_path: Path, shapes: Path, hosts: Path) -> None:
    drawn = read_volume(shapes / "A-01.nrrd")
    write_volume(tmp_path / "named/P0.zones.nrrd", drawn)
    result, _ = made(tmp_path / "out", tmp_path / "named", hosts, n=1, leave_out=["P1"])
    of_host, _ = made(tmp_path / "other", shapes / "A-01.nrrd", hosts, n=1, leave_out=["P1"])
    lines = hosts.read_text(encoding="utf-8").splitlines()
    tests = hosts.with_name("split.csv")
    tests.write_text(f"{lines[0]},split\n{lines[1]},test\n{lines[2]},train\n", encoding="utf-8")
    for manifest, name in ((result.manifest, "P0.zones"), (of_host.manifest, "A-01")):
        leak = rf"P0 \(train: case synthetic-{name}-1 made from this patient, test: case H0\).*--leave-out PATIENT"
        with pytest.raises(LeakageError, match=leak):
            prepare(tmp_path / "dataset", manifests=[tests, manifest])
    assert not (tmp_path / "dataset").exists()  # before anything was prepared


def test_made_once_they_train_in_each_fold_whose_tests_they_do_not_show(
    tmp_path: Path, shapes: Path, hosts: Path
) -> None:
    result, _ = made(tmp_path / "out", shapes, hosts, n=2)
    settings = Settings().override(["split.folds=2", "split.fold=0", "split.validation_fraction=0"])
    prepare(tmp_path / "dataset", manifests=[hosts, result.manifest], settings=settings)
    dataset = Dataset.open(tmp_path / "dataset")
    for fold in range(2):
        view = dataset.folded(fold)
        (tested,) = (entry.patient_id for entry in view.split("test"))
        assert {entry.case_id: tested in entry.derived_from for entry in view.split("train") if entry.derived_from} == {
            case_id: False for case_id in result.done if tested not in dataset.entry(case_id).derived_from
        }
        aside = [entry.case_id for entry in view.entries if entry.stands_aside]
        assert aside == [case_id for case_id in result.done if tested in dataset.entry(case_id).derived_from]
        assert len(aside) == 2
    again = prepare(tmp_path / "dataset", manifests=[hosts, result.manifest], settings=settings)
    assert again.done == ()
    text = result.manifest.read_text(encoding="utf-8").replace("P1;A-01", "P1;A-01;P9")
    result.manifest.write_text(text, encoding="utf-8")
    changed = prepare(tmp_path / "dataset", manifests=[hosts, result.manifest], settings=settings)
    assert [case_id[:-2] for case_id in changed.done] == ["synthetic-A-01"]
