"""The index of a dataset: which cases there are, what each is for, and what they were made with.

    DATASET/dataset.json      format version, settings, entries with their splits, statistics, fingerprint

It is written last, so a folder without one is not a dataset (yet).
"""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from zonate.config import Settings
from zonate.dataset.entry import Entry, PlacedRecord
from zonate.dataset.splits import check_no_leakage
from zonate.errors import DatasetError
from zonate.io.files import write_json
from zonate.preprocessing.statistics import Statistics, pooled
from zonate.settings.data import AlignmentSettings, ReadingSettings, SlicingSettings, SplitSettings

FORMAT = "zonate-dataset"
FORMAT_VERSION = 2
INDEX_NAME = "dataset.json"


@dataclass(frozen=True)
class Index:
    """What the index says.

    Attributes:
        entries: The cases, by case id.
        statistics: Of the training patients only; mean 0 and standard deviation 1 where there are none.
        reading: How the cases were read.
        alignment: How they were aligned.
        slicing: How they were sliced.
        split: How they were divided.
        fingerprint: SHA-256 of everything that could change what is learnt from the dataset.
    """

    entries: tuple[Entry, ...]
    statistics: Statistics
    reading: ReadingSettings
    alignment: AlignmentSettings
    slicing: SlicingSettings
    split: SplitSettings
    fingerprint: str

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """What `write_index` wrote."""
        settings = value["settings"]
        return cls(
            entries=tuple(Entry.from_json(entry) for entry in value["entries"]),
            statistics=Statistics.from_json(value["statistics"]),
            reading=ReadingSettings.model_validate(settings["reading"]),
            alignment=AlignmentSettings.model_validate(settings["alignment"]),
            slicing=SlicingSettings.model_validate(settings["slicing"]),
            split=SplitSettings.model_validate(settings["split"]),
            fingerprint=value["fingerprint"],
        )


def write_index(path: Path, placed: Items[PlacedRecord], settings: Settings) -> None:
    """Write the index of a dataset whose cases are all complete.

    Args:
        path: The dataset's folder.
        placed: The cases with their splits; the statistics come from those that train.
        settings: reading, alignment, slicing and split are kept.

    Raises:
        LeakageError: A patient stands on two sides.
    """
    entries = [Entry.of_record(item) for item in placed]
    check_no_leakage(entry.placed for entry in entries)
    moments = pooled(item.record.moments for item in placed if item.split == "train")
    index: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": {
            "reading": settings.reading.model_dump(),
            "alignment": settings.alignment.model_dump(),
            "slicing": settings.slicing.model_dump(),
            "split": settings.split.model_dump(mode="json"),
        },
        "statistics": moments.statistics.to_json(),
        "entries": [entry.to_json() for entry in entries],
    }
    canonical = json.dumps(index, sort_keys=True, ensure_ascii=True)
    index["fingerprint"] = hashlib.sha256(canonical.encode()).hexdigest()
    write_json(path / INDEX_NAME, index, indent=None)  # a quarter of the size, with a line for each label code


def read_index(path: Path, where: str = "") -> Index:
    """Read the index of a dataset; whether its cases are there is not looked at.

    Args:
        path: The folder that holds it.
        where: What the user calls the dataset; empty: the folder.

    Raises:
        DatasetError: It is not there, damaged or of another format version.
    """
    where = where or str(path)
    name = f"{where}/{INDEX_NAME}"
    try:
        stored = (path / INDEX_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DatasetError(
            f"{where} is not a complete dataset: it has no {INDEX_NAME}. Run `zonate prepare` (again)"
        ) from None
    try:
        value: dict[str, Any] = json.loads(stored.decode("utf-8"))
        form, version = value["format"], value["format_version"]
    except (ValueError, KeyError, TypeError):
        raise DatasetError(f"{name} is damaged: run `zonate prepare` again") from None
    if form != FORMAT or version != FORMAT_VERSION:
        raise DatasetError(
            f"{name} is {form} of version {version}; this Zonate reads {FORMAT} of version {FORMAT_VERSION}: "
            "prepare the dataset again"
        )
    try:
        return Index.from_json(value)
    except (KeyError, TypeError, ValueError, ValidationError):
        raise DatasetError(f"{name} is damaged: run `zonate prepare` again") from None
