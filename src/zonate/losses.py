"""The terms of the losses, for labels of any coarseness.

An annotation tells some zones apart and leaves others together; `zones.told_apart` gives its classes. Nothing is
learnt about how the mass of a class divides among its zones, and nothing is punished: before L1 and before the
discriminator sees it, a prediction is levelled within each class, and so is the target; cross-entropy and Dice look
at the mass of the whole class. For a full annotation each class is one zone, and every term is the ordinary one.
Pixels that nobody annotated are left out of every term.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from zonate.zones import N_ZONES, ZONES_OF_CODE, LabelCode, Zone, membership, told_apart

_DICE_SMOOTHING_PX = 1.0
_BEYOND = 1e30  # taken from a logarithm, it leaves less than any other


def _all_there_is(total: Tensor) -> Tensor:
    return total


@dataclass(frozen=True)
class Target:
    """What a batch of label codes asks for.

    Attributes:
        labels: (B, H, W) int64 label codes.
        member: (B, K, H, W) bool: whether the pixel's code holds the zone.
        annotated: (B, 1, H, W) float32: 1 where a code was drawn, else 0.
        same_class: (B, K, K) float32: 1 where two zones are not told apart, the diagonal included.
        class_zones: (C, K) float32: the distinct classes of the batch, 1 for each zone that a class holds.
        has_class: (B, C) float32: 1 for the classes that the sample's codes tell apart.
        n_finest: How many classes all codes of the batch tell apart together; C where all samples have the same codes.
        total: From a sum over these slices to the sum over the whole batch, where processes share it.
    """

    labels: Tensor
    member: Tensor
    annotated: Tensor
    same_class: Tensor
    class_zones: Tensor
    has_class: Tensor
    n_finest: int
    total: Callable[[Tensor], Tensor]

    @cached_property
    def pixels(self) -> Tensor:
        """How many pixels of the whole batch are annotated; 1 where none is."""
        return self.total(self.annotated.sum()).clamp(min=1)

    @cached_property
    def zones(self) -> Tensor:
        """(B, K, H, W) float32: what the labels ask for.

        1 over the number of zones of the pixel's code in each of them, 0 elsewhere and where nothing is annotated;
        one-hot for a full annotation.
        """
        table = _membership(self.labels.device)
        return _looked_up(table / table.sum(dim=1, keepdim=True).clamp(min=1), self.labels)

    @classmethod
    def of_labels(
        cls,
        labels: Tensor,
        codes: Sequence[Iterable[int]],
        *,
        batch_codes: Sequence[Iterable[int]] | None = None,
        total: Callable[[Tensor], Tensor] = _all_there_is,
    ) -> "Target":
        """Prepare the target of a batch, or of a process's share of one.

        Args:
            labels: (B, H, W) uint8 label codes.
            codes: Of each sample, those that its annotator could have drawn.
            batch_codes: The same of each sample of the whole batch; None: of these.
            total: From a sum over these slices to the sum over the whole batch.
        """
        device, labels = labels.device, labels.long()
        member = _looked_up(_membership(device), labels)  # (B, K, H, W)
        classes = [told_apart(declared) for declared in codes]
        whole = codes if batch_codes is None else batch_codes
        distinct = sorted({code for declared in whole for code in told_apart(declared)})
        has_class = torch.tensor([[float(code in of_sample) for code in distinct] for of_sample in classes])
        return cls(
            labels=labels,
            member=member.bool(),
            annotated=member.amax(dim=1, keepdim=True),
            same_class=torch.stack([_same_class(of_sample, device) for of_sample in classes]),
            class_zones=_class_zones(tuple(distinct), device),
            has_class=has_class.to(device, non_blocking=True),
            n_finest=_n_finest(whole),
            total=total,
        )

    def level(self, probabilities: Tensor) -> Tensor:
        """Level a prediction (B, K, H, W) within each class, and within a pixel's code where that is coarser still.

        Mass is kept; pixels that nobody annotated become 0. A full annotation changes nothing elsewhere.
        """
        averaging = self.same_class / self.same_class.sum(dim=2, keepdim=True)  # (B, K, K)
        p = torch.einsum("bkl,blhw->bkhw", averaging, probabilities)  # (B, K, H, W)
        mean = (p * self.zones).sum(dim=1, keepdim=True)  # (B, 1, H, W), over the zones of the pixel's code
        member = self.member.float()  # a choice by sums and products: torch.where is many times slower on a CPU
        return (p * (1 - member) + mean * member) * self.annotated


def adversarial(judgement: Tensor, *, real: bool) -> Tensor:
    """Mean sigmoid cross-entropy of the discriminator's logits (B, 1, h, w) against ones (real) or zeros."""
    wanted = torch.ones_like(judgement) if real else torch.zeros_like(judgement)
    return functional.binary_cross_entropy_with_logits(judgement.float(), wanted.float())


