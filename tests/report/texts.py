"""What a report says, for the tests that look for it in what was written."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def texts_of(content: Any) -> Iterator[str]:
    """Every text that a content holds, at any depth."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, tuple):
        for part in content:
            yield from texts_of(part)
    elif is_dataclass(content):
        for field in fields(content):
            yield from texts_of(getattr(content, field.name))


def squeezed(text: str) -> str:
    """Without white space: lines break differently on a page and in a PDF."""
    return "".join(text.split())
