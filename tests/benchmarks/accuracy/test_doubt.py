from pathlib import Path

import pytest

from benchmarks.accuracy.doubt import judge, observe
from benchmarks.accuracy.job import Job
from tests.benchmarks.accuracy.toy import trained_folds


def test_no_patient_is_judged_by_a_calibration_that_saw_them() -> None:
    """Agreement tells the Dice in all folds but the first, whose own rows would teach the opposite."""
    rows = []
    for fold in range(3):
        for how, agreement, dice in (("as it is", 0.97, 0.9), ("noise", 0.6, 0.3)):
            about = {"name": "zonate", "fold": str(fold), "patient_id": f"p{fold}", "how": how, "said": ""}
            rows.append({**about, "agreement": f"{agreement + fold / 1000}", "dice": f"{dice if fold else 1.2 - dice}"})
    judged = judge(rows)
    assert [row["doubtful"] for row in judged[:2]] == ["", "yes"]
    assert [float(row["expected"]) for row in judged[:2]] == [
        pytest.approx(0.9, abs=0.01),
        pytest.approx(0.3, abs=0.01),
    ]


def test_what_its_shape_makes_doubtful_is_doubtful_whatever_the_samples_say() -> None:
    rows = [
        {
            "name": "zonate",
            "fold": str(fold),
            "patient_id": f"p{fold}",
            "said": said,
            "agreement": "0.97",
            "dice": "0.9",
        }
        for fold, said in enumerate(("", "torn", ""))
    ]
    assert [row["doubtful"] for row in judge(rows)] == ["", "yes", ""]


@pytest.mark.slow
def test_each_patient_is_observed_once_as_they_are_and_once_a_copy(tmp_path: Path) -> None:
    folders = trained_folds(tmp_path, [0, 1])
    observed = observe(folders, samples=1, copies=1)
    tested = [entry.patient_id for folder in folders for entry in Job.read(folder).opened().split("test")]
    assert [row["patient_id"] for row in observed] == [patient for patient in tested for _ in range(2)]
    assert [row["how"] == "as it is" for row in observed] == [True, False] * len(tested)
