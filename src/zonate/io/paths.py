"""Paths as a caller gives them."""

from collections.abc import Sequence as Items
from pathlib import Path

Paths = Path | str | Items[Path | str]
"""One or several."""


def paths_of(given: Paths) -> list[Path]:
    """Each as a `Path`; of one alone, that one and not its letters."""
    return [Path(given)] if isinstance(given, Path | str) else [Path(path) for path in given]
