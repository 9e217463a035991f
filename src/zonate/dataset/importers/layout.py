"""What every importer is: a public layout that is recognised, read, and credited."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zonate.dataset.importers.source import Source


@dataclass(frozen=True)
class LeftOut:
    """Something that lies in the folder and was not taken.

    Attributes:
        name: What it is: a patient, a case or a file, as the data set names it.
        reason: Why, in words that tell what would change it.
    """

    name: str
    reason: str


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

    Raises:
                DatasetError: The folder has not this layout; the message says what was looked for.
    """

    name: str
    title: str
    licence: str
    citation: str
    home: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], Found]
