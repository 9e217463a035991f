from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.accuracy.job import Job, finished_jobs, job_folder, known_job, steps_per_epoch, write_job
from tests.dataset_factory import a_dataset
from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError


def test_a_job_goes_through_its_file_and_keeps_its_length(tmp_path: Path) -> None:
    wanted = Job("unet", 1, tmp_path / "dataset", Settings(), minutes=3.0)
    assert known_job(tmp_path / "job", wanted) is None
    planned = replace(wanted, settings=wanted.settings.override(["training.epochs=7"]))
    write_job(tmp_path / "job", planned)
    assert known_job(tmp_path / "job", wanted) == planned
    with pytest.raises(ConfigError, match="begun with other settings"):
        known_job(tmp_path / "job", replace(wanted, minutes=4.0))


def test_an_epoch_is_of_slices_or_of_stacks(tmp_path: Path) -> None:
    dataset = Dataset.open(a_dataset(tmp_path / "data", ("train", "train", "train"), slices=3))
    settings = Settings().override(["training.batch_size=2"])
    assert steps_per_epoch(dataset, settings) == 5
    assert steps_per_epoch(dataset, settings, volumetric=True) == 2


def test_the_jobs_that_are_done_are_found_by_method(tmp_path: Path) -> None:
    for name in ("zonate-fold1", "zonate-fold0", "zonate-shapes-fold0", "monai-fold0"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "result.json").touch()
    job_folder(tmp_path, "zonate", 2).mkdir()  # begun
    assert [folder.name for folder in finished_jobs(tmp_path)] == [
        "monai-fold0",
        "zonate-fold0",
        "zonate-fold1",
        "zonate-shapes-fold0",
    ]
    assert finished_jobs(tmp_path, "zonate") == [job_folder(tmp_path, "zonate", fold) for fold in (0, 1)]
    assert finished_jobs(tmp_path / "absent") == []
