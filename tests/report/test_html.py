import base64
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tests.report.cases import ABOUT_MODEL, CREATED, case, nothing_found, uncertainty, zones
from tests.report.texts import squeezed, texts_of
from zonate.report.compose import compose
from zonate.report.content import Content
from zonate.report.html import render_html

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 7 * 7 }}</style>'


class Page(HTMLParser):
    """The elements, attributes and visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def content() -> Content:
    result = zones(uncertainty=uncertainty(doubtful=True, reason="the expected Dice of the gland is 0.61"))
    return compose(case(), replace(result, warnings=("DWI is absent",)), ABOUT_MODEL, created=CREATED)


@pytest.fixture(scope="module")
def page(content: Content) -> Page:
    return Page(render_html(content))


def test_everything_that_is_composed_stands_on_the_page(content: Content, page: Page) -> None:
    shown = squeezed("".join(page.text))
    alts = {attributes["alt"] for attributes in page.all("img")}
    assert [text for text in texts_of(content) if squeezed(text) not in shown and text not in alts] == []


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    assert {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "embed", "base", "form"} == set()
    for tag, attributes in page.elements:
        for name in ("src", "href", "srcset", "action", "background", "poster", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/png;base64,"), (tag, name)
        assert not any(name.startswith("on") for name in attributes), tag
    policy = next(of["content"] for of in page.all("meta") if of.get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    style = "".join(page.text)
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in style


def test_every_picture_is_a_png_with_words(page: Page) -> None:
    pictures = page.all("img")
    assert len(pictures) == 15  # five rows of three
    for of in pictures:
        assert base64.b64decode((of["src"] or "").split(",")[1])[:8] == b"\x89PNG\r\n\x1a\n"
        assert of["alt"]


def test_the_page_is_small_and_says_its_language(content: Content, page: Page) -> None:
    assert len(render_html(content)) < 1_500_000
    assert page.all("html") == [{"lang": "en"}]
    assert [tag for tag, _ in page.elements if tag in ("h1", "h2")] == ["h1", *["h2"] * 6]


def test_hostile_texts_are_shown_and_not_obeyed() -> None:
    about = {**ABOUT_MODEL, "name": HOSTILE, "file": HOSTILE, "terms_of_use": HOSTILE}
    result = zones(warnings=(HOSTILE,), doubt=f"x{HOSTILE}")
    written = render_html(compose(case(HOSTILE), result, about, created=CREATED))
    page = Page(written)
    assert page.all("script") == []
    assert all(of.get("onerror") is None for of in page.all("img"))
    assert len(page.all("img")) == 15
    assert written.count("</style>") == 1
    shown = squeezed("".join(page.text))
    assert shown.count(squeezed(HOSTILE)) >= 5
    assert "49" not in HOSTILE  # so that a template that was run would be seen
    assert "{{7*7}}" in shown


def test_a_name_cannot_leave_the_style_of_the_printed_footer() -> None:
    content = compose(case('a"; } body { display: none } /*'), zones(), ABOUT_MODEL, created=CREATED)
    style = render_html(content).split("</style>")[0]
    assert r"a\22 \3b  \7d  body \7b  display\3a  none \7d  \2f \2a " in style


def test_a_page_without_a_gland_says_so_first() -> None:
    page = Page(render_html(compose(case(), nothing_found(), ABOUT_MODEL, created=CREATED)))
    shown = " ".join("".join(page.text).split())
    assert shown.index("This result is doubtful: no prostate was found.") < shown.index("Gland volume")
    assert [of.get("class") for of in page.all("p")].count("doubt") == 1


def test_a_good_page_has_no_banner() -> None:
    page = Page(render_html(compose(case(), zones(), ABOUT_MODEL, created=CREATED)))
    assert "doubt" not in [of.get("class") for of in page.all("p")]
    assert "warnings" not in [of.get("class") for of in page.all("section")]
