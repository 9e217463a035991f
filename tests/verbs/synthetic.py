"""Small labelled studies of volume files and their manifest: made here, worth nothing medically."""

from collections.abc import Mapping
from pathlib import Path

from tests.dataset.synthetic import labelled_case
from zonate.io.nifti import write_volume

HEADER = "case_id,patient_id,t2w,dwi,adc,labels,label_codes,dataset,licence,use"
ALL_CODES = "0=BACKGROUND;1=PZ;2=TZ;3=DPU;4=AFS"


def write_study(
    root: Path, case_id: str, level: float, *, adc: bool = False, suffix: str = ".nii.gz"
) -> dict[str, str]:
    """T2W (and ADC) and labels of one case; the row of its manifest."""
    case = labelled_case(case_id, level, adc=adc)
    folder = root / case_id
    folder.mkdir(parents=True)
    write_volume(folder / f"t2w{suffix}", case.t2w)
    if case.adc is not None:
        write_volume(folder / f"adc{suffix}", case.adc)
    assert case.labels is not None
    write_volume(folder / f"zones{suffix}", case.labels)
    return {
        "case_id": case_id,
        "patient_id": f"P-{case_id}",
        "t2w": f"{case_id}/t2w{suffix}",
        "dwi": "",
        "adc": f"{case_id}/adc{suffix}" if adc else "",
        "labels": f"{case_id}/zones{suffix}",
        "label_codes": ALL_CODES,
        "dataset": "made here",
        "licence": "CC0",
        "use": "any",
    }


def write_manifest(file: Path, *rows: Mapping[str, str]) -> Path:
    """A manifest with the columns of the rows."""
    columns = list(rows[0])
    lines = [",".join(columns), *(",".join(row[column] for column in columns) for row in rows)]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def write_cohort(root: Path, n: int = 5) -> Path:
    """A manifest of n patients `c1`, `c2`, …, at T2W levels 100, 200, …; the second has an ADC."""
    rows = [write_study(root, f"c{i}", 100.0 * i, adc=i == 2) for i in range(1, n + 1)]
    return write_manifest(root / "cases.csv", *rows)


def all_files(root: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
