"""What `zonate info` shows of a model."""

import io
from typing import Any

import pytest
from rich.console import Console

from zonate.cli import terminal
from zonate.cli.model_table import show_model

ABOUT: dict[str, Any] = {
    "name": "fold 3",
    "file": "best.safetensors",
    "sha256": "ab" * 32,
    "size_bytes": 12_340_000,
    "format": "zonate-model",
    "format_version": 1,
    "parameters": 3_080_000,
    "codes": ["BACKGROUND", "PZ", "TZ", "DPU"],
    "channels": {"T2W": True, "DWI": False, "ADC": True},
    "not_validated": ["DPU"],
    "provenance": {"sources": [{"dataset": "A", "cases": 30}, {"dataset": "B", "cases": 4}]},
    "training_patients": 31,
    "validation_patients": 1,
    "licences": ["CC BY 4.0", "CC0-1.0"],
    "calibration": {"n_results": 21, "n_patients": 3, "split": "test"},
    "card": "Its card.",
}
OLDER: dict[str, Any] = {
    "not_validated": None,
    "provenance": {},
    "training_patients": None,
    "validation_patients": 0,
    "licences": [],
    "calibration": None,
}


def shown(monkeypatch: pytest.MonkeyPatch, about: dict[str, Any], width: int = 200) -> tuple[dict[str, str], str]:
    """What is said by its name, and all that is printed."""
    console = Console(record=True, width=width, file=io.StringIO())
    monkeypatch.setattr(terminal, "console", console)
    show_model(about, "Model [RUN]")
    text = console.export_text()
    rows = [line.partition("  ") for line in text.splitlines()]
    return {name: what.strip() for name, _, what in rows if name and what.strip()}, text


def test_what_a_model_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, text = shown(monkeypatch, ABOUT)
    assert rows == {
        "name": "fold 3",
        "file": "best.safetensors",
        "sha256": "ab" * 32,
        "size": "12.3 MB",
        "format": "zonate-model 1",
        "parameters": "3.1 million",
        "tells apart": "BACKGROUND, PZ, TZ, DPU",
        "channels": "T2W, ADC",
        "not validated": "DPU",
        "cases": "30 of A; 4 of B",
        "patients": "31 patients",
        "chosen by": "1 patient",
        "licences": "CC BY 4.0, CC0-1.0",
        "calibrated": "on 21 results of 3 test patients that it was not trained on",
    }
    assert text.startswith("Model [RUN]")
    assert text.rstrip().endswith("Its card.")


def test_nothing_is_cut_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Prostate-3T, zones by Zonate's own cross-validation"
    sources = [{"dataset": name, "cases": 5}, {"dataset": "synthetic (PROSTATEx-Seg-Zones shapes)", "cases": 2}]
    rows, text = shown(monkeypatch, {**ABOUT, "provenance": {"sources": sources}}, width=80)
    assert rows["sha256"] == "ab" * 32
    assert f"5 of {name}; 2 of synthetic (PROSTATEx-Seg-Zones shapes)" in " ".join(text.split())
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_what_is_not_recorded_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = shown(monkeypatch, {**ABOUT, **OLDER})
    assert [rows[name] for name in ("not validated", "cases", "patients", "licences")] == ["not recorded"] * 4
    assert (rows["chosen by"], rows["calibrated"]) == ("nobody", "no")
    assert shown(monkeypatch, {**ABOUT, "not_validated": []})[0]["not validated"] == "nothing that it draws"


def test_a_problem_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = shown(monkeypatch, {"problem": "this installation carries no weights"})
    assert text == "Model [RUN]: this installation carries no weights\n"
