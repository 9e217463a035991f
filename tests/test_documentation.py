"""The reference pages name what there is."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel

from zonate.cli.commands import app
from zonate.config import Settings

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def test_every_setting_stands_in_the_reference_with_its_default_and_its_meaning() -> None:
    rows = {}
    for line in (REFERENCE / "settings.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            name, default, meaning = line.strip("| ").split(" | ", 2)
            rows[name.strip("`")] = default.strip("`"), meaning
    leaves = dict(_leaves(Settings()))
    assert rows.keys() == leaves.keys()
    assert sum(bool(meaning) for _, meaning in leaves.values()) > 50
    for name, (value, meaning) in leaves.items():
        default, said = rows[name]
        assert (None if default == "unset" else eval(default)) == value, name  # noqa: S307
        assert said.startswith(meaning), name


def test_every_section_of_the_settings_is_described_as_in_the_code() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    for name, section in Settings():
        if isinstance(section, BaseModel):
            said = text.split(f"\n## {name}\n\n", 1)[1].split("\n\n", 1)[0]
            assert said == " ".join((type(section).__doc__ or "").split()), name


def test_every_command_stands_in_the_reference() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert len(names) == 16
    assert [name for name in names if f"| `zonate {name}" not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    root = REFERENCE.parents[1]
    for page in [root / "README.md", *root.glob("docs/**/*.md"), *root.glob("benchmarks/**/*.md")]:
        for target in _links(page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_of_the_benchmarks_stands_in_their_index_with_a_command_that_there_is() -> None:
    benchmarks = REFERENCE.parents[1] / "benchmarks"
    index = (benchmarks / "README.md").read_text(encoding="utf-8")
    pages = {str(page.relative_to(benchmarks)) for page in benchmarks.glob("**/*.md")} - {"README.md"}
    assert len(pages) > 15
    assert sorted(pages.difference(_links(index))) == []
    modules = re.findall(r"python -m (benchmarks[\w.]*)", index)
    assert len(modules) > 15
    assert [name for name in modules if find_spec(name) is None] == []


def _leaves(settings: BaseModel, prefix: str = "") -> Iterator[tuple[str, tuple[object, str]]]:
    """Each setting's name, default and docstring, in one line."""
    docstrings = _docstrings(type(settings))
    for name, value in settings:
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{name}.")
        else:
            yield prefix + name, (value, docstrings.get(name, ""))


def _docstrings(section: type[BaseModel]) -> dict[str, str]:
    (definition,) = ast.parse(inspect.getsource(section)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, text in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def _links(text: str) -> list[str]:
    targets = [part.split(")", 1)[0] for part in text.split("](")[1:]]
    return [target.split("#")[0] for target in targets if not target.startswith("http")]
