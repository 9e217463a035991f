"""Texts as they are, in pictures and in the PDF: what DejaVu Sans lacks by another font, else by its number.

DejaVu Sans, which matplotlib brings along, has no Chinese, Japanese or Korean. A case id in them would be a row of
empty boxes, and two patients' ids would look alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.font_manager import fontManager
from matplotlib.ft2font import FT2Font

PLAIN = "DejaVu Sans"
PLAIN_FILES = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")

_NO_LETTERS = "Last Resort"
"""Fonts of that name have a box for every character."""
_OWN = "Zonate: "
_NORMAL, _BOLD = 400, 700


@dataclass(frozen=True)
class Font:
    """A font of this machine."""

    family: str
    file: Path


@dataclass(frozen=True)
class Stretch:
    """A part of a text in one font; None stands for DejaVu Sans."""

    text: str
    font: Font | None


def plain_file(name: str) -> Path:
    """Where one of PLAIN_FILES lies."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


def stretches(text: str, *, embedded: bool = False) -> Iterator[Stretch]:
    r"""Part a text by the fonts that show it; what none shows is spelt out, such as `\u60a3`.

    Args:
        text: Of one line.
        embedded: Whether the font has to go into a PDF, which takes TrueType outlines alone.
    """
    if text.isascii() or _plain_characters().issuperset(text):
        yield Stretch(text, None)
        return
    for font, characters in groupby(text, lambda character: _font_of(character, embedded)):
        part = "".join(characters)
        yield Stretch(part if isinstance(font, Font) else "".join(map(_spelt, part)), font)


def spells_out(text: str) -> bool:
    """Whether a picture or the PDF shows characters of a text by their numbers."""
    return any("".join(part.text for part in stretches(text, embedded=embedded)) != text for embedded in (False, True))


def write(on: Any, x: float, y: float, text: str, **how: Any) -> None:
    """Write a text onto a figure or axis of matplotlib: `$` is a dollar sign, and each character shown or spelt out."""
    parts = list(stretches(text))
    families = dict.fromkeys([PLAIN, *(_known_to_matplotlib(part.font) for part in parts if part.font is not None)])
    on.text(x, y, "".join(part.text for part in parts), family=list(families), parse_math=False, **how)


def _spelt(character: str) -> str:
    shown = character in _plain_characters()
    return character if shown else character.encode("ascii", "backslashreplace").decode("ascii")


@cache
def _font_of(character: str, embedded: bool) -> Font | None:
    """The first font of this machine that shows a character which DejaVu Sans lacks; None where none does."""
    if character in _plain_characters():
        return None
    fonts = (font for font in _other_fonts() if character in _characters(font.file))
    return next((font for font in fonts if not embedded or _goes_into_a_pdf(font.file)), None)


@cache
def _other_fonts() -> tuple[Font, ...]:
    """An upright font of each family, of the weight nearest to normal."""
    families: dict[str, Any] = {}
    for entry in sorted(fontManager.ttflist, key=lambda entry: (entry.name, abs(int(entry.weight) - _NORMAL))):
        if entry.style == "normal" and not entry.name.startswith((PLAIN, _NO_LETTERS, _OWN)):
            families.setdefault(entry.name, entry)
    return tuple(Font(f"{_OWN}{name}", Path(entry.fname)) for name, entry in families.items())


@cache
def _known_to_matplotlib(font: Font) -> str:
    """The family of a font, under a name of our own: one that has no bold is taken for bold, and nothing said of it."""
    entry = next(entry for entry in fontManager.ttflist if Path(entry.fname) == font.file)
    fontManager.ttflist += [replace(entry, name=font.family, weight=weight) for weight in (_NORMAL, _BOLD)]
    return font.family


@cache
def _plain_characters() -> frozenset[str]:
    regular, bold = (_characters(plain_file(name)) for name in PLAIN_FILES)
    return regular & bold


@cache
def _characters(file: Path) -> frozenset[str]:
    """None of a font that cannot be opened: matplotlib remembers those that are gone, or are on another machine."""
    try:
        return frozenset(map(chr, FT2Font(str(file)).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _goes_into_a_pdf(file: Path) -> bool:
    """Whether reportlab can read and embed a font."""
    from reportlab.pdfbase.ttfonts import TTFont  # here, since few texts need it

    try:
        TTFont(file.name, file)
    except Exception:  # noqa: BLE001  (it has no one exception for a broken font)
        return False
    return True
