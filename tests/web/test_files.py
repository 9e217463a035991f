import hashlib
import re
from importlib.resources import files

import pytest

from zonate.web.files import NIIVUE, static_file

STATIC = files("zonate.web") / "static"


def test_what_the_page_names_is_served() -> None:
    page = static_file("index.html")
    assert page is not None
    named = re.findall(r'(?:src|href)="/static/([^"]+)"', page.content.decode())
    assert sorted(named) == [NIIVUE, "viewer.css", "viewer.js"]
    assert all(static_file(name) is not None for name in named)


def test_every_module_is_served_and_imports_only_what_is_served() -> None:
    scripts = [file.name for file in STATIC.iterdir() if file.name.endswith(".js")]
    for name in scripts:
        served = static_file(name)
        assert served is not None
        assert served.content_type == "text/javascript; charset=utf-8"
        imported = re.findall(r"from '\./([^']+)'", served.content.decode())
        assert set(imported) <= set(scripts)


@pytest.mark.parametrize(
    "name", ["", "server.py", "../files.py", "vendor/niivue-0.69.0/LICENSE", "/etc/passwd", "index.html/"]
)
def test_nothing_else_is(name: str) -> None:
    assert static_file(name) is None


def test_the_vendored_library_is_the_one_that_its_page_names() -> None:
    folder = STATIC / NIIVUE.rpartition("/")[0]
    about = (folder / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256((STATIC / NIIVUE).read_bytes()).hexdigest() in about
    assert "BSD 2-Clause" in (folder / "LICENSE").read_text(encoding="utf-8")
    licences = (folder / "THIRD_PARTY_LICENSES.txt").read_text(encoding="utf-8")
    bundled = ["fflate", "gl-matrix", "nifti-reader-js", "zarrita", "numcodecs", "@ungap/structured-clone", "Roboto"]
    assert [name for name in bundled if name not in licences] == []
