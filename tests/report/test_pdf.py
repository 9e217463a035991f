import io
from dataclasses import replace

import pypdf
import pytest

from tests.report.cases import ABOUT_MODEL, CREATED, case, coarse_zones, nothing_found, uncertainty, zones
from tests.report.texts import squeezed, texts_of
from zonate.pictures import lettering
from zonate.pictures.lettering import Font, plain_file
from zonate.report.compose import compose
from zonate.report.content import Content
from zonate.report.pdf import render_pdf
from zonate.zones import LabelCode


@pytest.fixture(scope="module")
def content() -> Content:
    result = zones(uncertainty=uncertainty(doubtful=True, reason="the expected Dice of the gland is 0.61"))
    return compose(case(), replace(result, warnings=("DWI is absent",)), ABOUT_MODEL, created=CREATED)


@pytest.fixture(scope="module")
def written(content: Content) -> bytes:
    return render_pdf(content)


def opened(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    return squeezed("".join(page.extract_text() for page in opened(pdf).pages))


def test_everything_that_is_composed_stands_in_the_pdf(content: Content, written: bytes) -> None:
    shown = text_of(written)
    figures = (content.zones_on_t2w, *content.figures)
    read_aloud = {picture.alt for figure in figures for picture in figure.pictures}
    read_aloud |= {figure.table.caption for figure in figures if figure.table}
    assert [text for text in texts_of(content) if squeezed(text) not in shown and text not in read_aloud] == []
    for written_out in ("7.2ml", "0.15ng/ml²", "3.6to10.8", "0.91", "10⁻⁶mm²/s", "×π/6"):
        assert written_out in shown


def test_it_has_two_pages_of_a4_with_the_case_on_each(written: bytes) -> None:
    pages = opened(written).pages
    assert len(pages) == 2
    for number, page in enumerate(pages, start=1):
        assert (round(float(page.mediabox.width)), round(float(page.mediabox.height))) == (595, 842)
        text = page.extract_text()
        assert "Prostate zones: case-1" in text
        assert f"page {number} of 2" in text
        assert "Research use only. Not for diagnosis." in text
    # Of the box, ADC and DWI look alike at all three levels: a picture that was drawn already is not stored again.
    assert [len(page.images) for page in pages] == [3, 8]


def test_its_fonts_are_embedded(written: bytes) -> None:
    fonts = {}
    for page in opened(written).pages:
        for font in page["/Resources"]["/Font"].values():  # type: ignore[index]  # pypdf's objects are dictionaries
            about = font.get_object()
            if "/FontDescriptor" in about:
                fonts[about["/BaseFont"]] = about["/FontDescriptor"]
    assert {str(name).split("+")[-1] for name in fonts} == {"DejaVuSans", "DejaVuSans-Bold"}
    assert all("/FontFile2" in descriptor for descriptor in fonts.values())


def test_its_metadata_and_bookmarks_name_no_case(written: bytes) -> None:
    pdf = opened(written)
    assert pdf.metadata is not None
    assert pdf.metadata.title == "Zonate report: prostate zones"
    assert "case-1" not in str(dict(pdf.metadata))
    assert [str(entry["/Title"]) for entry in pdf.outline] == [  # type: ignore[call-overload]  # no nesting here
        "Zones on T2W",
        "Volumes and measurements",
        "Alignment of DWI and ADC",
        "Further pictures of these slices",
        "Model",
    ]


def test_the_same_content_gives_the_same_bytes(content: Content, written: bytes) -> None:
    assert render_pdf(content) == written


def test_markup_in_a_text_is_shown_and_not_obeyed() -> None:
    hostile = '<b>case</b> & <img src="x"/> </font>'
    shown = text_of(render_pdf(compose(case(hostile), zones(), ABOUT_MODEL, created=CREATED)))
    assert squeezed(hostile) in shown


def test_a_result_without_anything_has_a_report() -> None:
    shown = text_of(render_pdf(compose(case(), nothing_found(), ABOUT_MODEL, created=CREATED)))
    assert "Thisresultisdoubtful:noprostatewasfound." in shown


def test_what_is_not_told_apart_stands_across_the_table() -> None:
    coarse = coarse_zones((LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND))
    shown = text_of(render_pdf(compose(case(), coarse, ABOUT_MODEL, created=CREATED)))
    assert shown.count("nottoldapartbythismodel") == 3


def test_more_warnings_than_a_page_holds_are_all_written() -> None:
    warned = zones(warnings=tuple(f"warning number {n} of a long list" for n in range(120)))
    shown = text_of(render_pdf(compose(case(), warned, ABOUT_MODEL, created=CREATED)))
    assert all(f"Warningnumber{n}ofalonglist." in shown for n in range(120))
    assert [f"page{n}of5" in shown for n in range(1, 6)] == [True] * 5


def test_the_longest_name_of_a_structure_takes_one_line() -> None:
    unvalidated = compose(case(), replace(zones(), not_validated=("AFS",)), ABOUT_MODEL, created=CREATED)
    lines = opened(render_pdf(unvalidated)).pages[0].extract_text().splitlines()
    assert any("Anterior stroma (AFS), not validated" in line for line in lines)


def test_a_case_id_is_shown_by_another_font_or_by_its_numbers(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    stix = Font("of the test", plain_file("STIXGeneral.ttf"))  # it has ℊ, which DejaVu Sans lacks
    monkeypatch.setattr(lettering, "_other_fonts", lambda: (stix,))
    lettering._font_of.cache_clear()
    shown = text_of(render_pdf(replace(content, case_id="ℊ患者<1>")))
    lettering._font_of.cache_clear()
    assert r"Prostatezones:ℊ\u60a3\u8005<1>" in shown
