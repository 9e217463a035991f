"""Whether a device computes in bfloat16 itself: one that does not imitates it, hundreds of times slower."""

import logging
from collections.abc import Mapping
from typing import TypeVar

import torch

_LOG = logging.getLogger(__name__)

_OWN_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""As `torch.cpu.get_capabilities` names them, on x86 and on ARM."""

Precision = TypeVar("Precision", bound=str)


def usable_precision(asked: Precision, device: torch.device) -> Precision | str:
    """The precision that is asked for, or `32-true` where that is bfloat16 and the device has none.

    Args:
        asked: Of the settings, as Lightning Fabric names it.
        device: What computes.
    """
    if not asked.startswith("bf16") or has_bfloat16(device):
        return asked
    _LOG.info("%s has no bfloat16 of its own: float32 in place of %s", device.type, asked)
    return "32-true"


def has_bfloat16(device: torch.device) -> bool:
    """Whether its own instructions multiply in bfloat16; older PyTorch knows that of x86 processors alone."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    if not hasattr(torch.cpu, "get_capabilities"):
        return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    capabilities: Mapping[str, object] = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in _OWN_INSTRUCTIONS)
