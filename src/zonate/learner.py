"""The two networks with their optimisers, and the one step that both take on a batch."""

import math
from collections.abc import Iterable, Mapping
from contextlib import nullcontext

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Adam, AdamW

from zonate import losses
from zonate.config import Settings
from zonate.dataset.loader import Batch
from zonate.errors import ModelError
from zonate.io.weights import why_unfit
from zonate.networks.averaging import MovingAverage
from zonate.networks.compiled import can_compile, compile_networks, uncompiled
from zonate.networks.discriminator import Discriminator, Judgement, check_judged_size
from zonate.networks.factory import make_generator
from zonate.networks.generator import probabilities
from zonate.processes import Processes
from zonate.settings.learning import OptimiserSettings
from zonate.zones import LabelCode

_LARGE_BATCH = 4


class Learner:
    """Generator and discriminator while they learn; without an adversarial term there is no discriminator.

    Several processes that each have a share of a batch learn what one process learns from the whole of it, but for two
    things: each draws its own dropout, and BatchNorm's statistics are those of the share, on a GPU those of the batch.

    Attributes:
        generator: As it learns.
        discriminator: As it learns, or None.
        optimisers: By network, `generator` and `discriminator`; each moves its own network alone.

    Raises:
        ConfigError: The network's library is not installed, or there is too little to judge for the discriminators.
    """

    def __init__(self, settings: Settings, fabric: Fabric) -> None:
        self._settings = settings
        self._fabric = fabric
        # A batch is computed faster with the channels side by side, a slice or two are not.
        self._layout = torch.channels_last if settings.training.batch_size >= _LARGE_BATCH else torch.contiguous_format
        self._processes = Processes(fabric)
        self.generator, self.discriminator = self._processes.agree(lambda: _networks(settings))
        if self._processes.world_size > 1 and fabric.device.type == "cuda":
            _normalise_over_processes(self.generator, self.discriminator, settings)
        self.generator.to(memory_format=self._layout)  # type: ignore[call-overload]  # missing in PyTorch's stubs
        self.optimisers = {"generator": _adam(self.generator, settings.optimiser)}
        self._ddp_generator, optimiser = fabric.setup(self.generator, self.optimisers["generator"])
        self._fabric_optimisers = [optimiser]
        if self.discriminator is not None:
            self.optimisers["discriminator"] = _adam(self.discriminator, settings.optimiser)
            self._ddp_discriminator, optimiser = fabric.setup(self.discriminator, self.optimisers["discriminator"])
            self._fabric_optimisers.append(optimiser)
        decay = settings.training.averaging
        self._average = MovingAverage(self.generator, decay) if decay else None
        alone = self._processes.world_size == 1  # BatchNorm over several processes is not compiled
        self._compiled = settings.training.compiled and alone and can_compile(fabric.device)
        if self._compiled:
            compile_networks(self.generator, self.discriminator)

    @property
    def device(self) -> torch.device:
        """Where it learns."""
        return self._fabric.device

    @property
    def inference_network(self) -> nn.Module:
        """The network that is the model: of the averaged weights where they are averaged, else the generator itself."""
        return self.generator if self._average is None else self._average.network

    @property
    def learning_rate(self) -> float:
        """Of the generator's optimiser."""
        return float(self.optimisers["generator"].param_groups[0]["lr"])

    def set_learning_rate(self, done: float) -> None:
        """Set both learning rates for a step, as the settings of the optimiser say.

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
            As `compute_gradients` gives.
        """
        # To compile for the smaller last batch of an epoch takes longer than it will ever save.
        odd = self._compiled and len(batch.images) != self._settings.training.batch_size
        with uncompiled() if odd else nullcontext():
            terms = self.compute_gradients(batch)
        for optimiser in self._fabric_optimisers:
            optimiser.step()
        if self._average is not None:
            self._average.update(self.generator)
        return terms

    def compute_gradients(self, batch: Batch) -> dict[str, Tensor]:
        """Set the gradients of both networks, before either moves.

        One pass of the discriminator over the generated label serves both: the generator's gradient flows through it
        without touching the discriminator's, and the other way round.

        Returns:
            The terms of the losses before weighting, `generator` (their weighted sum) and `discriminator`; each a
            scalar on the device.

        Source: Isola et al., CVPR 2017, eq. 4, with the sigmoid cross-entropy of section 3.3's second form.
        """
        weights, head = self._settings.loss, self._settings.network.head
        if self._compiled:
            # What a captured graph gave in the step before is done with.
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        images = self._fabric.to_device(batch.images).contiguous(memory_format=self._layout)  # (B, C, H, W)
        labels = self._fabric.to_device(batch.labels)  # (B, H, W)
        target = losses.Target.of_labels(
            labels if batch.share else torch.full_like(labels, LabelCode.NOT_ANNOTATED),
            batch.codes,
            batch_codes=batch.batch_codes,
            total=self._processes.all_reduce_sum,
        )
        logits = self._ddp_generator(images)  # (B, K, H, W)
        p = probabilities(logits, head)  # (B, K, H, W), float32
        judged = self.discriminator is not None
        levelled = target.level(p) if judged or weights.l1 else p  # (B, K, H, W)
        terms: dict[str, Tensor] = {}
        judging: dict[str, Tensor] = {}
        if self.discriminator is not None:
            terms, judging = self._judge(self.discriminator, images, target, levelled, batch.share)
        if weights.l1:
            terms["l1"] = losses.l1(levelled, target)
        if weights.dice:
            terms["dice"] = losses.dice(p, target)
        if weights.cross_entropy:
            terms["cross_entropy"] = losses.cross_entropy(logits, target, head)
        total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()

        for optimiser in self._fabric_optimisers:
            optimiser.zero_grad()
        self._fabric.backward(total, inputs=list(self.generator.parameters()), retain_graph=judged)
        if self.discriminator is not None:
            self._fabric.backward(judging["discriminator"], inputs=list(self.discriminator.parameters()))
        return {name: term.detach() for name, term in {**terms, "generator": total, **judging}.items()}

    def _judge(
        self, discriminator: Discriminator, images: Tensor, target: losses.Target, levelled: Tensor, share: float
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the discriminator teaches the generator, and what it learns itself: means over its scales.

        Returns:
            The terms of the generator; `gradient_penalty`, where there is one, and `discriminator`, the sum that it
            learns from.
        """
        weights = self._settings.loss

        def mean(of_scales: Iterable[Tensor]) -> Tensor:
            """Over the scales, and over the whole batch."""
            return self._processes.mean(torch.stack(list(of_scales)).mean(), share)

        of_drawn: list[Judgement] = self._ddp_discriminator(images, target.zones)
        of_generated: list[Judgement] = self._ddp_discriminator(images, levelled)
        terms = {"adversarial": mean(losses.adversarial(it.logits, real=True) for it in of_generated)}
        if weights.feature_matching:
            pairs = zip(of_drawn, of_generated, strict=True)
            terms["feature_matching"] = mean(losses.feature_matching(a.features, b.features) for a, b in pairs)
        right = mean(losses.adversarial(it.logits, real=True) for it in of_drawn)
        judging = {"discriminator": right + mean(losses.adversarial(it.logits, real=False) for it in of_generated)}
        if weights.gradient_penalty:
            drawn = target.zones.detach().requires_grad_()  # (B, K, H, W)
            # A pass of its own, in float32: what a gradient's gradient is made of is too small for bfloat16.
            again = discriminator.forward(images, drawn)  # as it is, since what is compiled is not differentiated twice
            judging["gradient_penalty"] = mean(losses.gradient_penalty(it.logits, drawn) for it in again)
            judging["discriminator"] += weights.gradient_penalty / 2 * judging["gradient_penalty"]
        return terms, judging

    def load_initial_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of another model's network as the beginning; optimisers and discriminator stay as they are.

        Args:
            weights: By name, as `Model.load(file).generator.state_dict()` gives.

        Raises:
            ModelError: They are those of a network of another kind or size.
        """
        mine = self.generator.state_dict()
        strange = [f"{name} is not in both" for name in sorted(mine.keys() ^ weights.keys())]
        strange += [
            f"{name} is {tuple(weights[name].shape)} there and {tuple(value.shape)} here"
            for name, value in mine.items()
            if name in weights and weights[name].shape != value.shape
        ]
        if strange:
            raise ModelError(
                f"the weights to begin from do not fit the network: {strange[0]}"
                + (f", and {len(strange) - 1} more differences" if len(strange) > 1 else "")
                + ". Train with the settings under [network] of the model that they come from"
            )
        self.generator.load_state_dict(weights)
        if self._average is not None:
            self._average.restart(self.generator)

    def share_buffers(self) -> None:
        """Give all processes the buffers of the first one, such as BatchNorm's statistics, which are of its share."""
        networks = (self.generator, self.discriminator, None if self._average is None else self._average.network)
        for network in networks:
            for buffer in network.buffers() if network is not None else ():
                self._processes.broadcast(buffer)

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
        if self._average is not None:
            tensors |= {f"average.{name}": value for name, value in self._average.state().items()}
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
            if self._average is not None:
                self._average.load_state(_below("average.", tensors))
            for network, optimiser in self.optimisers.items():
                _load_adam(optimiser, _below(f"adam.{network}.", tensors))
        except (RuntimeError, ValueError, KeyError, IndexError) as error:
            raise ModelError(
                f"the checkpoint does not fit the networks: {why_unfit(error)}. Train with --overwrite"
            ) from None


def learning_rate(settings: OptimiserSettings, done: float) -> float:
    """The learning rate when a share of all steps, from 0 to below 1, is done.

    It rises linearly from 0 during the warm-up, is constant, and falls to 0: linearly or as half a cosine.

    Source: Goyal et al., Accurate, Large Minibatch SGD, arXiv 1706.02677, 2017, for the warm-up; Loshchilov, Hutter,
        SGDR, ICLR 2017, eq. 5 without restarts, for the cosine.
    """
    rate = settings.learning_rate
    if done < settings.warm_up:
        rate *= done / settings.warm_up
    if done > settings.decay_from:
        left = (1 - done) / (1 - settings.decay_from)
        rate *= left if settings.decay == "linear" else (1 - math.cos(math.pi * left)) / 2
    return rate


def _networks(settings: Settings) -> tuple[nn.Module, Discriminator | None]:
    """The generator, and the discriminator where there is one, with fresh weights."""
    generator = make_generator(settings.network)
    if not settings.loss.adversarial:
        return generator, None
    check_judged_size(settings.network, settings.training.patch_px or settings.slicing.size_px)
    return generator, Discriminator(settings.network)


def _normalise_over_processes(generator: nn.Module, discriminator: Discriminator | None, settings: Settings) -> None:
    """Let BatchNorm take its statistics over all processes; names and parameters stay what they are.

    A penalty on a gradient has to be differentiated twice, which PyTorch does not do through such statistics.
    """
    networks = [generator] if discriminator is None or settings.loss.gradient_penalty else [generator, discriminator]
    for network in networks:
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


def _adam(network: nn.Module, settings: OptimiserSettings) -> Adam:
    """Adam, or AdamW where weights decay; offsets and the gains of normalisation do not.

    Source: Kingma, Ba, Adam, ICLR 2015; Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
    """
    # Fused is one pass over the parameters: a third of a CPU's step otherwise.
    betas = (settings.beta_1, settings.beta_2)
    if not settings.weight_decay:
        return Adam(network.parameters(), lr=settings.learning_rate, betas=betas, eps=settings.epsilon, fused=True)
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return AdamW(groups, lr=settings.learning_rate, betas=betas, eps=settings.epsilon, fused=True)


def _load_adam(optimiser: Adam, tensors: Mapping[str, Tensor]) -> None:
    """Take up the state of an optimiser, which `Learner.state` names `NUMBER.NAME`."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, what = name.partition(".")
        # Fused Adam walks through weights and moments side by side in memory: they must be laid out alike.
        like = parameters[int(number)] if value.ndim else value
        state.setdefault(int(number), {})[what] = torch.empty_like(like).copy_(value)
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
