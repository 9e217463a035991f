from pathlib import Path

import pytest

from tests.report.cases import ABOUT_MODEL, CREATED, case, zones
from zonate.report.write import write_report


def test_two_files_are_written_the_same_each_time(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        write_report(folder, case(), zones(), ABOUT_MODEL, created=CREATED)
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["report.html", "report.pdf"]
    for name, start in (("report.html", b"<!DOCTYPE html>"), ("report.pdf", b"%PDF-1.")):
        written = (tmp_path / "one" / name).read_bytes()
        assert written.startswith(start)
        assert written == (tmp_path / "two" / name).read_bytes()


def test_a_report_that_cannot_be_made_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    with pytest.raises(ValueError, match="time zone"):
        write_report(tmp_path, case(), zones(), ABOUT_MODEL, created=CREATED.replace(tzinfo=None))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
