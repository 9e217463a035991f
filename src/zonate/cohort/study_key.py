"""What tells that a result need not be made again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zonate.io.made_from import made_from
from zonate.io.stamps import stamps


def study_key(study: Path, said: Mapping[str, Any]) -> str:
    """A digest of a study's files (by name, size and time of change), of what is said of it, and of what makes it.

    The last is Zonate in its version, see `made_from`.

    Args:
        study: A folder or zip.
        said: Everything else that the result depends on (JSON values).
    """
    return made_from({"files": stamps(study), **said})


def is_made_from(record: Path, key: str) -> bool:
    """Whether a result is there, complete, and was made from that.

    Args:
        record: The JSON file of the result that holds its `source_key`; a folder is written whole or not at all.
        key: As `study_key` gives it.
    """
    return _said_of(record).get("source_key") == key


def is_a_result(record: Path) -> bool:
    """Whether a result is there, whatever it was made from: its record has a place for a `source_key`.

    That is empty where the result is not to be taken for complete, since its alignment was cut short.
    """
    return "source_key" in _said_of(record)


def _said_of(record: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
