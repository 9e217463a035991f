"""Fonts, colours and paragraphs of the PDF."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

from zonate.pictures.lettering import PLAIN_FILES, Stretch, plain_file, stretches

INK, QUIET, LINE, SOFT = HexColor("#16202a"), HexColor("#51606f"), HexColor("#c9d1d9"), HexColor("#f3f6f8")
ACCENT, RED, AMBER, PALE = HexColor("#0b4a6f"), HexColor("#a3121f"), HexColor("#e0a100"), HexColor("#fff7e0")
HEADING = "heading"
"""The style whose paragraphs become bookmarks."""

_REGULAR, _BOLD = "ZonateSans", "ZonateSans-Bold"
_ALIGN = {"left": TA_LEFT, "center": TA_CENTER, "right": TA_RIGHT}
# Font, size and leading in points, colour, space after.
_STYLES: dict[str, tuple[str, float, float, Any, float]] = {
    "title": (_BOLD, 15.5, 18.0, ACCENT, 1.0),
    "case": (_BOLD, 11.5, 13.5, INK, 0.0),
    HEADING: (_BOLD, 9.5, 12.0, ACCENT, 0.0),
    "doubt": (_BOLD, 9.8, 12.5, white, 0.0),
    "warnings": (_BOLD, 9.0, 11.5, HexColor("#8a5a00"), 0.0),
    "key": (_BOLD, 12.0, 15.0, INK, 0.0),
    "bold": (_BOLD, 7.6, 9.8, INK, 0.0),
    "text": (_REGULAR, 7.6, 9.8, INK, 0.0),
    "quiet": (_REGULAR, 6.8, 8.7, QUIET, 0.0),
    "cell": (_REGULAR, 6.2, 7.6, INK, 0.0),
    "tiny": (_REGULAR, 5.6, 6.6, QUIET, 0.0),
}


@dataclass(frozen=True)
class Run:
    """A stretch of text that looks otherwise than the rest of its paragraph."""

    text: str
    colour_rgb: tuple[int, int, int] | None = None
    bold: bool = False


def paragraph(*runs: str | Run, style: str = "text", align: str = "left") -> Any:
    """A paragraph of reportlab; whatever the texts hold is shown, never read as markup."""
    register_fonts()
    return Paragraph("".join(map(_markup, runs)), _style(style, align))


def register_fonts() -> None:
    """Make the fonts known to reportlab, which embeds the characters that are used."""
    for name, file in zip((_REGULAR, _BOLD), PLAIN_FILES, strict=True):
        _register(name, plain_file(file))


def _register(name: str, file: Path) -> None:
    if name not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(name, file))


@cache
def _style(name: str, align: str) -> Any:
    font, size, leading, colour, after = _STYLES[name]
    return ParagraphStyle(
        name, fontName=font, fontSize=size, leading=leading, textColor=colour, spaceAfter=after, alignment=_ALIGN[align]
    )


def _markup(run: str | Run) -> str:
    if isinstance(run, str):
        return _lettered(run)
    colour = "#{:02x}{:02x}{:02x}".format(*run.colour_rgb) if run.colour_rgb else None
    attributes = (f' color="{colour}"' if colour else "") + (f' name="{_BOLD}"' if run.bold else "")
    return f"<font{attributes}>{_lettered(run.text)}</font>"


def _lettered(text: str) -> str:
    return "".join(map(_stretch, stretches(text, embedded=True)))


def _stretch(of: Stretch) -> str:
    if of.font is None:
        return escape(of.text)
    _register(of.font.family, of.font.file)
    return f'<font name="{escape(of.font.family)}">{escape(of.text)}</font>'
