"""What a report says, in words, figures and pictures: the page and the PDF are two renderings of one `Content`."""

import re
from dataclasses import dataclass, field

from zonate.pictures.zones import RESEARCH_USE

Colour = tuple[int, int, int]
Fact = tuple[str, str]
"""A name and what there is to say of it."""

TITLE = "Prostate zones"
IN_PLAIN_WORDS = (
    "Zonate is a research program, not a medical device: nobody has shown that it is safe to rely on. The outlines are "
    "a computer's proposal: compare them with the images before you use a figure, and decide nothing about a patient "
    "by this report."
)
HOW_TO_LOOK = (
    "Seen from the feet: R is the patient's right, posterior is down; slices count from below; the bar is 1 cm long."
)
NOT_GIVEN = "–"


@dataclass(frozen=True)
class KeyFigure:
    """A figure that is looked for first: its name, the figure with its unit, and a few words below it."""

    name: str
    value: str
    note: str


@dataclass(frozen=True)
class TableRow:
    """A row of a table.

    Attributes:
        name: Of what the row is about.
        cells: One a column after the first; a single one stands across all of them.
        colour: In which it is drawn in the pictures.
        part: Whether it is a part of the row above that is none.
        bold: Whether it is what the others add up to.
    """

    name: str
    cells: tuple[str, ...]
    colour: Colour | None = None
    part: bool = False
    bold: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows, for who does not see it: the headings say it too.
        headings: Of all columns, the first included.
        rows: At least one.
        notes: Sentences below it.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A square PNG, and what it shows in words."""

    alt: str
    png: bytes = field(repr=False)


@dataclass(frozen=True)
class Figure:
    """A row of pictures, one a level, and what stands beside it.

    Attributes:
        title: What is drawn.
        notes: How to read it, a sentence each.
        pictures: From base to apex.
        table: None where there is none.
    """

    title: str
    notes: tuple[str, ...]
    pictures: tuple[Picture, ...]
    table: Table | None = None


@dataclass(frozen=True)
class Content:
    """A report in the order in which it is read. Texts hold no markup, and no patient data but the case_id.

    Attributes:
        case_id: As in `Case`.
        made: When, and by which program and model.
        doubt: A sentence that says why the result is doubtful; empty where it is not.
        warnings: What may make it worthless first.
        key_figures: What is looked for first.
        levels: Headings over the columns of pictures.
        legend: The zones and their colours.
        zones_on_t2w: What a reader judges by.
        volumes: Structure by structure.
        measurements: Diameters, ratio, PSA density.
        alignment: How DWI and ADC came onto the T2W.
        figures: ADC, DWI, sectors, uncertainty, as far as there are any.
        model: What drew the zones.
        not_given: What a reader may look for, and why it is not there.
    """

    case_id: str
    made: str
    doubt: str
    warnings: tuple[str, ...]
    key_figures: tuple[KeyFigure, ...]
    levels: tuple[str, ...]
    legend: tuple[tuple[str, Colour], ...]
    zones_on_t2w: Figure
    volumes: Table
    measurements: tuple[Fact, ...]
    alignment: tuple[Fact, ...]
    figures: tuple[Figure, ...]
    model: tuple[Fact, ...]
    not_given: tuple[Fact, ...]
    title: str = TITLE
    intended_use: str = RESEARCH_USE
    in_plain_words: str = IN_PLAIN_WORDS
    how_to_look: str = HOW_TO_LOOK


def plain(text: str) -> str:
    """A text on one line, without the control characters that neither a page nor a PDF can show."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", text).split())


def sentence(text: str, *, capital: bool = True) -> str:
    """A text with a full stop and, where asked for, a capital letter."""
    text = plain(text)
    if text and text[-1] not in ".!?":
        text += "."
    return text[:1].upper() + text[1:] if capital else text
