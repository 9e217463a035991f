"""The reference pages name what there is."""

from pathlib import Path

from pydantic import BaseModel

from zonate.cli.commands import app
from zonate.config import Settings

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def test_every_setting_stands_in_the_reference() -> None:
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    for name, value in Settings():
        leaves = [f"{name}.{leaf}" for leaf, _ in value] if isinstance(value, BaseModel) else [name]
        assert [leaf for leaf in leaves if f"| `{leaf}` |" not in text] == []


def test_every_command_stands_in_the_reference() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert len(names) == 16
    assert [name for name in names if f"| `zonate {name}" not in text] == []


def test_links_between_pages_lead_somewhere() -> None:
    root = REFERENCE.parents[1]
    for page in [root / "README.md", *root.glob("docs/**/*.md")]:
        for target in _links(page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def _links(text: str) -> list[str]:
    targets = [part.split(")", 1)[0] for part in text.split("](")[1:]]
    return [target.split("#")[0] for target in targets if not target.startswith("http")]
