import io
from pathlib import Path

import pytest
from rich.console import Console

from zonate.cli import render, terminal
from zonate.dataset.importers import LeftOut
from zonate.study import Study
from zonate.verbs.check import CheckedCase, CheckResult
from zonate.verbs.prepare import PrepareResult


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(terminal.console, "print", lambda what, **_named: lines.append(str(what)))
    return lines


def test_what_is_said_of_many_cases_is_said_once(shown: list[str]) -> None:
    warnings = (*(f"case c{i}: ADC is absent" for i in range(7)), "case c1: its gland is odd", "the disk is slow")
    render.show_warnings(warnings)
    assert shown == [
        "[yellow]warning:[/] 7 cases (c0, c1, c2, c3, c4 and 2 more): ADC is absent",
        "[yellow]warning:[/] case c1: its gland is odd",
        "[yellow]warning:[/] the disk is slow",
    ]


def test_what_differs_by_what_was_measured_alone_is_said_once(shown: list[str]) -> None:
    warnings = (
        "case a: the gland is centred 31 mm from the middle of the image, which is 200 mm wide",
        "case b2: the gland is centred 40.5 mm from the middle of the image, which is 200 mm wide",
        "case c: the gland is centred 9.5 mm from the middle of the image, which is 200 mm wide",
        "case a: series 5 is of another patient: file IM012.dcm",
        "case b2: series 9 is of another patient: file IM044.dcm",
        "case a: slice 3 is missing",
        "case a: slice 7 is missing",
        "case c: slice 7 is missing",
        "fold 1 has 5 % of the patients",
        "slice 7 is missing",
    )
    render.show_warnings(warnings)
    assert shown == [
        "[yellow]warning:[/] 3 cases (a, b2, c): the gland is centred 9.5 to 40.5 mm from the middle of the image, "
        "which is 200 mm wide",
        "[yellow]warning:[/] case a: series 5 is of another patient: file IM012.dcm",
        "[yellow]warning:[/] case b2: series 9 is of another patient: file IM044.dcm",
        "[yellow]warning:[/] case a: slice 3 is missing",
        "[yellow]warning:[/] 2 cases (a, c): slice 7 is missing",
        "[yellow]warning:[/] fold 1 has 5 % of the patients",
        "[yellow]warning:[/] slice 7 is missing",
    ]


def test_a_doubt_is_told_first_and_once(tmp_path: Path, shown: list[str]) -> None:
    about = {"doubt": "the gland is torn; it is cut", "warnings": ["the gland is torn", "ADC is absent"]}
    render.show_prediction(tmp_path, about)
    assert shown == [
        f"[bold red]doubtful:[/] case {tmp_path.name}: the gland is torn; it is cut",
        f"[yellow]warning:[/] case {tmp_path.name}: ADC is absent",
        f"look at {tmp_path / 'qc.png'}",
    ]


def test_inspect_names_the_files_whose_headers_cannot_be_read(shown: list[str]) -> None:
    render.show_study(Study("one", Path("one"), (), {}, {}, ("no series has 1 file",), ("a/b.dcm",)))
    assert shown[-2:] == [
        "[yellow]warning:[/] no series has 1 file",
        "file a/b.dcm: the DICOM header cannot be read",
    ]


def test_what_was_left_is_grouped_by_its_reason(shown: list[str]) -> None:
    left = tuple(LeftOut(f"p{i}", "no label") for i in range(6))
    render.show_taken(PrepareResult(Path("out"), (), (), {}, (), (), (*left, LeftOut("q", "unreadable"))))
    assert shown == ["left out: p0, p1, p2, p3, p4 and 1 more: no label", "left out: q: unreadable"]


def test_a_dataset_without_outliers_needs_no_table(shown: list[str]) -> None:
    render.show_checked(CheckResult(Path("out"), (CheckedCase("a", "A", "train", (), {}),), ()))
    assert shown == ["of 1 case 0 stand out"]


def test_figures_say_of_how_many_patients_they_are_and_whether_the_model_has_seen_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measure(mean: float, n: int) -> dict[str, object]:
        return {"mean": mean, "std": 1.0, "n": n, "interval_95": [mean, mean]}

    written = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=written, width=120))
    of = {"dice": measure(0.5, 15), "hd95_mm": measure(15.4, 3), "volume_error_ml": measure(-2.0, 15)}
    about = {"split": "test", "n_patients": 15, "n_patients_seen_in_training": 0, "structures": {"AFS": of}}
    render.show_summary(about)
    assert written.getvalue().splitlines()[0].rstrip() == "Per patient, split test"
    assert "15.40 ± 1.00 (n 3)" in written.getvalue()
    assert "-2.00 ± 1.00 " in written.getvalue()
    for seen, said in ((None, ""), (3, "; seen in training: 3 of 15 patients")):  # of None a warning tells
        written.truncate(0)
        written.seek(0)
        render.show_summary({**about, "n_patients_seen_in_training": seen})
        assert written.getvalue().splitlines()[0].rstrip() == f"Per patient, split test{said}"
