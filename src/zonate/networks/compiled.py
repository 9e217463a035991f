"""Networks whose kernels are made for them at the first step; they are called as before."""

import warnings

import torch
from torch import nn


def compile_networks(generator: nn.Module, discriminator: nn.Module | None, *, graph: bool) -> None:
    """Compile two networks in place: names, parameters and what they compute, to rounding, stay what they are.

    Args:
        generator: Where it learns, before it is wrapped for that.
        discriminator: The same; None: there is none. It judges twice before either judgement is gone back, which the
            memory of a captured graph would not stand: it is compiled without one.
        graph: Whether the generator, which goes forth and back once in a step, is captured as a CUDA graph.
    """
    # Of memory that is given away on the way back: the way through the discriminator is gone twice.
    torch._functorch.config.donated_buffer = False
    # The compiler looks at the gradient of whatever goes in, and the label that is judged is a network's result.
    warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
    generator.compile(mode="reduce-overhead" if graph else "default", dynamic=False)
    if discriminator is not None:
        discriminator.compile(dynamic=False)
