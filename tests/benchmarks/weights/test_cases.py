import csv
from pathlib import Path

from benchmarks.weights.cases import write_cases
from zonate.dataset.importers import read_manifest
from zonate.dataset.importers.nci_isbi import NCI_ISBI
from zonate.dataset.importers.prostatex import PROSTATEX

HEAD = "case_id,patient_id,t2w,labels,label_codes,dataset,licence,use"


def a_manifest(folder: Path, *rows: str, head: str = HEAD) -> Path:
    folder.mkdir(parents=True)
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return manifest


def test_everybody_trains_and_is_cited(tmp_path: Path) -> None:
    a_manifest(
        tmp_path / "data" / "nci-isbi-2013",
        "a,A,a.nii.gz,a-zones.nii.gz,0=BACKGROUND;1=PZ,ISBI,CC BY 3.0,any",
        "b,B,b.nii.gz,b-zones.nii.gz,0=BACKGROUND;1=PZ,ISBI,CC BY 3.0,evaluation",
    )
    a_manifest(
        tmp_path / "data" / "prostatex-seg-zones",
        "c,C,c.nii.gz,c-zones.nii.gz,0=BACKGROUND;1=PZ,PROSTATEx,CC BY 3.0,",
    )
    made = a_manifest(
        tmp_path / "made",
        "d,D,d.nii.gz,d-zones.nii.gz,0=BACKGROUND;1=PZ,made,CC BY 3.0,validation,Somebody,A;C",
        head=HEAD.removesuffix("use") + "split,citation,derived_from",
    )
    output = write_cases(tmp_path / "data", [made], tmp_path / "cases.csv")
    with output.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert [(row["case_id"], row["split"], row["citation"], row["derived_from"]) for row in rows] == [
        ("a", "train", NCI_ISBI.citation, ""),
        ("c", "train", PROSTATEX.citation, ""),
        ("d", "train", "Somebody", "A;C"),
    ]
    assert rows[0]["t2w"] == str((tmp_path / "data" / "nci-isbi-2013" / "a.nii.gz").resolve())
    assert [source.case_id for source in read_manifest(output)] == ["a", "c", "d"]
