"""The report as one web page that opens without a network and prints on A4."""

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from zonate.report.content import Content


def render_html(content: Content) -> str:
    """Write a report as a page: pictures and style inside, no script, and a policy that forbids loading anything."""
    return _template().render(report=content)


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("zonate.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["css_string"] = _css_string
    return environment.get_template("template.html")


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _css_string(text: str) -> str:
    r"""A text inside the quotes of a CSS string: whatever is not a plain letter, digit or space as `\<hex> `."""
    return "".join(c if c.isascii() and (c.isalnum() or c == " ") else f"\\{ord(c):x} " for c in text)
