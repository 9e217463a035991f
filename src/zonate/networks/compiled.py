"""Networks whose kernels are made for them at the first step; they are called as before."""

import logging
import os
import shutil
import sysconfig
import warnings
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

import torch
import torch._functorch.config
from torch import nn

_LOG = logging.getLogger(__name__)

_OLDEST = (7, 0)
"""Compute capability of the GPUs that kernels are made for."""
_C_COMPILERS = ("gcc", "clang")
"""Those that Triton looks for."""


def can_compile(device: torch.device) -> bool:
    """Whether kernels can be made for a device: a GPU of 2017 or later, with Triton, PyTorch's compiler for it.

    Triton needs a compiler of C and Python's headers: it is said where those alone are missing.
    """
    if device.type != "cuda" or find_spec("triton") is None:
        return False
    if torch.cuda.get_device_capability(device) < _OLDEST:
        return False
    if missing := _missing_for_triton():
        _LOG.warning("the networks are not compiled: %s", missing)
    return not missing


def _missing_for_triton() -> str:
    """What to install, in words; empty where nothing is missing."""
    named = os.environ.get("CC")
    if named and not shutil.which(named):
        return f"the environment variable CC names {named}, which is not there"
    if not named and not any(map(shutil.which, _C_COMPILERS)):
        names = ", ".join(_C_COMPILERS)
        return f"none of {names} is there: install one, or name a C compiler in the environment variable CC"
    scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")  # as Triton asks
    headers = Path(sysconfig.get_paths(scheme=scheme)["include"])
    return "" if (headers / "Python.h").is_file() else f"there is no Python.h in {headers}: install Python's headers"


def uncompiled() -> AbstractContextManager[None]:
    """Within it, compiled networks compute as if they were not; nothing is compiled anew for other shapes."""
    stance: AbstractContextManager[None] = torch.compiler.set_stance("force_eager")
    return stance


def compile_networks(generator: nn.Module, discriminator: nn.Module | None) -> None:
    """Compile two networks in place: names, parameters and what they compute, to rounding, stay what they are.

    The generator goes forth once and back once in a step, and is captured as a CUDA graph. The discriminator judges
    twice before either judgement is gone back, which the memory of a captured graph would not stand.

    Args:
        generator: Where it learns, before it is wrapped for that.
        discriminator: The same; None: there is none.
    """
    # Of memory that is given away on the way back: the way through the discriminator is gone twice.
    torch._functorch.config.donated_buffer = False
    # The compiler looks at the gradient of whatever goes in, and the label that is judged is a network's result.
    warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
    generator.compile(mode="reduce-overhead", dynamic=False)
    if discriminator is not None:
        discriminator.compile(dynamic=False)