def feature_matching(drawn: Sequence[Tensor], generated: Sequence[Tensor]) -> Tensor:
    """Mean over layers of the mean absolute difference of a discriminator's features, which are alike where labels are.

    Args:
        drawn: Of each layer, features (B, C, h, w) of the drawn label; no gradient flows into them.
        generated: The same of the generated label.

    Source: Wang et al., High-Resolution Image Synthesis with Conditional GANs, CVPR 2018, eq. 4.
    """
    pairs = zip(drawn, generated, strict=True)
    return torch.stack([functional.l1_loss(b.float(), a.detach().float()) for a, b in pairs]).mean()


def gradient_penalty(judgement: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch of the squared gradient of a discriminator at real labels (R1).

    Args:
        judgement: (B, 1, h, w) logits of the drawn labels; a label's are summed.
        labels: (B, K, H, W), what was judged, which requires a gradient.

    Source: Mescheder et al., Which Training Methods for GANs do actually Converge?, ICML 2018, eq. 9, without the
        factor of one half.
    """
    (gradient,) = torch.autograd.grad(judgement.float().sum(), labels, create_graph=True)  # (B, K, H, W)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def l1(levelled: Tensor, target: Target) -> Tensor:
    """Mean absolute error over zones and annotated pixels; 0 where there is none.

    Args:
        levelled: (B, K, H, W), from `Target.level`.
        target: Of the same batch.
    """
    return target.total((levelled - target.zones).abs().sum()) / (target.pixels * N_ZONES)


def cross_entropy(logits: Tensor, target: Target, head: Literal["softmax", "sigmoid"]) -> Tensor:
    """Minus the log of the probability of the pixel's code, which is the sum over its zones.

    The sigmoid head's probabilities are scaled to sum to 1. It is computed from logits, so that its gradient stays
    finite where the probability vanishes.

    Args:
        logits: (B, K, H, W).
        target: Of the same batch.
        head: What turns the logits into probabilities.

    Returns:
        The mean over annotated pixels; 0 where there is none.
    """
    weights = logits.float() if head == "softmax" else functional.logsigmoid(logits.float())
    logs = weights.log_softmax(dim=1)  # (B, K, H, W)
    # Where nothing is annotated every zone counts as right, so that neither -inf nor NaN arises there.
    counted = target.member + (1 - target.annotated)
    # The log of a sum of exponentials, of the counted ones: masks of -inf take a CPU three times as long.
    largest = (logs.detach() - _BEYOND * (1 - counted)).amax(dim=1, keepdim=True)  # (B, 1, H, W)
    shares = (logs - largest).clamp(max=0).exp() * counted
    inside = largest[:, 0] + shares.sum(dim=1).log()  # (B, H, W)
    return -target.total((inside * target.annotated[:, 0]).sum()) / target.pixels


def dice(probabilities: Tensor, target: Target) -> Tensor:
    """One minus the soft Dice of each class over the batch, summed over the distinct classes of the batch.

    The sum is divided by the number of classes that all samples tell apart together, so that it is the mean where all
    have the same codes, and coarser samples add to it without taking from what the finer ones teach.

    The slices of a batch are taken together, since most slices lack some class: alone, such a slice would have
    nothing to overlap with. A class is compared in the samples that tell it apart, on its merged probability: a
    central gland that one sample leaves whole does not drown the urethra that another one draws. A pixel whose code
    holds more than one class, as well as one that nobody annotated, is left out. One pixel is added above and below,
    so that a class that is absent from both costs nothing.

    Source: Milletari et al., V-Net, 3DV 2016, section 3, without the squares; Isensee et al., nnU-Net, Nature Methods
        2021, for the sum over the batch; Fidon et al., Label-set loss functions, MICCAI 2021, and Shi et al., Marginal
        loss and exclusion loss, Medical Image Analysis 2021, for the merged probabilities.
    """
    class_zones, has_class = target.class_zones, target.has_class
    member = _membership(class_zones.device)  # (256, K)
    outside = member @ (1 - class_zones).T  # (256, C): zones of a code beyond a class
    within = (outside == 0) & member.bool().any(dim=1, keepdim=True)
    t = _looked_up(within.float(), target.labels) * has_class[:, :, None, None]  # (B, C, H, W)
    exact = t.amax(dim=1, keepdim=True)  # (B, 1, H, W): where the code lies within one class
    # The mass of a class is that of its zones, which is summed over pixels first: what is left are small matrices.
    places = torch.cat([t, exact], dim=1).flatten(2)  # (B, C + 1, H · W)
    mass = probabilities.flatten(2) @ places.transpose(1, 2)  # (B, K, C + 1)
    overlap = torch.einsum("ck,bkc->c", class_zones, mass[:, :, :-1])
    predicted = torch.einsum("bc,ck,bk->c", has_class, class_zones, mass[:, :, -1])
    summed = target.total(torch.stack([overlap, predicted, t.sum(dim=(0, 2, 3))]))  # (3, C)
    score = (2 * summed[0] + _DICE_SMOOTHING_PX) / (summed[1] + summed[2] + _DICE_SMOOTHING_PX)
    return (1 - score).sum() / target.n_finest


def _looked_up(table: Tensor, labels: Tensor) -> Tensor:
    """The rows of a table (256, N) of label codes at labels (B, H, W): (B, N, H, W)."""
    rows = functional.embedding(labels, table)  # (B, H, W, N); three times as fast as by an index
    return rows.permute(0, 3, 1, 2).contiguous()


def _n_finest(codes: Sequence[Iterable[int]]) -> int:
    """How many classes the codes of all samples tell apart together."""
    declared = {LabelCode(code) for of_sample in codes for code in of_sample} - {LabelCode.NOT_ANNOTATED}
    sets = [ZONES_OF_CODE[code] for code in declared]
    signatures = {tuple(zone in zones for zones in sets) for zone in Zone}
    return len([signature for signature in signatures if any(signature)])


# Tables are kept on each device: to send one there anew would be to wait for what it has to do before. They are no
# inference tensors wherever they are first asked for, since gradients flow past them.


@cache
@torch.inference_mode(mode=False)
def _membership(device: torch.device) -> Tensor:
    """Which zones (256, K) a label code holds, float32."""
    return torch.from_numpy(membership()).float().to(device)


@lru_cache
@torch.inference_mode(mode=False)
def _class_zones(distinct: tuple[LabelCode, ...], device: torch.device) -> Tensor:
    """The zones (C, K) of classes."""
    return torch.from_numpy(membership()).float()[list(distinct)].to(device)


@lru_cache
@torch.inference_mode(mode=False)
def _same_class(classes: tuple[LabelCode, ...], device: torch.device) -> Tensor:
    """Which zones are not told apart (K, K).

    A zone that no code holds is a class of its own: whatever mass it is given is an error.
    """
    same = torch.eye(N_ZONES)
    for code in classes:
        zones = sorted(ZONES_OF_CODE[code])
        for zone in zones:
            same[zone, zones] = 1.0
    return same.to(device)
