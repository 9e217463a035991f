import logging
from pathlib import Path

import pytest

from zonate.cohort.batch import do_cases
from zonate.cohort.set_aside import SetAside
from zonate.cohort.workers import Workers
from zonate.errors import StudyError
from zonate.progress import stage


def reads() -> str:
    stage("reading")
    return "read"


def fails() -> str:
    raise StudyError("no T2W")


def test_cases_are_told_of_one_after_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "zonate.cohort.batch")
    told: list[tuple[int, int, str]] = []
    found = do_cases(
        {"P2": reads, "P3": fails},
        Workers(1),
        output=tmp_path,
        folders_in=tmp_path,
        inputs={},
        progress=lambda done, total, text: told.append((done, total, text)),
        before=1,
    )
    assert found["P2"] == "read"
    assert isinstance(found["P3"], SetAside)
    assert told == [(1, 3, ""), (1, 3, "P2: reading"), (2, 3, "P2"), (3, 3, "P3")]
    assert caplog.messages[0] == "2 cases, 1 at a time"
