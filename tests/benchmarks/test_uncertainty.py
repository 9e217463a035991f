import csv
from pathlib import Path

import numpy as np

from benchmarks.uncertainty.measure import COLUMNS, SIGNALS, read_rows
from benchmarks.uncertainty.table import judge, result_of, table


def a_table(folder: Path) -> Path:
    """12 patients whose agreement tells their Dice, each with a worse copy that agrees in little and is bad."""
    with (folder / "made up.csv").open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS, restval="0.5")
        writer.writeheader()
        for k in range(12):
            row = {"patient": f"p{k}", "case": f"c{k}", "dataset": "made up", "structure": "GLAND", "said": ""}
            row |= {"volume_ml": "40", "reference_ml": "44", "low_ml": "38", "high_ml": "42"}
            for how, dice, agreement in (("as it is", 0.88, 0.97), ("noise", 0.2, 0.8)):
                signals = dict.fromkeys(SIGNALS, f"{agreement + k / 1000}")
                writer.writerow(row | signals | {"how": how, "dice": f"{dice + k / 200}"})
    return folder


def test_no_patient_is_judged_by_a_calibration_that_saw_them(tmp_path: Path) -> None:
    glands = [result_of(row) for row in read_rows(a_table(tmp_path) / "made up.csv")]
    judged = list(judge(glands))
    assert len(judged) == 20 * 24  # 20 divisions, each result tested once
    good = [one for one in judged if one.result.dice > 0.85]
    assert not any(one.doubtful for one in good)
    assert all(one.doubtful for one in judged if one.result.dice < 0.7)
    assert float(np.mean([abs(one.expected - one.result.dice) for one in good])) < 0.02


def test_the_page_states_what_was_found(tmp_path: Path) -> None:
    page = table(a_table(tmp_path))
    assert "## made up: 12 patients, 24 results" in page
    (found,) = [line for line in page.splitlines() if line.startswith("| calibrated agreement and plausibility")]
    assert [cell.strip() for cell in found.split("|")[2:-1]] == [
        "100% of 12 (12 patients)",
        "–",
        "0% of 12 (12 patients)",
    ]
    (gland,) = [line for line in page.splitlines() if line.startswith("| gland | 12 |")]
    drawn, _, given, calibrated, width = (cell.strip() for cell in gland.split("|")[3:-1])
    assert given == "100%"
    assert (drawn, calibrated) == ("0%", "100%")
    assert width == f"{(44 - 38) / 40:.0%}"


def test_every_expected_dice_falls_in_a_bin(tmp_path: Path) -> None:
    """Patients who agree in everything with a reader who drew the same: expected, and found, at exactly 1."""
    file = a_table(tmp_path) / "made up.csv"
    rows = [row | ({"dice": "1.0"} if row["how"] == "as it is" else {}) for row in read_rows(file)]
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    shares = [line.split("|")[2].strip() for line in table(tmp_path).splitlines() if " to " in line[:16]]
    assert sum(int(share.removesuffix("%")) for share in shares) == 100


def test_the_bare_agreement_stands_beside_what_it_is_worth(tmp_path: Path) -> None:
    """Off by 0.09 and 0.6 less 0.004 a patient: by 0.068 and 0.578 on average."""
    page = table(a_table(tmp_path))
    assert f"of the bare agreement {(0.068 + 0.578) / 2:.3f}" in page
