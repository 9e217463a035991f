"""What `zonate info` shows of the installation."""

import io
from typing import Any

import pytest
from rich.console import Console

from zonate.cli import terminal
from zonate.cli.installation import show_installation

ABOUT: dict[str, Any] = {
    "zonate": "0.1.0",
    "python": "3.11.7",
    "system": "Linux x86_64",
    "cpus": 2,
    "accelerator": None,
    "libraries": {"torch": "2.13.0", "zarr": None},
    "recipes": ["demo", "zonate"],
    "layouts": ["msd", "seed"],
    "collections": ["qin"],
    "zones": {
        "0": {"abbreviation": "BACKGROUND", "name": "background"},
        "1": {"abbreviation": "PZ", "name": "peripheral zone"},
    },
    "label_codes": {"BACKGROUND": 0, "NOT_ANNOTATED": 255},
}


def test_everything_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(record=True, width=80, file=io.StringIO())
    monkeypatch.setattr(terminal, "console", console)
    show_installation(ABOUT)
    assert [line.rstrip() for line in console.export_text().splitlines()] == [
        "Zonate",
        "zonate       0.1.0",
        "python       3.11.7",
        "system       Linux x86_64",
        "cpus         2",
        "accelerator  none",
        "libraries    torch 2.13.0, zarr (not installed)",
        "recipes      demo, zonate",
        "layouts      msd, seed",
        "collections  qin",
        "zones        0 BACKGROUND, 1 PZ (peripheral zone)",
        "label codes  0 BACKGROUND, 255 NOT_ANNOTATED",
        "",
    ]
