import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from zonate.errors import ModelError
from zonate.io.files import is_half_written
from zonate.io.weights import read_weights, write_weights

KIND: dict[str, Any] = {"kind": "zonate-model", "version": 1}
TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(7)}


def test_round_trip(tmp_path: Path) -> None:
    file = tmp_path / "new" / "x.safetensors"
    write_weights(file, TENSORS, {"epoch": 3, "name": "µ"}, **KIND)
    tensors, about = read_weights(file, **KIND)
    assert about == {"epoch": 3, "name": "µ", "format_version": 1}
    assert set(tensors) == {"a", "b"}
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert [path.name for path in file.parent.iterdir()] == ["x.safetensors"]


def test_equal_content_gives_equal_bytes_and_others_may_read_it(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_weights(tmp_path / f"{name}.safetensors", TENSORS, {"b": 1, "a": 2}, **KIND)
    assert (tmp_path / "x.safetensors").read_bytes() == (tmp_path / "y.safetensors").read_bytes()
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "x.safetensors").stat().st_mode) == 0o666 & ~mask


def test_other_threads_go_on_under_their_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the whole process's: a file that another thread makes meanwhile would be anybody's to write."""
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))
    write_weights(tmp_path / "x.safetensors", TENSORS, {}, **KIND)
    assert (tmp_path / "x.safetensors").is_file()


def test_what_cannot_be_written_leaves_what_was_there_and_says_which_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.safetensors"
    write_weights(file, TENSORS, {}, **KIND)
    before = file.read_bytes()

    def full(_tensors: Any, at: Path, _metadata: Any) -> None:
        # What safetensors leaves of a kill, under a name of its own, is known by the folder.
        assert is_half_written(at.parent)
        assert at.parent.parent == tmp_path
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("zonate.io.weights.save_file", full)
    with pytest.raises(OSError, match="cannot be written") as refused:
        write_weights(file, TENSORS, {"epoch": 2}, **KIND)
    assert str(refused.value) == (
        f"{file} cannot be written (I/O error: No space left on device (os error 28)); what was there before is kept"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    assert file.read_bytes() == before


def test_weights_are_on_the_disk_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[bool] = []
    file = tmp_path / "x.safetensors"
    monkeypatch.setattr(os, "fsync", lambda _: flushed.append(file.exists()))
    write_weights(file, TENSORS, {}, **KIND)
    assert flushed == [False, True]  # the file, then its name


def test_a_tensor_that_is_a_view_is_written_as_it_looks(tmp_path: Path) -> None:
    write_weights(tmp_path / "x.safetensors", {"t": TENSORS["a"].T}, {}, **KIND)
    assert torch.equal(read_weights(tmp_path / "x.safetensors", **KIND)[0]["t"], TENSORS["a"].T)


def _damaged(folder: Path, what: str) -> Path:
    file = folder / "x.safetensors"
    write_weights(file, TENSORS, {}, **KIND)
    if what == "truncated":
        file.write_bytes(file.read_bytes()[:-5])
    elif what == "text":
        file.write_text("not weights", encoding="utf-8")
    elif what == "empty":
        file.write_bytes(b"")
    elif what == "foreign":
        save_file(TENSORS, file, {"format": "pt"})
    elif what == "unsaid":
        save_file(TENSORS, file)
    elif what == "other kind":
        write_weights(file, TENSORS, {}, kind="zonate-checkpoint", version=1)
    elif what == "version":
        write_weights(file, TENSORS, {}, kind="zonate-model", version=2)
    elif what == "no json":
        save_file(TENSORS, file, {"zonate-model": "{"})
    elif what == "no version":
        save_file(TENSORS, file, {"zonate-model": json.dumps({})})
    elif what == "missing":
        file.unlink()
    return file


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("truncated", "damaged or another file"),
        ("text", "damaged or another file"),
        ("empty", "damaged or another file"),
        ("foreign", r"is no zonate-model \(it says format\)"),
        ("unsaid", r"is no zonate-model \(it says nothing of itself\)"),
        ("other kind", r"it says zonate-checkpoint"),
        ("version", "of format version 2; this Zonate reads version 1"),
        ("no json", "damaged or another file"),
        ("no version", "damaged or another file"),
        ("missing", "there is no zonate-model"),
    ],
)
def test_what_is_not_a_whole_file_of_its_kind_is_refused(tmp_path: Path, what: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        read_weights(_damaged(tmp_path, what), **KIND)
