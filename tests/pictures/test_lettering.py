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


@pytest.mark.parametrize(
    ("head", "taken"),
    [
        (b"\x00\x01\x00\x00", True),
        (b"OTTO", False),
        (b"ttcf\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10\x00\x01\x00\x00", True),
        (b"ttcf\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10OTTO", False),
    ],
)
def test_a_pdf_takes_truetype_outlines_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, taken: bool
) -> None:
    """The first font of a collection begins where the collection's header says: after 16 bytes here."""
    (tmp_path / "font").write_bytes(head)
    font = Font("of the test", tmp_path / "font")
    has = lettering._characters
    monkeypatch.setattr(lettering, "_other_fonts", lambda: (font,))
    monkeypatch.setattr(lettering, "_characters", lambda file: frozenset("患") if file == font.file else has(file))
    lettering._font_of.cache_clear()
    assert list(stretches("患")) == [Stretch("患", font)]
    assert list(stretches("患", embedded=True)) == [Stretch("患", font) if taken else Stretch(r"\u60a3", None)]
    assert spells_out("患") is not taken


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
