"""What every importer is: a public layout that is recognised, read, and credited."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zonate.dataset.importers.listing import Listing
from zonate.dataset.importers.source import Source
from zonate.dataset.splits import Side


@dataclass(frozen=True)
class LeftOut:
    """Something that lies in the folder and was not taken.

    Attributes:
        name: What it is: a patient, a case or a file, as the data set names it.
        reason: Why, in words that tell what would change it.
    """

    name: str
    reason: str


def part_of(file: Path, folder: Path) -> Side | None:
    """Which part of a published split the folders around a file say that it is of.

    Args:
        file: Below `folder`.
        folder: What the user gave; its own name counts, those above it do not.

    Returns:
        `test` or `train` by the nearest folder that has one of these words in its name; None where none has.
    """
    for name in (*reversed(file.relative_to(folder).parent.parts), folder.resolve().name):
        words = set(re.split(r"[^a-z]+", name.lower()))
        if words & {"test", "testing"}:
            return "test"
        if words & {"train", "training"}:
            return "train"
    return None


@dataclass(frozen=True)
class Found:
    """What a layout's reader makes of a folder.

    Attributes:
        sources: The readings, in the order of their case ids.
        left_out: What was not taken.
    """

    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Layout:
    """How a public data set lies on disk, and what is owed to those who made it.

    Attributes:
        name: What `--layout` takes.
        title: The data set's public name.
        licence: As its page names it.
        citation: As its page asks for it, in one line, with the DOI.
        home: The address where it is had.
        recognise: Whether a folder has this layout, from names alone, quickly, without raising.
        read: The readings in a folder.

    `read` raises `DatasetError` where the folder has not this layout, and says what was looked for.
    """

    name: str
    title: str
    licence: str
    citation: str
    home: str
    recognise: Callable[[Listing], bool]
    read: Callable[[Listing], Found]
