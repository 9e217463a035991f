"""The report's two files."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from zonate.case import Case
from zonate.io.files import atomic_path, write_text
from zonate.report.compose import compose
from zonate.report.html import render_html
from zonate.report.pdf import render_pdf
from zonate.zonemap import ZoneMap

HTML_NAME, PDF_NAME = "report.html", "report.pdf"


def write_report(
    folder: Path, case: Case, zones: ZoneMap, about_model: Mapping[str, Any], *, created: datetime
) -> None:
    """Write `report.html` and `report.pdf`, which say the same, each whole or not at all.

    Args:
        folder: Made where it does not exist.
        case: What was segmented.
        zones: What came of it.
        about_model: As `zonate.model_json.model_to_json` gives it.
        created: With its time zone. The same arguments give the same bytes.

    Raises:
        ValueError: A time without its zone, or zones on another grid than the T2W's.
    """
    content = compose(case, zones, about_model, created=created)
    write_text(folder / HTML_NAME, render_html(content))
    with atomic_path(folder / PDF_NAME) as temporary:
        temporary.write_bytes(render_pdf(content))
