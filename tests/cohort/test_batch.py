import json
import logging
import os
from pathlib import Path

import pytest

from zonate.cohort.batch import Batch, Place, do_cases, do_studies, places_of
from zonate.cohort.set_aside import SetAside
from zonate.cohort.workers import Workers
from zonate.errors import OutputError, StudyError
from zonate.progress import Progress, silent, stage


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


def name_of(study: Path, folder: Path, *, case_id: str, overwrite: bool) -> str:
    return f"{case_id} of {study.name} to {folder.name}, overwrite={overwrite}"


def is_complete(name: str, place: Place) -> bool:
    """As its record says; nobody can tell it of the study `unread`."""
    if name == "unread":
        raise StudyError("case unread: no T2W")
    record = place.folder / "zones.json"
    return record.is_file() and json.loads(record.read_text(encoding="utf-8"))["source_key"] == name


def refuse_drawn(folder: Path) -> None:
    if (folder / "drawn").exists():
        raise OutputError(f"{folder.name} holds what was drawn")


def done(
    tmp_path: Path, *studies: str | Path, resume: bool = True, overwrite: bool = False, progress: Progress = silent
) -> Batch[str]:
    """Do studies, by their places or by their names below `in`."""
    return do_studies(
        places_of([tmp_path / "in" / study for study in studies], tmp_path / "out"),
        name_of,
        Workers(1),
        output=tmp_path / "out",
        record="zones.json",
        is_complete=is_complete,
        overwrite=overwrite,
        resume=resume,
        progress=progress,
        check=refuse_drawn,
    )


def write_result(tmp_path: Path, name: str, source_key: str | None) -> None:
    (tmp_path / "out" / name).mkdir(parents=True)
    (tmp_path / "out" / name / "zones.json").write_text(json.dumps({"source_key": source_key}), encoding="utf-8")


def test_what_is_complete_is_skipped_what_cannot_be_told_set_aside_and_the_rest_done(tmp_path: Path) -> None:
    write_result(tmp_path, "there", "there")
    told: list[tuple[int, int, str]] = []
    batch = done(tmp_path, "b", "unread", "there", "a", progress=lambda *step: told.append(step))
    assert batch.skipped == ("there",)
    assert list(batch.found.items()) == [
        ("b", "b of b to b, overwrite=False"),
        ("unread", SetAside("case unread: no T2W")),
        ("a", "a of a to a, overwrite=False"),
    ]
    assert told == [
        (0, 4, "b: looking for results"),
        (0, 4, "unread: looking for results"),
        (1, 4, "there: looking for results"),
        (2, 4, "a: looking for results"),
        (2, 4, ""),
        (3, 4, "b"),
        (4, 4, "a"),
    ]


def test_resuming_says_why_a_result_is_not_taken_for_complete(tmp_path: Path) -> None:
    write_result(tmp_path, "otherwise", "of another study")
    write_result(tmp_path, "short", None)
    write_result(tmp_path, "drawn", None)
    (tmp_path / "out" / "drawn" / "drawn").touch()
    (tmp_path / "out" / "foreign").mkdir()
    # Of another verb: nothing of this one makes it again.
    (tmp_path / "out" / "foreign" / "alignment.json").write_text(json.dumps({"source_key": "key"}), encoding="utf-8")
    why = "was made from another study, model, settings or version, or its alignment was cut short"
    out = tmp_path / "out"
    other = f"{out / 'foreign'} holds results already, or other files: give another folder, or --overwrite"
    assert done(tmp_path, "otherwise", "short", "drawn", "foreign").failed == {
        "otherwise": f"{out / 'otherwise'} {why}: --resume --overwrite makes it again",
        "short": f"{out / 'short'} {why}: --resume --overwrite makes it again",
        "drawn": "drawn holds what was drawn",
        "foreign": f"{other}, which empties it",
    }
    assert "short holds results already" in done(tmp_path, "short", resume=False).failed["short"]
    again = done(tmp_path, "otherwise", "short", "drawn", overwrite=True)
    assert list(again.found.values()) == [
        "otherwise of otherwise to otherwise, overwrite=True",
        "short of short to short, overwrite=True",
        SetAside("drawn holds what was drawn"),
    ]


def test_a_folder_that_holds_another_study_is_refused(tmp_path: Path) -> None:
    """Or emptying it, which --overwrite asks for, would delete what is read."""
    inside = tmp_path / "out" / "a" / "b"
    inside.mkdir(parents=True)
    batch = done(tmp_path, "a", inside, resume=False, overwrite=True)
    assert batch.failed == {"a": f"the output {tmp_path / 'out' / 'a'} holds what is read (b): give another folder"}
    assert batch.found["b"] == "b of b to b, overwrite=True"


@pytest.mark.parametrize("resume", [False, True])
def test_each_study_more_costs_as_much_as_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, resume: bool
) -> None:
    looked_up: list[object] = []
    realpath = os.path.realpath

    def counted(path: str, *, strict: bool = False) -> str:
        looked_up.append(path)
        return realpath(path, strict=strict)

    monkeypatch.setattr(os.path, "realpath", counted)
    counts = []
    for number in (10, 20, 30):
        looked_up.clear()
        assert len(done(tmp_path, *(f"study-{n}" for n in range(number)), resume=resume).found) == number
        counts.append(len(looked_up))
    assert counts[2] - counts[1] == counts[1] - counts[0] > 0
