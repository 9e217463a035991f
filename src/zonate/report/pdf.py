"""The report as a PDF: what the page says, on A4, with its fonts inside."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, Image, KeepTogether, PageTemplate, Spacer
from reportlab.platypus import Table as Grid

from zonate.report.content import Content, Fact, Figure, Picture, Table
from zonate.report.pdf_style import ACCENT, AMBER, HEADING, INK, LINE, PALE, RED, SOFT, Run, paragraph

_MARGIN, _BOTTOM = 12 * mm, 15 * mm
_WIDTH = A4[0] - 2 * _MARGIN
_FACT_NAME = 44 * mm
_CELLS = 118 * mm
"""Width of a row of the smaller pictures; its words stand beside it."""
_GAP = 1.6 * mm
_SQUARE, _NO_BREAK = "■", "\u00a0"

_BUTT = 0
"""A line that ends where it ends."""

# reportlab has no types: flowables and table commands are Any.
Parts = Iterator[Any]


def render_pdf(content: Content) -> bytes:
    """Write a report as a PDF with bookmarks and page numbers; its metadata name no case.

    The same content gives the same bytes.
    """
    buffer = io.BytesIO()
    document: Any = BaseDocTemplate(
        buffer,
        pagesize=A4,
        title="Zonate report: prostate zones",
        author="Zonate",
        subject=content.intended_use,
        creator="Zonate",
        lang="en",
        invariant=1,
    )
    frame = Frame(_MARGIN, _BOTTOM, _WIDTH, A4[1] - _MARGIN - _BOTTOM, 0, 0, 0, 0)
    document.addPageTemplates(PageTemplate("report", [frame], onPage=_footer(content)))
    document.afterFlowable = _bookmark(document)
    document.build(list(_story(content)), canvasmaker=_Counted)
    return buffer.getvalue()


class _Counted(Canvas):  # type: ignore[misc]  # reportlab has no types
    """Says on each page how many there are, which it knows when all are drawn: a part that each shows, drawn last."""

    def save(self) -> None:
        pages = self.getPageNumber() - 1
        for page in range(1, pages + 1):
            self.beginForm(_number_of(page))
            _draw_in_footer(self, f"page {page} of {pages}", 2)
            self.endForm()
        super().save()


def _number_of(page: int) -> str:
    """The name of the part that numbers a page."""
    return f"number-{page}"


def _footer(content: Content) -> Callable[[Any, Any], None]:
    def draw(canvas: Any, document: Any) -> None:
        _draw_in_footer(canvas, f"{content.title}: {content.case_id}", 0)
        _draw_in_footer(canvas, content.intended_use, 1)
        canvas.doForm(_number_of(document.page))

    return draw


def _draw_in_footer(canvas: Any, text: str, third: int) -> None:
    """Write into the first, second or last third of a page's lower edge."""
    line = paragraph(text, style="quiet", align=("left", "center", "right")[third])
    _, height = line.wrap(_WIDTH / 3, _BOTTOM)
    line.drawOn(canvas, _MARGIN + third * _WIDTH / 3, 12 * mm - height)


def _bookmark(document: Any) -> Callable[[Any], None]:
    def after(flowable: Any) -> None:
        name = getattr(flowable, "bookmark", None)
        if name is not None:
            document.canv.bookmarkPage(name)
            document.canv.addOutlineEntry(name, name, 0)

    return after


def _story(content: Content) -> Parts:
    yield from _head(content)
    yield from _warnings(content)
    yield from _key_figures(content)
    yield KeepTogether([_heading(f"Zones on {content.zones_on_t2w.title}"), *_zones_on_t2w(content)])
    volumes = _table(content.volumes, _WIDTH, 0.31 * _WIDTH)
    yield KeepTogether([_heading("Volumes and measurements"), *volumes, *_facts(content.measurements)])
    yield KeepTogether([_heading("Alignment of DWI and ADC"), *_facts(content.alignment)])
    if content.figures:
        levels = _cells([paragraph(level, style="bold") for level in content.levels], _CELLS)
        yield KeepTogether([_heading("Further pictures of these slices"), levels, *map(_figure, content.figures)])
    for title, facts in (("Model", content.model), ("Not given, and why", content.not_given)):
        if facts:
            yield KeepTogether([_heading(title), *_facts(facts)])


def _head(content: Content) -> Parts:
    title = [paragraph(content.title, style="title"), paragraph(content.made, style="quiet")]
    case = [paragraph("Case", style="quiet", align="right"), paragraph(content.case_id, style="case", align="right")]
    yield _grid([[title, case]], [0.6 * _WIDTH, 0.4 * _WIDTH], [("VALIGN", (0, 0), (-1, -1), "BOTTOM")])
    yield Spacer(0, 2.4 * mm)
    use = paragraph(Run(f"{content.intended_use}  ", bold=True), content.in_plain_words, style="quiet")
    yield _box([[use]], [("BACKGROUND", (0, 0), (-1, -1), SOFT), ("BOX", (0, 0), (-1, -1), 0.6, LINE)])


def _warnings(content: Content) -> Parts:
    if content.doubt:
        yield Spacer(0, 2.4 * mm)
        yield _box([[paragraph(content.doubt, style="doubt")]], [("BACKGROUND", (0, 0), (-1, -1), RED)])
    if content.warnings:
        yield Spacer(0, 2.4 * mm)
        lines = [paragraph("Warnings", style="warnings"), *(paragraph(f"• {text}") for text in content.warnings)]
        bar = 1.6 * mm
        look = [
            ("BACKGROUND", (0, 0), (0, -1), AMBER),
            ("BACKGROUND", (1, 0), (1, -1), PALE),
            *_room(0.6 * mm),
        ]
        yield _grid([["", line] for line in lines], [bar, _WIDTH - bar], look)


