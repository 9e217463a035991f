"""One step of pix2pix: one look at a batch, both gradients, then both updates."""

from collections.abc import Iterable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from zonate.checkpoint import optimiser_tensors, restore_optimiser, with_prefix, without_prefix
from zonate.config import Settings
from zonate.dataset.loader import Batch
from zonate.losses import Target, adversarial, cross_entropy, dice, l1
from zonate.networks.discriminator import Discriminator
from zonate.networks.generator import Generator, probabilities


class Pix2Pix:
    """The two networks and their optimisers; without a discriminator where the adversarial weight is 0."""

    def __init__(self, settings: Settings, fabric: Fabric) -> None:
        self.settings = settings
        self.fabric = fabric
        self.generator = Generator(settings.network)
        self.discriminator = Discriminator(settings.network) if settings.loss.adversarial > 0 else None
        self._run_generator, self.optimiser_g = self._set_up(self.generator)
        if self.discriminator is not None:
            self._run_discriminator, self.optimiser_d = self._set_up(self.discriminator)

    def _set_up(self, network: nn.Module) -> tuple[nn.Module, torch.optim.Optimizer]:
        run, optimiser = self.fabric.setup(network, adam(network.parameters(), self.settings))
        return run, optimiser

    def step(self, batch: Batch) -> dict[str, float]:
        """Take one step with both networks.

        Both gradients are taken before either update, so one pass of the discriminator over the
        generated label map serves both: the generator's gradient flows through it, the
        discriminator's stops at its own parameters.

        Returns:
            The value of each loss term before its weight, and the weighted sum of the generator.
        """
        weights = self.settings.loss
        images = batch.images.to(self.fabric.device)  # (B, 3, 256, 256)
        target = Target.of_labels(batch.labels.to(self.fabric.device), batch.codes)
        head = self.settings.network.head
        logits = self._run_generator(images)  # (B, K, 256, 256)
        generated = probabilities(logits, head)  # (B, K, 256, 256)
        levelled = target.level(generated)  # at the annotators' level
        terms = {}
        if weights.l1 > 0:
            terms["l1"] = l1(levelled, target)
        if weights.dice > 0:
            terms["dice"] = dice(generated, target)
        if weights.cross_entropy > 0:
            terms["cross_entropy"] = cross_entropy(logits, target, head)
        loss_d = None
        if self.discriminator is not None:
            real = self._run_discriminator(images, target.zones)  # (B, 1, 30, 30)
            fake = self._run_discriminator(images, levelled)  # (B, 1, 30, 30)
            terms["adversarial"] = adversarial(fake, real=True)
            loss_d = adversarial(real, real=True) + adversarial(fake, real=False)
        loss_g = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
        self._take_gradients(loss_g, loss_d)
        self.optimiser_g.step()
        if loss_d is not None:
            self.optimiser_d.step()
            terms["discriminator"] = loss_d
        return {name: float(term.detach()) for name, term in {**terms, "generator": loss_g}.items()}

    def _take_gradients(self, loss_g: Tensor, loss_d: Tensor | None) -> None:
        """Fill the gradients of each network from its own loss alone."""
        self.optimiser_g.zero_grad()
        self.fabric.backward(loss_g, inputs=list(self.generator.parameters()), retain_graph=loss_d is not None)
        if loss_d is not None and self.discriminator is not None:
            self.optimiser_d.zero_grad()
            self.fabric.backward(loss_d, inputs=list(self.discriminator.parameters()))

    def tensors(self) -> dict[str, Tensor]:
        """Everything that the next step depends on."""
        found = with_prefix("generator", self.generator.state_dict())
        found |= with_prefix("optimiser_g", optimiser_tensors(self.optimiser_g))
        if self.discriminator is not None:
            found |= with_prefix("discriminator", self.discriminator.state_dict())
            found |= with_prefix("optimiser_d", optimiser_tensors(self.optimiser_d))
        return found

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        self.generator.load_state_dict(without_prefix("generator", tensors))
        restore_optimiser(self.optimiser_g, without_prefix("optimiser_g", tensors))
        if self.discriminator is not None:
            self.discriminator.load_state_dict(without_prefix("discriminator", tensors))
            restore_optimiser(self.optimiser_d, without_prefix("optimiser_d", tensors))


def adam(parameters: Iterable[nn.Parameter], settings: Settings) -> torch.optim.Adam:
    """The optimiser of either network."""
    of = settings.optimiser
    return torch.optim.Adam(parameters, lr=of.learning_rate, betas=(of.beta_1, of.beta_2), eps=of.epsilon)
