"""Tensors with JSON beside them in one safetensors file, written whole or not at all; never pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zonate.errors import ModelError
from zonate.io.files import atomic_path

_KEY = "zonate"


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and JSON values as one file.

    Args:
        path: Replaced in one step.
        tensors: On any device.
        about: JSON values.
    """
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(copies, temporary, metadata={_KEY: json.dumps(about)})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_checkpoint` wrote, onto the CPU.

    Raises:
        ModelError: The file is not there, is damaged, or was not written by Zonate.
    """
    if not path.is_file():
        raise ModelError(f"there is no model file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118  (not a dict)
    except (SafetensorError, KeyError, ValueError) as error:
        raise ModelError(
            f"{path} is damaged or was not written by Zonate ({type(error).__name__}): "
            "give a run folder or a .safetensors file of `zonate train`"
        ) from None


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under longer names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those tensors that have the prefix, without it."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An Adam optimiser's state by parameter number and name, such as `3.exp_avg`."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": torch.as_tensor(value) for number, of in state.items() for name, value in of.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put the state of `optimiser_tensors` back; the groups (learning rate and so on) stay the optimiser's own."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        state.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
