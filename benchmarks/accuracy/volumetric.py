"""A network in 3D on whole stacks, trained as the others are: the same patients, slicing, augmentation and validation.

A stack is one sample: whatever the augmentation draws is drawn once and done to all of its slices, noise included.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from zonate import losses
from zonate.augmentation.augment import augment
from zonate.config import Settings
from zonate.dataset.entry import Entry
from zonate.dataset.quarter_turns import turn_and_flip
from zonate.dataset.store import Dataset
from zonate.inference import of_codes
from zonate.io.files import atomic_path
from zonate.learner import learning_rate
from zonate.model import on_original_grid
from zonate.networks.averaging import MovingAverage
from zonate.networks.generator import probabilities
from zonate.networks.precision import usable_precision
from zonate.preprocessing.slices import Slices
from zonate.preprocessing.statistics import Statistics, normalise_known, scaled_known, statistics_of
from zonate.progress import Progress, silent
from zonate.run_folder import METRICS_NAME
from zonate.settings.learning import NetworkSettings
from zonate.training.taught import taught_by
from zonate.validation import CaseDice, compared_structures, held_structures, mean_dice, structure_dices
from zonate.zonemap import ZoneMap
from zonate.zones import N_ZONES, LabelCode

DEPTH_MULTIPLE = 4
"""Slices are halved twice."""
BEST_NAME, LAST_NAME = "best.pt", "last.pt"
_STRIDES = ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2))  # of S, H, W: slices lie far apart
_WIDTHS = (1, 2, 4, 8, 16, 16)
_Array = npt.NDArray[np.float32]
_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True)
class VolumetricModel:
    """The network and what is needed to use it, as `zonate.model.Model` for slices."""

    network: nn.Module
    settings: Settings
    statistics: Statistics
    codes: tuple[LabelCode, ...]
    channels: tuple[bool, bool, bool]
    provenance: dict[str, Any]

    def segment(self, slices: Slices) -> ZoneMap:
        """Segment a case, onto its original T2W grid."""
        return on_original_grid(self.slice_probabilities(slices.images), slices, self.codes)

    def slice_probabilities(self, images: _Array) -> _Array:
        """The probability of each code (S, len(codes), H, W) on slices (S, 3, H, W)."""
        self.network.eval()
        shown = normalise_known(images, _statistics(images, self.settings, self.statistics), self.channels)
        stack = torch.from_numpy(_deepened(shown, 0.0)).transpose(0, 1)[None]  # (1, 3, S', H, W)
        with torch.inference_mode():
            p = probabilities(self.network(stack), "softmax")  # (1, K, S', H, W)
            if self.settings.prediction.flips:
                p = (p + probabilities(self.network(stack.flip(-1)), "softmax").flip(-1)) / 2
        shares = of_codes(p[0, :, : len(images)].transpose(0, 1), self.codes)
        return np.asarray(shares.numpy(), dtype=np.float32)


def make_network(settings: NetworkSettings) -> nn.Module:
    """MONAI's DynUNet in 3D; slices are not halved where pixels are much smaller than slices are apart.

    Source: Isensee et al., nnU-Net, Nature Methods 2021, for the anisotropic strides and kernels.
    """
    from monai.networks import nets

    make: Any = nets  # its __init__ does not say what it exports
    kernels = [(1, 3, 3) if level < 2 else (3, 3, 3) for level in range(len(_STRIDES))]
    network = make.DynUNet(
        spatial_dims=3,
        in_channels=3,
        out_channels=N_ZONES,
        kernel_size=kernels,
        strides=_STRIDES,
        upsample_kernel_size=_STRIDES[1:],
        filters=[settings.base_channels * width for width in _WIDTHS],
        norm_name=("instance", {"affine": True}),
        act_name=("leakyrelu", {"inplace": True, "negative_slope": settings.leaky_relu_slope}),
    )
    return cast("nn.Module", network)


def untrained(dataset: Dataset, settings: Settings) -> VolumetricModel:
    """A model with fresh weights."""
    taught = taught_by(dataset)
    settings = settings.model_copy(update={"slicing": dataset.slicing})
    network = make_network(settings.network)
    return VolumetricModel(
        network, settings, dataset.statistics, taught.codes, taught.channels, dict(taught.provenance)
    )


def train(dataset: Dataset, run: Path, settings: Settings, *, progress: Progress = silent) -> VolumetricModel:
    """Train, or go on where it was stopped; the run folder's metrics.jsonl is like that of `zonate.train`.

    Args:
        dataset: Divided by a fold.
        run: Its folder.
        settings: An epoch visits each training stack once.
        progress: Told of each step.

    Returns:
        The model that served the validation patients best.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.training.seed)
    model = untrained(dataset, settings)
    learner = _Learner(model.network, model.settings)
    start, best = learner.load(run / LAST_NAME)
    log = run / METRICS_NAME
    lines = log.read_text(encoding="utf-8").splitlines()[:start] if log.is_file() else []
    entries, training = dataset.split("train"), model.settings.training
    steps = -(-len(entries) // training.batch_size)
    for epoch in range(start + 1, training.epochs + 1):
        began = time.perf_counter()
        torch.manual_seed(int(np.random.SeedSequence((training.seed, epoch)).generate_state(1, np.uint32)[0]))
        learner.raw.train()
        total = 0.0
        for number, batch in enumerate(_batches(dataset, entries, model, epoch), start=1):
            done = (epoch - 1) * steps + number
            total += learner.step(*batch, (done - 1) / (training.epochs * steps))
            progress(done, training.epochs * steps, f"epoch {epoch}/{training.epochs}")
        score = None
        if epoch == training.epochs or epoch % training.validate_every_epochs == 0:
            scores = validate(learner.averaged(model), dataset)
            score = fmean(scores.values()) if scores else None
            if score is None or best is None or score > best:
                best = score
                _save(run / BEST_NAME, learner.weights.state_dict())
        seconds = round(time.perf_counter() - began, 3)
        line = {"epoch": epoch, "losses": {"generator": total / steps}, "validation_mean_dice": score}
        lines.append(json.dumps({**line, "seconds": seconds}))
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        learner.save(run / LAST_NAME, epoch, best)
    model.network.load_state_dict(torch.load(run / BEST_NAME, weights_only=True))
    return model


def validate(model: VolumetricModel, dataset: Dataset) -> dict[str, float]:
    """Mean Dice by structure over the validation patients, on the slices' grid, as `zonate.validation` has it."""
    dices = []
    for entry in dataset.split("validation"):
        slices = dataset.slices(entry.case_id)
        p = model.slice_probabilities(slices.images)
        prediction = np.array(model.codes, dtype=np.uint8)[p.argmax(axis=1)]
        structures = compared_structures(entry.codes, model.codes)
        dice, held = structure_dices(slices.labels, prediction, structures), held_structures(slices.labels, structures)
        dices.append(CaseDice(entry.patient_id, dice, held))
    return mean_dice(dices)


class _Learner:
    """The network as it learns, and the mean of its weights that is kept where the settings ask for one."""

    def __init__(self, network: nn.Module, settings: Settings) -> None:
        how = settings.optimiser
        self.raw, self._how, self._weights_of_loss = network, how, settings.loss
        betas = (how.beta_1, how.beta_2)
        parameters = network.parameters()
        self._adam = AdamW(
            parameters, lr=how.learning_rate, betas=betas, eps=how.epsilon, weight_decay=how.weight_decay
        )
        decay = settings.training.averaging
        self._mixed = usable_precision(settings.training.precision, torch.device("cpu")) == "bf16-mixed"
        self._average = MovingAverage(network, decay) if decay else None

    @property
    def weights(self) -> nn.Module:
        """The network that is the model."""
        return self.raw if self._average is None else self._average.network

    def averaged(self, model: VolumetricModel) -> VolumetricModel:
        return VolumetricModel(
            self.weights, model.settings, model.statistics, model.codes, model.channels, model.provenance
        )

    def step(self, stacks: Tensor, labels: Tensor, codes: list[tuple[LabelCode, ...]], done: float) -> float:
        """Learn from stacks (B, 3, S, H, W) with label codes (B, S, H, W); returns the loss."""
        for group in self._adam.param_groups:
            group["lr"] = learning_rate(self._how, done)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mixed):
            logits = self.raw(stacks)  # (B, K, S, H, W)
        flat = logits.transpose(1, 2).flatten(0, 1)  # (B · S, K, H, W)
        of_slices = [of_stack for of_stack in codes for _ in range(labels.shape[1])]
        target = losses.Target.of_labels(labels.flatten(0, 1), of_slices)
        loss = self._weights_of_loss.dice * losses.dice(probabilities(flat, "softmax"), target)
        loss = loss + self._weights_of_loss.cross_entropy * losses.cross_entropy(flat, target, "softmax")
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        if self._average is not None:
            self._average.update(self.raw)
        return float(loss.detach())

    def save(self, file: Path, epoch: int, best: float | None) -> None:
        average = None if self._average is None else self._average.state()
        state = {"network": self.raw.state_dict(), "average": average, "adam": self._adam.state_dict()}
        _save(file, {**state, "epoch": epoch, "best": best})

    def load(self, file: Path) -> tuple[int, float | None]:
        """Take up what was saved, if anything was: the epochs that are done and the best score."""
        if not file.is_file():
            return 0, None
        state = torch.load(file, weights_only=True)
        self.raw.load_state_dict(state["network"])
        self._adam.load_state_dict(state["adam"])
        if self._average is not None:
            self._average.load_state(state["average"])
        return state["epoch"], state["best"]


