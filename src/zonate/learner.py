"""The two networks with their optimisers, and the one step that both take on a batch."""

from collections.abc import Mapping

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam

from zonate import losses
from zonate.config import OptimiserSettings, Settings
from zonate.dataset.loader import Batch
from zonate.errors import ModelError
from zonate.networks.discriminator import Discriminator
from zonate.networks.generator import Generator, probabilities


class Learner:
    """Generator and discriminator while they learn; without an adversarial term there is no discriminator.

    Attributes:
        generator: As it learns.
        discriminator: As it learns, or None.
        optimisers: By network, `generator` and `discriminator`; each moves its own network alone.
    """

    def __init__(self, settings: Settings, fabric: Fabric) -> None:
        self._settings = settings
        self._fabric = fabric
        self.generator = Generator(settings.network)
        self.discriminator = Discriminator(settings.network) if settings.loss.adversarial else None
        self.optimisers = {"generator": _adam(self.generator, settings.optimiser)}
        self._g, stepper = fabric.setup(self.generator, self.optimisers["generator"])
        self._steppers = [stepper]
        if self.discriminator is not None:
            self.optimisers["discriminator"] = _adam(self.discriminator, settings.optimiser)
            self._d, stepper = fabric.setup(self.discriminator, self.optimisers["discriminator"])
            self._steppers.append(stepper)

    @property
    def learning_rate(self) -> float:
        """Of the generator's optimiser."""
        return float(self.optimisers["generator"].param_groups[0]["lr"])

    def begin_step(self, done: float) -> None:
        """Set both learning rates for a step, as `optimiser.decay_from` says.

        Args:
            done: The share of all steps that lie behind, from 0 to below 1.
        """
        rate = learning_rate(self._settings.optimiser, done)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Let both networks learn from a batch.

        Returns:
            As `take_gradients` gives.
        """
        terms = self.take_gradients(batch)
        for optimiser in self._steppers:
            optimiser.step()
        return terms

    def take_gradients(self, batch: Batch) -> dict[str, Tensor]:
        """Set the gradients of both networks, before either moves.

        One pass of the discriminator over the generated label serves both: the generator's gradient flows through it
        without touching the discriminator's, and the other way round.

        Returns:
            The terms of the losses before weighting, `generator` (their weighted sum) and `discriminator`; each a
            scalar on the device.

        Source: Isola et al., CVPR 2017, eq. 4, with the sigmoid cross-entropy of section 3.3's second form.
        """
        weights = self._settings.loss
        images = self._fabric.to_device(batch.images)  # (B, 3, 256, 256)
        target = losses.Target.of_labels(self._fabric.to_device(batch.labels), batch.codes)
        logits = self._g(images)  # (B, K, 256, 256)
        p = probabilities(logits, self._settings.network.head)  # (B, K, 256, 256), float32
        judged = self.discriminator is not None
        levelled = target.level(p) if judged or weights.l1 else p  # (B, K, 256, 256)
        terms: dict[str, Tensor] = {}
        if self.discriminator is not None:
            judged_real = self._d(images, target.zones)  # (B, 1, 30, 30)
            judged_generated = self._d(images, levelled)  # (B, 1, 30, 30)
            terms["adversarial"] = losses.adversarial(judged_generated, real=True)
        if weights.l1:
            terms["l1"] = losses.l1(levelled, target)
        if weights.dice:
            terms["dice"] = losses.dice(p, target)
        if weights.cross_entropy:
            terms["cross_entropy"] = losses.cross_entropy(logits, target, self._settings.network.head)
        total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
        shown = {**terms, "generator": total}

        for optimiser in self._steppers:
            optimiser.zero_grad()
        both = self.discriminator is not None
        self._fabric.backward(total, inputs=list(self.generator.parameters()), retain_graph=both)
        if self.discriminator is not None:
            judging = losses.adversarial(judged_real, real=True) + losses.adversarial(judged_generated, real=False)
            self._fabric.backward(judging, inputs=list(self.discriminator.parameters()))
            shown["discriminator"] = judging
        return {name: term.detach() for name, term in shown.items()}

    def train(self) -> None:
        """Switch dropout and batch statistics on."""
        self.generator.train()
        if self.discriminator is not None:
            self.discriminator.train()

    def state(self) -> dict[str, Tensor]:
        """Everything that changes while it learns, by name."""
        tensors = {f"generator.{name}": value for name, value in self.generator.state_dict().items()}
        if self.discriminator is not None:
            tensors |= {f"discriminator.{name}": value for name, value in self.discriminator.state_dict().items()}
        for network, optimiser in self.optimisers.items():
            for number, values in optimiser.state_dict()["state"].items():
                tensors |= {f"adam.{network}.{number}.{name}": value for name, value in values.items()}
        return tensors

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up a state of a learner with the same settings.

        Raises:
            ModelError: It is the state of other networks.
        """
        try:
            self.generator.load_state_dict(_below("generator.", tensors))
            if self.discriminator is not None:
                self.discriminator.load_state_dict(_below("discriminator.", tensors))
            for network, optimiser in self.optimisers.items():
                state: dict[int, dict[str, Tensor]] = {}
                for name, value in _below(f"adam.{network}.", tensors).items():
                    number, _, what = name.partition(".")
                    state.setdefault(int(number), {})[what] = value.clone()
                groups = optimiser.state_dict()["param_groups"]
                optimiser.load_state_dict({"state": state, "param_groups": groups})
        except (RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"the checkpoint does not fit the networks: {reason}. Train with --overwrite") from None


def learning_rate(settings: OptimiserSettings, done: float) -> float:
    """The learning rate when a share of all steps, from 0 to below 1, is done: constant, then falling linearly to 0."""
    if done <= settings.decay_from:
        return settings.learning_rate
    return settings.learning_rate * (1 - done) / (1 - settings.decay_from)


def _adam(network: nn.Module, settings: OptimiserSettings) -> Adam:
    return Adam(
        network.parameters(),
        lr=settings.learning_rate,
        betas=(settings.beta_1, settings.beta_2),
        eps=settings.epsilon,
        fused=True,  # one pass over the parameters: a third of a CPU's step otherwise
    )


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
