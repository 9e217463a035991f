import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from zonate.pictures import lettering
from zonate.pictures.lettering import Font, Stretch, spells_out, stretches, write

STIX = lettering.plain_file("STIXGeneral.ttf")
"""It has ℊ, which DejaVu Sans lacks."""


@pytest.fixture(autouse=True)
def of_this_test_alone() -> Any:
    yield
    forget()


def forget() -> None:
    for cached in (lettering._font_of, lettering._other_fonts, lettering._known_to_matplotlib):
        cached.cache_clear()


def on_a_machine_with(monkeypatch: pytest.MonkeyPatch, *files: Path) -> None:
    entries = [font_manager.ttfFontProperty(font_manager.get_font(file)) for file in files]
    plain = [entry for entry in font_manager.fontManager.ttflist if entry.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*plain, *entries])
    forget()


def test_a_text_that_dejavu_sans_has_stays_in_one_piece() -> None:
    assert list(stretches("ProstateX-0001, 12 mm², Größe, Пациент")) == [
        Stretch("ProstateX-0001, 12 mm², Größe, Пациент", None)
    ]


def test_what_no_font_shows_is_spelt_out_so_that_two_patients_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(monkeypatch)
    assert [*stretches("患者1"), *stretches("病人1"), *stretches("𠀀")] == [
        Stretch(r"\u60a3\u80051", None),
        Stretch(r"\u75c5\u4eba1", None),
        Stretch(r"\U00020000", None),
    ]
    assert spells_out("患者1")
    assert not spells_out("Größe")


@pytest.mark.parametrize("embedded", [False, True])
def test_another_font_shows_what_it_has(monkeypatch: pytest.MonkeyPatch, embedded: bool) -> None:
    on_a_machine_with(monkeypatch, STIX)
    stix = Font("Zonate: STIXGeneral", STIX)
    assert list(stretches("a ℊ患", embedded=embedded)) == [
        Stretch("a ", None),
        Stretch("ℊ", stix),
        Stretch(r"\u60a3", None),
    ]
    assert not spells_out("ℊ")


def test_boxes_of_the_last_resort_are_no_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_machine_with(monkeypatch, lettering.plain_file("LastResortHE-Regular.ttf"))
    assert list(stretches("患")) == [Stretch(r"\u60a3", None)]


@pytest.mark.parametrize("content", [None, b"", b"no font"], ids=["gone", "empty", "none"])
def test_a_font_that_cannot_be_opened_has_no_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """As matplotlib's cache lists it where machines share a home, but not their fonts."""
    listed = lettering._other_fonts
    on_a_machine_with(monkeypatch, STIX)
    bad = Font("of another machine", tmp_path / "font.ttf")
    if content is not None:
        bad.file.write_bytes(content)
    monkeypatch.setattr(lettering, "_other_fonts", lambda: (bad, *listed()))
    assert [*stretches("ℊ"), *stretches("患")] == [
        Stretch("ℊ", Font("Zonate: STIXGeneral", STIX)),
        Stretch(r"\u60a3", None),
    ]


def a_collection(file: Path) -> None:
    """Of one font, which begins after 16 bytes, as all that its directory lists lies 16 bytes further on."""
    font = bytearray(STIX.read_bytes())
    for entry in range(12, 12 + 16 * int.from_bytes(font[4:6], "big"), 16):
        place = int.from_bytes(font[entry + 8 : entry + 12], "big")
        font[entry + 8 : entry + 12] = (place + 16).to_bytes(4, "big")
    file.write_bytes(b"ttcf" + bytes((0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 16)) + font)


def with_outlines_of_postscript(file: Path) -> None:
    file.write_bytes(b"OTTO" + STIX.read_bytes()[4:])


def without_its_end(file: Path) -> None:
    file.write_bytes(STIX.read_bytes()[:100_000])


def taken_away(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    ("made", "taken"),
    [(a_collection, True), (with_outlines_of_postscript, False), (without_its_end, False), (taken_away, False)],
)
def test_a_pdf_takes_whole_truetype_outlines_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[[Path], None], taken: bool
) -> None:
    font = Font("of the test", Path(shutil.copy(STIX, tmp_path / "font")))
    monkeypatch.setattr(lettering, "_other_fonts", lambda: (font,))
    assert list(stretches("ℊ")) == [Stretch("ℊ", font)]
    made(font.file)
    assert list(stretches("ℊ", embedded=True)) == [Stretch("ℊ", font) if taken else Stretch(r"\u210a", None)]
    assert spells_out("ℊ") is not taken


def test_a_picture_shows_each_character_and_reads_no_mathematics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is anything said of a font that has no bold; a missing glyph is a warning, and an error here."""
    on_a_machine_with(monkeypatch, STIX)
    figure = Figure(figsize=(2, 1))
    write(figure, 0.1, 0.5, "a$b$c ℊ 患", weight="bold")
    (text,) = figure.texts
    assert (text.get_text(), text.get_parse_math()) == (r"a$b$c ℊ \u60a3", False)
    assert text.get_fontfamily() == ["DejaVu Sans", "Zonate: STIXGeneral"]
    figure.savefig(tmp_path / "text.png")
    assert caplog.messages == []
