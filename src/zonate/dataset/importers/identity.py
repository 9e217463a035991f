"""What tells that a source has changed since its case was prepared."""

import hashlib
import json
from pathlib import Path
from typing import Any

from zonate.config import Settings
from zonate.dataset.cases import CASE_FORMAT_VERSION
from zonate.dataset.importers.source import Source


def source_key(source: Source, settings: Settings) -> str:
    """A digest of the files (by name, size and time of change), of what is said of them, and of the settings.

    The side of the split is left out: it changes the index, not the case.
    """
    said = {
        "format": CASE_FORMAT_VERSION,
        "case_id": source.case_id,
        "patient_id": source.patient_id,
        "label_codes": {str(value): code.name for value, code in sorted(source.label_codes.items())},
        "dataset": source.dataset,
        "licence": source.licence,
        "use": source.use,
        "settings": settings_json(settings),
        "files": {name: _stamps(path) for name, path in source.files.items()},
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def settings_json(settings: Settings) -> dict[str, Any]:
    """The settings that a prepared case depends on, as JSON values."""
    sections = {"reading": settings.reading, "alignment": settings.alignment, "slicing": settings.slicing}
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def _stamps(path: Path) -> list[tuple[str, int, int]]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    stats = [(file.relative_to(path.parent).as_posix(), file.stat()) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
