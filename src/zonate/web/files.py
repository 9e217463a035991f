"""The files that the page is made of: these and no others are served."""

from dataclasses import dataclass
from importlib.resources import files

NIIVUE = "vendor/niivue-0.69.0/niivue.umd.js"

_SCRIPT, _STYLE, _PAGE = "text/javascript; charset=utf-8", "text/css; charset=utf-8", "text/html; charset=utf-8"
_TYPES = {
    "index.html": _PAGE,
    "viewer.css": _STYLE,
    "viewer.js": _SCRIPT,
    "api.js": _SCRIPT,
    "download.js": _SCRIPT,
    "labels.js": _SCRIPT,
    "opened.js": _SCRIPT,
    "pane.js": _SCRIPT,
    "panes.js": _SCRIPT,
    "pointer.js": _SCRIPT,
    "sidebar.js": _SCRIPT,
    "surface.js": _SCRIPT,
    "volume.js": _SCRIPT,
    NIIVUE: _SCRIPT,
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the page.

    Attributes:
        content: Its bytes.
        content_type: As an HTTP header names it.
    """

    content: bytes
    content_type: str


def static_file(name: str) -> StaticFile | None:
    """The file that the page asks for by its path below `static/`; None for any that is not a part of it."""
    if name not in _TYPES:
        return None
    return StaticFile((files("zonate.web") / "static" / name).read_bytes(), _TYPES[name])
