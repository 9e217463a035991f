from pathlib import Path

import pytest

from zonate import shipped
from zonate.errors import ModelError
from zonate.shipped import model_path, shipped_model_path


def test_the_name_stands_for_the_file_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "zonate.safetensors"
    file.write_bytes(b"weights")
    monkeypatch.setattr(shipped, "FILE", file)
    assert shipped_model_path() == file
    for meant in (None, "shipped", Path("shipped")):
        assert model_path(meant) == file
    assert model_path("run") == Path("run")
    assert model_path(tmp_path / "shipped") == tmp_path / "shipped"


def test_the_file_is_looked_for_beside_the_modules() -> None:
    assert Path(shipped.__file__).parent / "weights" / "zonate.safetensors" == shipped.FILE


def test_an_installation_without_weights_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FILE", tmp_path / "zonate.safetensors")
    with pytest.raises(ModelError, match="this installation carries no weights, give --model"):
        model_path()
    assert model_path("run") == Path("run")  # which asks for no weights of the package
