"""An exponential moving average of a network's weights, which segments more steadily than the weights themselves."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn


class MovingAverage:
    """The average over the steps of a network that learns.

    Source: Polyak, Juditsky, SIAM J. Control Optim. 30, 1992, for averaging; TensorFlow's
        tf.train.ExponentialMovingAverage for the decay of the first steps.

    Attributes:
        network: Of the averaged weights, in evaluation; nothing flows back into it.
        steps: How many are in it.
    """

    def __init__(self, learning: nn.Module, decay: float) -> None:
        """Begin with the weights as they are.

        Args:
            learning: The network; its copy lies on the same device.
            decay: Per step, from 0 to below 1.
        """
        self.network = copy.deepcopy(learning).eval().requires_grad_(False)
        self.steps = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, learning: nn.Module) -> None:
        """Take in the weights after a step.

        Buffers, such as BatchNorm's statistics, are averages already and are copied.
        """
        torch._foreach_lerp_(
            list(self.network.parameters()),
            list(learning.parameters()),
            1 - averaging_decay(self._decay, self.steps),
        )
        pairs = list(zip(self.network.buffers(), learning.buffers(), strict=True))
        for dtype in {mine.dtype for mine, _ in pairs}:  # a GPU copies all of one type at once
            alike = [pair for pair in pairs if pair[0].dtype == dtype]
            torch._foreach_copy_([mine for mine, _ in alike], [its for _, its in alike])
        self.steps += 1

    def restart(self, learning: nn.Module) -> None:
        """Forget what is in it, and begin with the weights as they are."""
        self.network.load_state_dict(learning.state_dict())
        self.steps = 0

    def state(self) -> dict[str, Tensor]:
        """Everything that changes, by name."""
        weights = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        return {**weights, "steps": torch.tensor(self.steps)}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave."""
        prefix = "network."
        weights = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        self.network.load_state_dict(weights)
        self.steps = int(tensors["steps"])


def averaging_decay(decay: float, steps: int) -> float:
    """The weight of the average when a step is taken in, after `steps` others: 1/10, 2/11, 3/12, … up to `decay`.

    So the first weights, which were drawn at random, are soon forgotten.
    """
    return min(decay, (1 + steps) / (10 + steps))
