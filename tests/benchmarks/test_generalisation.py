"""Models beyond the patients and images that they were compared on."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.accuracy.doubt import judge, observe
from benchmarks.accuracy.doubt_table import doubt_section
from benchmarks.accuracy.external import Candidate, evaluate_external, trained_models
from benchmarks.accuracy.external_table import external_section
from benchmarks.accuracy.figures import AI, GLANDS
from benchmarks.accuracy.images import read_images
from benchmarks.accuracy.imitations import IMITATIONS
from benchmarks.accuracy.job import Job, write_job
from benchmarks.accuracy.results import Results
from benchmarks.accuracy.robustness import DEGRADED, measure_robustness
from benchmarks.accuracy.robustness_table import robustness_page
from tests.benchmarks.test_accuracy import TOY, a_run
from tests.dataset_factory import COARSE, a_case, a_dataset
from zonate.config import Settings
from zonate.dataset.statistics import Statistics
from zonate.io.nifti import write_volume
from zonate.model import BEST_NAME, Model
from zonate.networks.factory import make_generator

SETTINGS = Settings.from_toml(TOY, "toy")
HEAD = "case_id,patient_id,t2w,labels,label_codes,dataset,licence,use"


def a_model(file: Path, *, patients: Sequence[str] = ()) -> Path:
    """Untrained, and said to have learnt from these patients."""
    torch.manual_seed(0)
    provenance = {"training_patients": list(patients), "validation_patients": [], "images_sha256": []}
    statistics = Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    network = make_generator(SETTINGS.network)
    Model(network, SETTINGS, statistics, COARSE, provenance, (True, False, False)).save(file)
    return file


def a_set(folder: Path, rows: Sequence[tuple[str, str]], use: str) -> None:
    """Cases, each of a patient with a reader, on one image a patient."""
    lines = [HEAD]
    for number, (patient, reader) in enumerate(rows):
        case = a_case(patient, seed=int(patient[-1]), slices=4, size=160)
        assert case.labels is not None
        write_volume(folder / f"{patient}.nii.gz", case.t2w)
        write_volume(folder / f"{patient}-{reader}.nii.gz", case.labels)
        codes = "0=BACKGROUND;1=PZ;5=CENTRAL_GLAND"
        files = f"{patient}.nii.gz,{patient}-{reader}.nii.gz"
        lines.append(f"row{number},{patient},{files},{codes},{reader},CC0-1.0,{use}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_readings_of_one_image_come_together(tmp_path: Path) -> None:
    a_set(tmp_path, [("p1", "x"), ("p2", "x"), ("p1", "y")], "evaluation")
    one, two = read_images(tmp_path / "manifest.csv", ("evaluation",))
    assert (one.patient_id, len(one.readings)) == ("p1", 2)
    assert (two.patient_id, len(two.readings)) == ("p2", 1)
    assert not list(read_images(tmp_path / "manifest.csv", ("any",)))


def test_whom_a_model_has_learnt_from_is_left_out(tmp_path: Path) -> None:
    a_set(tmp_path / "picai-ai-reference", [("p1", "x"), ("p1", "y"), ("p2", "x")], "evaluation")
    model = a_model(tmp_path / "model.safetensors", patients=["p2"])
    found = evaluate_external([Candidate("toy", 0, model)], tmp_path, samples=0)
    (run,) = found.runs
    assert [case["patient_id"] for case in run["cases"]] == ["p1"]
    assert [row["case_id"] for row in found.rows if row["structure"] == "GLAND"] == ["row0", "row1"]
    assert {row["set"] for row in found.rows} == {AI}


def test_the_section_takes_the_mean_over_readers_and_folds() -> None:
    runs, rows = [], []
    for fold, dices in enumerate(([0.9, 0.7], [0.8, 0.8])):
        case = {"case_id": "p", "patient_id": "p", "said": "" if fold else "why", "seconds": 1.0, "set": AI}
        runs.append({**a_run("zonate", fold), "samples": 10, "cases": [case]})
        for reader, dice in enumerate(dices):
            for structure in ("GLAND", "CENTRAL_GLAND", "PZ"):
                measures = {"dice": f"{dice}", "hd95_mm": "3", "volume_error_ml": "-1"}
                about = {"name": "zonate", "fold": str(fold), "set": AI, "patient_id": "p", "case_id": f"p{reader}"}
                rows.append({**about, "structure": structure, **measures})
    text = "\n".join(external_section(Results(runs, rows)))
    assert "| zonate | 2 | 1 | 0.800 | 0.800 | 0.800 | 3.0 | 1.0 |" in text
    assert "| p | 0.800 | 0.800 | 0.800 | 3.0 | 1.0 | 1 of 2 |" in text
    assert GLANDS not in text


@pytest.mark.slow
def test_a_model_is_shown_every_imitation_of_its_own_patients(tmp_path: Path) -> None:
    dataset = a_dataset(tmp_path / "dataset", ("train",) * 6, slices=4, settings=SETTINGS)
    folder = tmp_path / "work" / "runs" / "zonate-fold0"
    job = Job("zonate", 0, dataset, SETTINGS, clean_up="largest_component")
    write_job(folder, job)
    a_model(folder / "run" / BEST_NAME)
    assert trained_models(tmp_path / "work", None) == []  # not measured yet
    (folder / "result.json").write_text(json.dumps({}), encoding="utf-8")
    assert trained_models(tmp_path / "work", ["zonate"]) == [Candidate("zonate", 0, folder / "run")]
    patients = sorted({entry.patient_id for entry in job.opened().split("test")})
    a_set(tmp_path / "images", [(patient, "x") for patient in patients], "any")
    images = list(read_images(tmp_path / "images" / "manifest.csv"))
    (results,) = measure_robustness([folder], images)
    shown = {(row["how"], row["patient_id"]) for row in results.rows}
    assert shown == {(how, patient) for how in (*IMITATIONS, *DEGRADED) for patient in patients}
    other = tmp_path / "work" / "runs" / "zonate-fold1"
    write_job(other, replace(job, fold=1))
    a_model(other / "run" / BEST_NAME)
    observed = observe([folder, other], samples=1, copies=1)
    n_patients = len(patients) + len(replace(job, fold=1).opened().split("test"))
    assert [row["how"] == "as it is" for row in observed] == [True, False] * n_patients
    page = robustness_page(results)
    assert f"| as it is | {len(patients)} |" in page
    assert page.count("<br>") == 3 * (len(IMITATIONS) + len(DEGRADED) - 1)


def test_the_page_of_robustness_pairs_by_patient() -> None:
    rows = []
    for how, less in (("as it is", 0.0), ("bladder full", 0.2)):
        for patient, dice in (("p0", 0.9), ("p1", 0.8)):
            for structure in ("GLAND", "CENTRAL_GLAND", "PZ"):
                about = {"name": "zonate", "fold": "0", "how": how, "patient_id": patient, "case_id": patient}
                said = "torn" if less and patient == "p0" else ""
                rows.append({**about, "said": said, "structure": structure, "dice": f"{dice - less:g}"})
    page = robustness_page(Results([a_run("zonate", 0)], rows))
    cell = "0.650<br>-0.200 (-0.200 to -0.200)"
    assert f"| bladder full | 2 | {cell} | {cell} | {cell} | 0.60 | 2 | 1 |" in page
    assert "| as it is | 2 | 0.850 | 0.850 | 0.850 | 0.80 | 0 | – |" in page


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


def test_the_section_on_doubt_names_whom_it_missed() -> None:
    found = (("p0", "as it is", 0.9, ""), ("p1", "as it is", 0.7, ""), ("p1", "noise", 0.2, "yes"))
    rows = [
        {"patient_id": patient, "how": how, "dice": f"{dice}", "doubtful": doubtful, "expected": "0.88"}
        for patient, how, dice, doubtful in found
    ]
    text = "\n".join(doubt_section(Results([{"name": "zonate", "samples": 10, "copies": 1}], rows)))
    assert "| as they are | 1 | 0 | 1 | 0 |" in text
    assert "| worse copies | 1 | 1 | 0 | – |" in text
    assert "**Not flagged**: p1, gland Dice 0.70, expected 0.88." in text
