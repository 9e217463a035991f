"""The terms of the losses, for labels of any coarseness.

An annotation tells some zones apart and leaves others together; `zones.told_apart` gives its classes. Nothing is
learnt about how the mass of a class divides among its zones, and nothing is punished: before L1 and before the
discriminator sees it, a prediction is levelled within each class, and so is the target; cross-entropy and Dice look
at the mass of the whole class. For a full annotation each class is one zone, and every term is the ordinary one.
Pixels that nobody annotated are left out of every term.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from zonate.zones import N_ZONES, ZONES_OF_CODE, LabelCode, membership, told_apart

_DICE_SMOOTHING_PX = 1.0


@dataclass(frozen=True)
class Target:
    """What a batch of label codes asks for.

    Attributes:
        zones: (B, K, H, W) float32: 1 over the number of zones of the pixel's code in each of them, 0 elsewhere and
            where nothing is annotated; one-hot for a full annotation.
        member: (B, K, H, W) bool: whether the pixel's code holds the zone.
        annotated: (B, 1, H, W) float32: 1 where a code was drawn, else 0.
        same_class: (B, K, K) float32: 1 where two zones are not told apart, the diagonal included.
        classes: (B, K) float32: 1 for a zone that some code of the sample holds.
    """

    zones: Tensor
    member: Tensor
    annotated: Tensor
    same_class: Tensor
    classes: Tensor

    @classmethod
    def of_labels(cls, labels: Tensor, codes: Sequence[Iterable[int]]) -> "Target":
        """Prepare the target of a batch.

        Args:
            labels: (B, H, W) uint8 label codes.
            codes: Of each sample, those that its annotator could have drawn.
        """
        table = torch.from_numpy(membership()).to(labels.device)  # (256, K)
        member = table[labels.long()].permute(0, 3, 1, 2)  # (B, K, H, W)
        held = member.sum(dim=1, keepdim=True)  # (B, 1, H, W)
        matrices = [_class_matrix(tuple(sorted(declared))) for declared in codes]
        same_class = torch.stack([matrix for matrix, _ in matrices]).to(labels.device)  # (B, K, K)
        classes = torch.stack([known for _, known in matrices]).to(labels.device)  # (B, K)
        return cls(member / held.clamp(min=1), member, (held > 0).float(), same_class, classes)

    def level(self, probabilities: Tensor) -> Tensor:
        """Level a prediction (B, K, H, W) within each class, and within a pixel's code where that is coarser still.

        Mass is kept; pixels that nobody annotated become 0. A full annotation changes nothing elsewhere.
        """
        averaging = self.same_class / self.same_class.sum(dim=2, keepdim=True)  # (B, K, K)
        p = torch.einsum("bkl,blhw->bkhw", averaging, probabilities)  # (B, K, H, W)
        held = self.member.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (p * self.member).sum(dim=1, keepdim=True) / held  # (B, 1, H, W)
        return torch.where(self.member, mean, p) * self.annotated


def adversarial(judgement: Tensor, *, real: bool) -> Tensor:
    """Mean sigmoid cross-entropy of the discriminator's logits (B, 1, h, w) against ones (real) or zeros."""
    wanted = torch.ones_like(judgement) if real else torch.zeros_like(judgement)
    return functional.binary_cross_entropy_with_logits(judgement.float(), wanted.float())


def l1(levelled: Tensor, target: Target) -> Tensor:
    """Mean absolute error over zones and annotated pixels; 0 where there is none.

    Args:
        levelled: (B, K, H, W), from `Target.level`.
        target: Of the same batch.
    """
    pixels = target.annotated.sum().clamp(min=1)
    return (levelled - target.zones).abs().sum() / (pixels * N_ZONES)


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
    weights = logits.float() if head == "softmax" else functional.logsigmoid(logits.float())  # log, up to a constant
    # Where nothing is annotated every zone counts as right, so that neither -inf nor NaN arises there.
    counted = target.member | (target.annotated == 0)
    inside = weights.masked_fill(~counted, -torch.inf).logsumexp(dim=1)  # (B, H, W)
    return (weights.logsumexp(dim=1) - inside).sum() / target.annotated.sum().clamp(min=1)


def dice(probabilities: Tensor, target: Target) -> Tensor:
    """One minus the soft Dice of each class over the batch, averaged over the classes.

    The slices of a batch are taken together, since most slices lack some class: alone, such a slice would have
    nothing to overlap with. A pixel whose code holds more than one class, as well as one that nobody annotated, is
    left out. One pixel is added above and below, so that a class that is absent from both costs nothing.

    Source: Milletari et al., V-Net, 3DV 2016, section 3, without the squares; Isensee et al., nnU-Net, Nature Methods
        2021, for the sum over the batch.
    """
    p = torch.einsum("bkl,blhw->bkhw", target.same_class, probabilities)  # mass of the zone's class
    t = target.member.float()
    in_one_class = torch.einsum("bkl,blhw->bkhw", target.same_class, t) * t  # zones of the class held, (B, K, H, W)
    held = t.sum(dim=1, keepdim=True)
    exact = target.annotated * (in_one_class.amax(dim=1, keepdim=True) == held)  # (B, 1, H, W)
    share = target.classes / target.same_class.sum(dim=2)  # (B, K): a class counts once, whatever its number of zones
    overlap = (share * (p * t * exact).sum(dim=(2, 3))).sum(dim=0)  # (K,)
    total = (share * ((p + t) * exact).sum(dim=(2, 3))).sum(dim=0)  # (K,)
    weight = share.mean(dim=0)  # (K,)
    smoothing = _DICE_SMOOTHING_PX * weight
    score = (2 * overlap + smoothing) / (total + smoothing).clamp(min=1e-12)
    return 1 - (score * weight).sum() / weight.sum()


@lru_cache
def _class_matrix(codes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Which zones are not told apart (K, K), and which are annotated at all (K,).

    A zone that no code holds is a class of its own: whatever mass it is given is an error.
    """
    same = torch.eye(N_ZONES)
    known = torch.zeros(N_ZONES)
    for code in told_apart(codes):
        zones = sorted(ZONES_OF_CODE[LabelCode(code)])
        known[zones] = 1.0
        for zone in zones:
            same[zone, zones] = 1.0
    return same, known
