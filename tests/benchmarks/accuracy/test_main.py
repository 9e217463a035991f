from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.accuracy.__main__ import PAGE, Conditions, compare
from benchmarks.accuracy.job import Job, job_folder
from benchmarks.accuracy.methods import OWN, methods
from benchmarks.accuracy.results import COMPARISON, LONGER, read_results
from benchmarks.accuracy.table import page
from tests.benchmarks.accuracy.toy import CODES, TOY
from tests.dataset_factory import a_case
from zonate.io.nifti import write_volume


def test_the_page_is_what_the_kept_results_give() -> None:
    kept = [read_results(name) for name in (COMPARISON, "external", "doubt", LONGER)]
    assert PAGE.read_text(encoding="utf-8") == page(*kept)


def toy_data(data: Path) -> Path:
    """Six patients to divide into folds, and one who always trains."""
    head = "case_id,patient_id,t2w,dwi,adc,labels,label_codes,dataset,licence,use"
    for folder, numbers in (("nci-isbi-2013", range(6)), ("prostatex-seg-zones", range(6, 7))):
        lines = [head]
        for number in numbers:
            case = a_case(f"case{number}", seed=number, slices=4, size=160)
            assert case.labels is not None
            write_volume(data / folder / f"{case.case_id}.nii.gz", case.t2w)
            write_volume(data / folder / f"{case.case_id}-zones.nii.gz", case.labels)
            files = f"{case.case_id}.nii.gz,,,{case.case_id}-zones.nii.gz"
            lines.append(f"{case.case_id},patient{number},{files},{CODES},toy,CC0-1.0,any")
        lines.append(f"left-out-{folder},nobody,absent.nii.gz,,,absent.nii.gz,{CODES},toy,CC0-1.0,evaluation")
        (data / folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return data


@pytest.mark.slow
def test_the_whole_comparison_of_a_toy(tmp_path: Path) -> None:
    """Two slicings, two and three dimensions, two folds; called again, nothing is done again."""
    recipe = tmp_path / "toy.toml"
    recipe.write_text(TOY, encoding="utf-8")
    known = methods(recipe)
    small = known["unet"].settings.override(["network.base_channels=2", "training.batch_size=4"])
    volumetric = known["monai-3d"].settings.override(["network.base_channels=2"])
    chosen = [
        replace(known["unet"], settings=small),
        replace(known["monai-3d"], settings=volumetric),
        known[OWN],
    ]
    how = Conditions(toy_data(tmp_path / "data"), tmp_path / "work", minutes=0.02, parallel=2, folds=(0, 1))
    *_, results = compare(chosen, known[OWN], how)
    assert sorted((run["name"], run["fold"]) for run in results.runs) == [
        ("monai-3d", 0),
        ("monai-3d", 1),
        ("unet", 0),
        ("unet", 1),
        ("zonate", 0),
        ("zonate", 1),
    ]
    tested = {name: set(results.by_patient(name, "GLAND", "dice")) for name in results.names}
    assert tested["unet"] == tested["zonate"] == tested["monai-3d"]
    assert "patient6" not in tested["unet"]
    assert "| zonate fold 1 |" in page(results)
    folder = job_folder(tmp_path / "work", "zonate", 0)
    assert "patient6" in {entry.patient_id for entry in Job.read(folder).opened().split("train")}

    finished = (folder / "result.json").stat().st_mtime_ns
    *_, again = compare(chosen, known[OWN], how)
    assert again == results
    assert (folder / "result.json").stat().st_mtime_ns == finished
