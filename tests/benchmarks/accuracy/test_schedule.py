from pathlib import Path

import pytest

from benchmarks.accuracy.schedule import run_jobs
from tests.benchmarks.accuracy.toy import trained_folds


@pytest.mark.slow
def test_a_job_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    broken, done = trained_folds(tmp_path, [0, 1])
    (broken / "job.json").write_text("{}", encoding="utf-8")
    assert run_jobs([broken, done], parallel=1) == [broken]
    assert "Traceback" in (broken / "log.txt").read_text(encoding="utf-8")
    assert (done / "log.txt").read_text(encoding="utf-8") == ""
