import json
import os
from pathlib import Path

import pytest

from zonate.cohort.study_key import is_a_result, is_made_from, study_key


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "1.dcm").write_bytes(b"one")
    return folder


def test_a_study_that_has_changed_has_another_key(study: Path) -> None:
    key = study_key(study, {"psa": None})
    assert study_key(study, {"psa": None}) == key
    assert study_key(study, {"psa": 4.0}) != key
    os.utime(study / "a" / "1.dcm", ns=(0, 0))
    later = study_key(study, {"psa": None})
    assert later != key
    (study / "a" / "2.dcm").touch()
    assert study_key(study, {"psa": None}) not in (key, later)


def test_another_version_makes_another_result(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = study_key(study, {})
    monkeypatch.setattr("zonate.io.made_from.version", lambda _name: "99")
    assert study_key(study, {}) != key


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"source_key": None})])
def test_a_record_that_does_not_say_it_is_no_result(tmp_path: Path, text: str) -> None:
    (tmp_path / "zones.json").write_text(text, encoding="utf-8")
    assert not is_made_from(tmp_path / "zones.json", "key")
    assert not is_made_from(tmp_path / "none.json", "key")


def test_the_record_of_a_result_holds_its_key(tmp_path: Path) -> None:
    (tmp_path / "zones.json").write_text(json.dumps({"source_key": "key"}), encoding="utf-8")
    assert is_made_from(tmp_path / "zones.json", "key")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("zones.json", '{"source_key": "key"}', True),
        ("alignment.json", '{"source_key": null}', True),
        ("notes.json", '{"by": "hand"}', False),
        ("notes.json", '["source_key"]', False),
        ("notes.json", "{", False),
    ],
)
def test_a_record_is_of_a_result_where_it_says_what_that_was_made_from(
    name: str, text: str, *, expected: bool, tmp_path: Path
) -> None:
    assert not is_a_result(tmp_path / name)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert is_a_result(tmp_path / name) is expected
