"""What is installed, on a terminal."""

from collections.abc import Mapping
from typing import Any

from zonate.cli import render, terminal


def show_installation(about: Mapping[str, Any]) -> None:
    """Versions, machine, and the names that commands take.

    Args:
        about: As `zonate.verbs.info.info` gives it.
    """
    libraries = about["libraries"].items()
    facts = {
        "zonate": about["zonate"],
        "python": about["python"],
        "system": about["system"],
        "cpus": str(about["cpus"] or "not known"),
        "accelerator": about["accelerator"] or "none",
        "libraries": ", ".join(f"{name} {version or '(not installed)'}" for name, version in libraries),
        "recipes": ", ".join(about["recipes"]),
        "layouts": ", ".join(about["layouts"]),
        "collections": ", ".join(about["collections"]),
        "zones": ", ".join(
            f"{value} {zone['abbreviation']}" + (f" ({zone['name']})" if int(value) else "")
            for value, zone in about["zones"].items()
        ),
        "label codes": ", ".join(f"{value} {name}" for name, value in about["label_codes"].items()),
    }
    render.show_facts("Zonate", facts)
    terminal.console.print()
