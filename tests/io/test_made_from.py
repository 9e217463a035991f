from importlib import resources

import pytest

import zonate.io.made_from as module
from zonate.io.made_from import made_from

SAID = {"case_id": "a", "files": [["t2w.nii.gz", 4, 7]]}


def test_it_is_the_same_for_the_same_and_another_for_anything_else() -> None:
    assert made_from(SAID) == made_from(dict(reversed(SAID.items())))
    assert len(made_from(SAID)) == 64
    assert made_from({**SAID, "case_id": "b"}) != made_from(SAID)


@pytest.mark.parametrize("maker", ["zonate", "SimpleITK-SimpleElastix"])
def test_another_version_makes_something_else(monkeypatch: pytest.MonkeyPatch, maker: str) -> None:
    monkeypatch.setattr(module, "version", lambda _name: "1")
    key = made_from(SAID)
    monkeypatch.setattr(module, "version", lambda name: "2" if name == maker else "1")
    assert made_from(SAID) != key


def test_other_tables_of_the_alignment_make_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {made_from(SAID)}
    for left_out in module._TABLES:
        with monkeypatch.context() as patch:
            patch.setattr(module, "_TABLES", tuple(name for name in module._TABLES if name != left_out))
            keys.add(made_from(SAID))
    assert len(keys) == 4


def test_no_table_is_forgotten() -> None:
    folder = resources.files("zonate") / "alignment"
    there = [item.name for item in folder.iterdir() if item.is_file() and not item.name.endswith((".py", ".pyi"))]
    there += [f"maps/{item.name}" for item in (folder / "maps").iterdir() if item.name.endswith(".txt")]
    assert sorted(module._TABLES) == sorted(there)
