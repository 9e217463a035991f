"""What tells that a source has changed since its case was prepared, or what would prepare it."""

from pathlib import Path
from typing import Any

from zonate.config import Settings
from zonate.dataset.cases import CASE_FORMAT_VERSION
from zonate.dataset.importers.source import Source
from zonate.io.made_from import made_from
from zonate.io.stamps import stamps
from zonate.study import Component


def source_key(source: Source, settings: Settings) -> str:
    """A digest of the files (by name, size and time of change), of what is said of them, and of the settings.

    As for every result, what makes it counts, too: see `made_from`. The side of the split is left out: it changes the
    index, not the case.
    """
    said = {
        "format": CASE_FORMAT_VERSION,
        "case_id": source.case_id,
        "patient_id": source.patient_id,
        "label_codes": label_codes_json(source),
        "codes": [code.name for code in source.codes],
        "rest": source.rest and source.rest.name,
        "lenient_grid": source.lenient_grid,
        "lenient_channels": source.lenient_channels,
        "dataset": source.dataset,
        "licence": source.licence,
        "citation": source.citation,
        "reader": source.reader,
        "image_id": source.image_id,
        "use": source.use,
        "components": _components(source),
        "settings": settings_json(settings),
        "derived_from": source.derived_from,
        "files": {name: stamps(path) for name, path in source.files.items()},
    }
    return made_from(said)


def label_codes_json(source: Source) -> list[dict[str, str]]:
    """Of each layer, from the value to the code's name, as JSON values."""
    return [{str(value): code.name for value, code in sorted(layer.codes.items())} for layer in source.labels]


def settings_json(settings: Settings) -> dict[str, Any]:
    """The settings that a prepared case depends on, as JSON values."""
    sections = {
        "reading": settings.reading,
        "alignment": settings.alignment,
        "checking": settings.checking,
        "slicing": settings.slicing,
    }
    return {name: section.model_dump(mode="json") for name, section in sections.items()}


def _components(source: Source) -> list[int]:
    places = [] if isinstance(source.inputs, Path) else [place for _, place in sorted(source.inputs.items())]
    return [place.index for place in places if isinstance(place, Component)]
