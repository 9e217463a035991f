from pathlib import Path

import pytest

from zonate.dataset.importers import read_manifest
from zonate.errors import DatasetError, LabelError
from zonate.study import Sequence
from zonate.zones import LabelCode

HEADER = "case_id,patient_id,t2w,dwi,adc,labels,label_codes,dataset,licence,use"
ROW = "a,P1,a/t2w.nii.gz,,,a/zones.nrrd,0=BACKGROUND;1=PZ;2=CENTRAL_GLAND,NCI,CC BY 3.0,any"


def write(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "cases.csv"
    file.write_text("\n".join(lines) + "\n", encoding=encoding)
    return file


def test_a_row_becomes_a_source(tmp_path: Path) -> None:
    (source,) = read_manifest(write(tmp_path, HEADER, ROW))
    assert (source.case_id, source.patient_id) == ("a", "P1")
    assert source.inputs == {Sequence.T2W: tmp_path / "a/t2w.nii.gz"}
    (layer,) = source.labels
    assert layer.path == tmp_path / "a/zones.nrrd"
    assert layer.codes == {0: LabelCode.BACKGROUND, 1: LabelCode.PZ, 2: LabelCode.CENTRAL_GLAND}
    assert source.codes == (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    assert (source.dataset, source.licence, source.use, source.side) == ("NCI", "CC BY 3.0", "any", None)
    assert source.where == f"{tmp_path / 'cases.csv'}, line 2"
    assert source.files == {"t2w": tmp_path / "a/t2w.nii.gz", "labels": tmp_path / "a/zones.nrrd"}


def test_dwi_and_adc_may_have_files_of_their_own(tmp_path: Path) -> None:
    row = ROW.replace("a/t2w.nii.gz,,,", "t2w.mha,diffusion,adc.nrrd,")
    (source,) = read_manifest(write(tmp_path, HEADER, row))
    assert source.inputs == {
        Sequence.T2W: tmp_path / "t2w.mha",
        Sequence.DWI: tmp_path / "diffusion",
        Sequence.ADC: tmp_path / "adc.nrrd",
    }
    assert list(source.files) == ["t2w", "dwi", "adc", "labels"]


def test_a_study_alone_gives_all_roles(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    rows = [ROW.replace("a/t2w.nii.gz", name).replace("a,P1", f"{i},P1") for i, name in enumerate(["study", "s.zip"])]
    folder, archive = read_manifest(write(tmp_path, HEADER, *rows))
    assert folder.inputs == tmp_path / "study"
    assert archive.inputs == tmp_path / "s.zip"
    row = ROW.replace("a/t2w.nii.gz,,,", "study,dwi.nii,,")
    (mixed,) = read_manifest(write(tmp_path, HEADER, row))
    assert mixed.inputs == {Sequence.T2W: tmp_path / "study", Sequence.DWI: tmp_path / "dwi.nii"}


def test_the_columns_may_come_in_any_order_and_the_optional_ones_be_absent(tmp_path: Path) -> None:
    text = "licence,dataset,label_codes,labels,t2w,patient_id,case_id,split"
    (source,) = read_manifest(write(tmp_path, text, "CC0,D,0=BACKGROUND;1=WHOLE_GLAND,l.nii,t.nii,P,c,test"))
    assert (source.case_id, source.use, source.side) == ("c", "any", "test")


def test_a_made_case_names_whom_it_was_made_from_and_trains_where_nothing_else_is_said(tmp_path: Path) -> None:
    rows = [ROW + ",P1; P2;;P1,", ROW.replace("a,", "b,", 1) + ",P3,test", ROW.replace("a,", "c,", 1) + ",,"]
    first, second, third = read_manifest(write(tmp_path, HEADER + ",derived_from,split", *rows))
    assert (first.derived_from, first.side) == (("P1", "P2"), "train")
    assert (second.derived_from, second.side) == (("P3",), "test")
    assert (third.derived_from, third.side) == ((), None)


def test_a_spreadsheet_s_byte_order_mark_and_blank_lines_are_nothing(tmp_path: Path) -> None:
    assert len(read_manifest(write(tmp_path, HEADER, ROW, "", ",,,,,,,,,", encoding="utf-8-sig"))) == 1


def test_a_row_for_evaluation_says_so(tmp_path: Path) -> None:
    first, second = read_manifest(
        write(tmp_path, HEADER, ROW.replace(",any", ",evaluation"), ROW.replace("a,P1", "b,P1").replace(",any", ","))
    )
    assert (first.use, second.use) == ("evaluation", "any")


def test_a_row_without_labels_is_kept_for_prepare_to_name(tmp_path: Path) -> None:
    (source,) = read_manifest(write(tmp_path, HEADER, "a,P1,t.nii,,,,,D,L,any"))
    assert source.labels == ()
    assert source.files == {"t2w": tmp_path / "t.nii"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (ROW.replace(",any", ",training"), "line 3, column use: 'training' is not one of any, evaluation"),
        (ROW.replace("a,P1", ",P1"), "line 3, column case_id: the cell is empty"),
        (ROW.replace("a,P1", "b,"), "line 3, column patient_id: the cell is empty"),
        (ROW.replace("a/t2w.nii.gz", ""), "line 3, column t2w: the cell is empty"),
        (ROW.replace("CC BY 3.0", ""), "line 3, column licence: the cell is empty"),
        (ROW.replace("a,P1", "../b,P1"), "line 3: the case id '../b' cannot name a folder"),
        (ROW.replace("a,P1", ".b,P1"), "line 3: the case id '.b' cannot name a folder"),
        (ROW + ",more", "line 3: the row has more or fewer cells"),
        ("a,P1", "line 3: the row has more or fewer cells"),
    ],
)
def test_a_row_of_another_form_is_refused_with_line_and_column(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"cases\.csv, {message}"):
        read_manifest(write(tmp_path, HEADER, ROW, line))


def test_unreadable_label_codes_are_refused_with_line_and_column(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"cases\.csv, line 2, column label_codes: '1=XZ'"):
        read_manifest(write(tmp_path, HEADER, ROW.replace("1=PZ", "1=XZ")))
    with pytest.raises(LabelError, match="column label_codes"):
        read_manifest(write(tmp_path, HEADER, ROW.replace("0=BACKGROUND;1=PZ;2=CENTRAL_GLAND", "")))


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="line 2, column split: 'evaluation' is not one of train, validation, test"):
        read_manifest(write(tmp_path, HEADER + ",split", ROW + ",evaluation"))


def test_a_typo_and_what_it_leaves_missing_are_said_together(tmp_path: Path) -> None:
    header = HEADER.replace("label_codes", "label_code")
    with pytest.raises(DatasetError, match=r"unknown columns: label_code \(and lacks label_codes\); it needs case_id"):
        read_manifest(write(tmp_path, header, ROW))
    with pytest.raises(DatasetError, match="parted by semicolons: save the table with commas"):
        read_manifest(write(tmp_path, HEADER.replace(",", ";"), ROW.replace(",", ";")))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (HEADER.replace(",labels,", ","), "lacks columns: labels"),
        (HEADER.replace(",use", ",Use"), "has unknown columns: Use"),  # else evaluation rows would train
        (HEADER + ",t2w", "has columns twice: t2w"),
        ("", "lacks columns: case_id, patient_id, t2w"),
    ],
)
def test_other_columns_are_refused(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(DatasetError, match=rf"cases\.csv, line 1: the manifest {message}"):
        read_manifest(write(tmp_path, header, ROW))


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no manifest"):
        read_manifest(tmp_path / "none.csv")
    with pytest.raises(DatasetError, match="has no rows"):
        read_manifest(write(tmp_path, HEADER))
    (tmp_path / "cases.csv").write_bytes(b"case_id\n\xff\xfe\n")
    with pytest.raises(DatasetError, match=r"not text in UTF-8 \(byte 8\)"):
        read_manifest(tmp_path / "cases.csv")


def test_the_manifests_of_the_real_studies_are_read(shared_data: Path) -> None:
    sources = read_manifest(shared_data / "nci-isbi-2013" / "manifest.csv")
    assert len(sources) == 18
    assert [source.case_id for source in sources if source.use == "evaluation"] == ["train_Case25"]
    assert all(path.is_file() for source in sources for path in source.files.values())


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\v", "\f"])
def test_only_a_line_feed_ends_a_row_and_none_within_quotes(tmp_path: Path, sign: str) -> None:
    row = ROW.replace(",NCI,", ',"NCI\nISBI",').replace("CC BY 3.0", f"CC BY{sign}3.0")
    first, second = read_manifest(write(tmp_path, HEADER, row, ROW.replace("a,P1", "b,P1")))
    assert (first.dataset, first.licence) == ("NCI\nISBI", f"CC BY{sign}3.0")
    assert second.where == f"{tmp_path / 'cases.csv'}, line 4"
