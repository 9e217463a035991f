from pathlib import Path

import pytest

from benchmarks.accuracy.images import read_images
from benchmarks.accuracy.imitations import IMITATIONS
from benchmarks.accuracy.job import Job
from benchmarks.accuracy.robustness import DEGRADED, measure_robustness
from benchmarks.accuracy.robustness_table import robustness_page
from tests.benchmarks.accuracy.toy import a_set, trained_folds


@pytest.mark.slow
def test_a_model_is_shown_every_imitation_of_its_own_patients(tmp_path: Path) -> None:
    (folder,) = trained_folds(tmp_path / "work", [0])
    patients = sorted({entry.patient_id for entry in Job.read(folder).opened().split("test")})
    images = list(read_images(a_set(tmp_path / "images", [(patient, "x") for patient in patients], "any")))
    (results,) = measure_robustness([folder], images)
    shown = {(row["how"], row["patient_id"]) for row in results.rows}
    assert shown == {(how, patient) for how in (*IMITATIONS, *DEGRADED) for patient in patients}
    page = robustness_page(results)
    assert f"| as it is | {len(patients)} |" in page
    assert page.count("<br>") == 3 * (len(IMITATIONS) + len(DEGRADED) - 1)
