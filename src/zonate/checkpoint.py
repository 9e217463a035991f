"""The file that a training run resumes from: named tensors and what is to be known of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zonate.errors import ModelError
from zonate.io.files import atomic_path

FORMAT = "zonate-checkpoint"
FORMAT_VERSION = 1


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Args:
        path: A .safetensors file.
        tensors: By name, on any device.
        about: JSON values.
    """
    text = json.dumps({**about, "format": FORMAT, "format_version": FORMAT_VERSION}, sort_keys=True)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, {FORMAT: text})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors by name, and what was said of them.

    Raises:
        ModelError: It is damaged, of another kind or of another format version.
    """
    try:
        with safe_open(path, framework="pt") as opened:
            about = json.loads((opened.metadata() or {})[FORMAT])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path} is not a whole checkpoint of Zonate ({type(error).__name__}): train again with --overwrite"
        ) from None
    if about.get("format_version") != FORMAT_VERSION:
        raise ModelError(
            f"{path} is a checkpoint of format version {about.get('format_version')}; this Zonate resumes version "
            f"{FORMAT_VERSION}: resume with the Zonate that wrote it, or train again with --overwrite"
        )
    return tensors, about