def _batches(
    dataset: Dataset, entries: tuple[Entry, ...], model: VolumetricModel, epoch: int
) -> Iterator[tuple[Tensor, Tensor, list[tuple[LabelCode, ...]]]]:
    """Every stack once, in an order drawn from seed and epoch, each augmented as one sample."""
    training = model.settings.training
    order = np.random.default_rng((training.seed, epoch)).permutation(len(entries))
    for first in range(0, len(entries), training.batch_size):
        chosen = [entries[place] for place in order[first : first + training.batch_size]]
        pairs = [_augmented(dataset, entry, model, (training.seed, epoch, first + n)) for n, entry in enumerate(chosen)]
        depth = max(len(labels) for _, labels in pairs)
        stacks = [_deepened(images, 0.0, depth) for images, _ in pairs]
        labels = [_deepened(of_stack, int(LabelCode.NOT_ANNOTATED), depth) for _, of_stack in pairs]
        yield (
            torch.from_numpy(np.stack(stacks)).transpose(1, 2),  # (B, 3, S, H, W)
            torch.from_numpy(np.stack(labels)),  # (B, S, H, W)
            [entry.codes for entry in chosen],
        )


def _augmented(
    dataset: Dataset, entry: Entry, model: VolumetricModel, seed: tuple[int, int, int]
) -> tuple[_Array, npt.NDArray[np.uint8]]:
    """A training stack: images (S, 3, H, W), 0 where nothing was measured, and label codes (S, H, W)."""
    images, settings = dataset.slices(entry.case_id).images, model.settings
    known = scaled_known(images, _statistics(images, settings, model.statistics), model.channels)
    turned = turn_and_flip(known, dataset.labels(entry.case_id), settings.augmentation, visit=seed)
    scaled, drawn = (torch.from_numpy(values) for values in turned)
    done = [
        augment(
            scaled[s : s + 1],
            drawn[s : s + 1],
            settings.augmentation,
            spacing_mm=settings.slicing.spacing_mm,
            size_px=settings.training.patch_px or settings.slicing.size_px,
            seed=seed,
        )
        for s in range(len(scaled))
    ]
    shown, labels = (torch.cat(parts).numpy() for parts in zip(*done, strict=True))
    return shown, labels


def _statistics(images: _Array, settings: Settings, of_dataset: Statistics) -> Statistics:
    return statistics_of(images, settings.normalisation, spacing_mm=settings.slicing.spacing_mm, of_dataset=of_dataset)


def _deepened(values: npt.NDArray[_T], fill: float, depth: int | None = None) -> npt.NDArray[_T]:
    """Slices (S, ...) with others behind them, up to a depth that the network can halve."""
    depth = depth or len(values)
    depth += -depth % DEPTH_MULTIPLE
    missing = np.full((depth - len(values), *values.shape[1:]), fill, dtype=values.dtype)
    return np.concatenate([values, missing])


def _save(file: Path, state: dict[str, Any]) -> None:
    with atomic_path(file) as temporary:
        torch.save(state, temporary)