def _key_figures(content: Content) -> Parts:
    yield Spacer(0, 2.8 * mm)
    cells = [
        [paragraph(of.name, style="quiet"), paragraph(of.value, style="key"), paragraph(of.note, style="quiet")]
        for of in content.key_figures
    ]
    look = [
        ("INNERGRID", (0, 0), (-1, -1), 0.6, LINE),
        ("BOX", (0, 0), (-1, -1), 0.6, LINE),
        ("LINEABOVE", (0, 0), (-1, 0), 2.4, ACCENT, _BUTT),
    ]
    yield _box([cells], look)


def _zones_on_t2w(content: Content) -> Parts:
    yield _cells([paragraph(level, style="bold") for level in content.levels], _WIDTH)
    yield _cells(_images(content.zones_on_t2w.pictures, _WIDTH), _WIDTH)
    yield Spacer(0, 1.2 * mm)
    runs: list[str | Run] = []
    for name, colour in content.legend:
        runs += [Run(_SQUARE, colour), f" {name}   ".replace(" ", _NO_BREAK), " "]
    yield paragraph(*runs)
    yield paragraph(content.how_to_look, style="quiet")


def _figure(figure: Figure) -> Any:
    beside = [paragraph(figure.title, style="bold"), *(paragraph(note, style="quiet") for note in figure.notes)]
    width = _WIDTH - _CELLS - 2 * _GAP
    if figure.table is not None:
        beside += [
            Spacer(0, 0.8 * mm),
            *_table(figure.table, width, 0.17 * width, style="cell", heading="tiny", padding=0.7),
        ]
    cells = _cells(_images(figure.pictures, _CELLS), _CELLS)
    look = [("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("BOTTOMPADDING", (0, 0), (-1, -1), 1.6 * mm)]
    look.append(("LEFTPADDING", (1, 0), (1, 0), 2 * _GAP))
    return _grid([[cells, beside]], [_CELLS, _WIDTH - _CELLS], look)


def _table(
    table: Table, width: float, first: float, *, style: str = "text", heading: str = "quiet", padding: float = 1.6
) -> Parts:
    """A table whose first column has a width of its own, and whose others share the rest evenly."""
    n = len(table.headings)
    rows = [[paragraph(text, style=heading, align="right" if k else "left") for k, text in enumerate(table.headings)]]
    look = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("LINEBELOW", (0, 0), (-1, 0), 0.9, INK),
        ("TOPPADDING", (0, 0), (-1, -1), padding),
        ("BOTTOMPADDING", (0, 0), (-1, -1), padding),
        ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
    ]
    for number, row in enumerate(table.rows, start=1):
        swatch = [Run(f"{_SQUARE} ", row.colour)] if row.colour else []
        name = paragraph(_NO_BREAK * 5 if row.part else "", *swatch, Run(row.name, bold=row.bold), style=style)
        spans = len(row.cells) == 1 and n > 2
        rows.append(
            [
                name,
                *(
                    paragraph(Run(cell, bold=row.bold), style=style, align="left" if spans else "right")
                    for cell in row.cells
                ),
            ]
        )
        rows[-1] += [""] * (n - len(rows[-1]))
        if spans:
            look.append(("SPAN", (1, number), (-1, number)))
    yield _grid(rows, [first] + [(width - first) / (n - 1)] * (n - 1), look)
    if table.notes:
        yield Spacer(0, 1 * mm)
        yield paragraph(" ".join(table.notes), style="quiet")


def _facts(facts: Sequence[Fact]) -> Parts:
    if facts:
        yield Spacer(0, 1.2 * mm)
        rows = [[paragraph(name, style="quiet"), paragraph(text)] for name, text in facts]
        look = [("BOTTOMPADDING", (0, 0), (-1, -1), 0.5 * mm)]
        yield _grid(rows, [_FACT_NAME, _WIDTH - _FACT_NAME], look)


def _heading(title: str) -> Any:
    heading = _grid([[paragraph(title, style=HEADING)]], [_WIDTH], [("LINEBELOW", (0, 0), (-1, -1), 0.9, LINE)])
    heading.bookmark, heading.spaceBefore, heading.spaceAfter = title, 3.4 * mm, 1.4 * mm
    return heading


def _cells(cells: Sequence[Any], width: float) -> Any:
    """Cells beside each other as the pictures lie, three in the width."""
    side = _side(width)
    gaps = [("RIGHTPADDING", (0, 0), (min(1, len(cells) - 1), 0), _GAP)]
    return _grid([list(cells)], [side + _GAP, side + _GAP, side][: len(cells)], gaps)


def _images(pictures: Sequence[Picture], width: float) -> list[Any]:
    side = _side(width)
    return [Image(io.BytesIO(picture.png), side, side) for picture in pictures]


def _side(width: float) -> float:
    return float(width - 2 * _GAP) / 3


def _box(rows: list[list[Any]], look: list[Any]) -> Any:
    """A table of even columns over the whole width, with room about what it holds."""
    return _grid(rows, [_WIDTH / len(rows[0])] * len(rows[0]), [*_room(1.4 * mm), *look])


def _room(above_and_below: float) -> list[Any]:
    """Padding of every cell."""
    sides = {"LEFT": 2.4 * mm, "RIGHT": 2.4 * mm, "TOP": above_and_below, "BOTTOM": above_and_below}
    return [(f"{side}PADDING", (0, 0), (-1, -1), room) for side, room in sides.items()]


def _grid(rows: list[list[Any]], widths: list[float], look: list[Any]) -> Any:
    """A table without padding but what `look` gives it."""
    bare = [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    return Grid(rows, widths, style=[*bare, ("VALIGN", (0, 0), (-1, -1), "TOP"), *look], hAlign="LEFT")
