"""What a model is, on a terminal."""

from collections.abc import Iterable, Mapping
from typing import Any

from zonate.cli import render, terminal
from zonate.counted import counted

_NOT_RECORDED = "not recorded"


def show_model(about: Mapping[str, Any], title: str) -> None:
    """File, network and patients, then the model's card.

    Args:
        about: As `zonate.verbs.info.info` gives it of a model; with `problem` alone, that is said.
        title: What the model is called here.
    """
    from rich.markdown import Markdown

    if "problem" in about:
        terminal.say(f"{title}: {about['problem']}")
        return
    facts = {
        "name": about["name"],
        "file": about["file"],
        "sha256": about["sha256"],
        "size": f"{about['size_bytes'] / 1e6:.1f} MB",
        "format": f"{about['format']} {about['format_version']}",
        "parameters": f"{about['parameters'] / 1e6:.1f} million",
        "tells apart": ", ".join(about["codes"]),
        "channels": ", ".join(name for name, known in about["channels"].items() if known),
        "not validated": _not_validated(about["not_validated"]),
        "cases": _cases(about["provenance"].get("sources", ())),
        "patients": _patients(about["training_patients"]),
        "chosen by": _patients(about["validation_patients"]),
        "licences": ", ".join(about["licences"]) or _NOT_RECORDED,
        "calibrated": _calibrated(about["calibration"]),
    }
    render.show_facts(title, facts)
    terminal.console.print(Markdown(about["card"]))


def _not_validated(names: Iterable[str] | None) -> str:
    return _NOT_RECORDED if names is None else ", ".join(names) or "nothing that it draws"


def _cases(sources: Iterable[Mapping[str, Any]]) -> str:
    """How many cases of which data set; names of data sets hold commas."""
    return "; ".join(f"{source['cases']} of {source['dataset']}" for source in sources) or _NOT_RECORDED


def _patients(number: int | None) -> str:
    if number is None:
        return _NOT_RECORDED
    return counted(number, "patient") if number else "nobody"


def _calibrated(calibration: Mapping[str, Any] | None) -> str:
    from zonate.measures.calibration import calibrated_on

    if calibration is None:
        return "no"
    return f"on {counted(calibration['n_results'], 'result')} of {calibrated_on(calibration)}"
