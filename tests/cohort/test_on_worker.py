from pathlib import Path

import pytest

from zonate.cohort.on_worker import Conditions
from zonate.errors import OutputError, StudyError, ZonateError

HERE = Conditions("topic", 20, "0.1.0")


def done() -> str:
    return "done"


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.cohort.on_worker.version", lambda _name: "0.1.0")


def test_a_worker_that_sees_everything_does_the_task(tmp_path: Path) -> None:
    token, study = tmp_path / ".token", tmp_path / "study"
    token.touch()
    study.mkdir()
    conditions = Conditions("topic", 20, "0.1.0", token).for_inputs((study,))
    assert conditions.checked("one", done) == "done"


def test_another_version_is_refused() -> None:
    with pytest.raises(ZonateError, match=r"case one: a worker runs Zonate 0\.1\.0, and 0\.2\.0 is asked for"):
        Conditions("topic", 20, "0.2.0").checked("one", done)


def test_an_output_that_is_another_folder_there_is_refused(tmp_path: Path) -> None:
    """The folder exists on the worker, too, but is not the one that the token was written into."""
    with pytest.raises(OutputError, match=rf"case one: a worker does not see the output \({tmp_path.name}\)"):
        Conditions("topic", 20, "0.1.0", tmp_path / ".token").checked("one", done)


def test_a_study_or_a_model_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    why = r"case one: a worker does not see tiny\.safetensors, which is read for it: .*at the same path as here"
    with pytest.raises(StudyError, match=why):
        HERE.for_inputs((tmp_path, tmp_path / "tiny.safetensors")).checked("one", done)
