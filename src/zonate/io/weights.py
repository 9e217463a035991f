"""Named tensors with a description in one safetensors file: what models and checkpoints are stored as."""

import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zonate.config import misfits
from zonate.errors import ModelError
from zonate.io.files import atomic_path, remove

BEGUN = ".d"
"""At the end of the name of a folder in which weights lie while they are written."""
_LONGEST_REASON = 300
"""Characters: PyTorch names every weight that is missing, in one line."""


def write_weights(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any], *, kind: str, version: int
) -> None:
    """Write tensors and their description, whole or not at all; equal content gives equal bytes.

    They are on the disk when this ends.

    Args:
        path: A .safetensors file.
        tensors: By name, on any device.
        about: JSON values, kept in the file's metadata.
        kind: What the file is, such as `zonate-model`.
        version: Of that kind's format.

    Raises:
        OSError: It cannot be written, such as for want of space; what was there before stays.
    """
    text = json.dumps({**about, "format_version": version}, sort_keys=True, allow_nan=False)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        with atomic_path(path, flushed=True) as temporary:
            _save(plain, temporary, {kind: text})  # one entry of metadata: the order of several is not fixed
    except (OSError, SafetensorError) as error:
        before = "; what was there before is kept" if path.exists() else ""
        raise OSError(f"{path} cannot be written ({error}){before}") from error


def _save(tensors: dict[str, Tensor], file: Path, metadata: dict[str, str]) -> None:
    """Have safetensors write a file, as it does: readable to its owner alone, under a random name beside it at first.

    That name lies in a folder of ours, which is known for half-written after a kill.
    """
    folder = file.with_name(f"{file.name}{BEGUN}")
    try:
        folder.mkdir()
        file.touch()
        mode = stat.S_IMODE(file.stat().st_mode)
        save_file(tensors, folder / file.name, metadata)
        (folder / file.name).replace(file)
        file.chmod(mode)
    finally:
        remove(folder)


def read_weights(path: Path, *, kind: str, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_weights` wrote: the tensors by name, on the CPU, and their description.

    Raises:
        ModelError: The file is not there, damaged, of another kind or of another format version.
    """
    with _opened(path, kind, version) as (opened, about):
        return {name: opened.get_tensor(name) for name in opened.keys()}, about  # noqa: SIM118 (not a dict)


def read_about(path: Path, *, kind: str, version: int) -> dict[str, Any]:
    """Read the description alone.

    Raises:
        ModelError: As `read_weights` does.
    """
    with _opened(path, kind, version) as (_, about):
        return about


def why_unfit(error: Exception) -> str:
    """Why what a file holds does not fit, from the error that said so: the line of its text that tells."""
    if isinstance(error, ValidationError):
        return misfits(error)
    if isinstance(error, KeyError):
        return f"{error} is missing or unknown"
    lines = str(error).splitlines() or [type(error).__name__]
    told = lines[1] if len(lines) > 1 else lines[0]  # PyTorch's first line names nothing but the class of the network
    return shorten(told, _LONGEST_REASON, placeholder=" …").rstrip(".")


@contextmanager
def _opened(path: Path, kind: str, version: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The open file and its description."""
    if not path.is_file():
        raise ModelError(f"there is no {kind} at {path}: give the file, or the run folder of `zonate train`")
    try:
        with safe_open(path, framework="pt") as opened:
            metadata = opened.metadata() or {}
            if kind not in metadata:
                raise ModelError(f"{path} is no {kind} (it says {', '.join(metadata) or 'nothing of itself'})")
            about: dict[str, Any] = json.loads(metadata[kind])
            found = about["format_version"]
            if found != version:
                raise ModelError(
                    f"{path} is a {kind} of format version {found}; this Zonate reads version {version}: use the "
                    "Zonate that wrote it, or train again"
                )
            yield opened, about
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as a {kind}: it is damaged or another file ({type(error).__name__}: {error})"
        ) from None
