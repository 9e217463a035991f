"""Batches that the tests of augmentation share."""

import torch
from torch import Tensor

from zonate.augmentation.geometry import Motion
from zonate.augmentation.planes import Planes


def planes_of(*channels: Tensor) -> Planes:
    """One slice without neighbours of up to three channels (H, W); those left out are absent."""
    absent = [torch.full_like(channels[0], torch.nan)] * (3 - len(channels))
    return Planes.of_images(torch.stack([*channels, *absent])[None])


def motion(
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    rotation_rad: float = 0.0,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    bending_mm: Tensor | None = None,
) -> Motion:
    """The motion of one slice."""
    bending = torch.zeros(1, 2, 4, 4) if bending_mm is None else bending_mm
    return Motion(torch.tensor([scale]), torch.tensor([rotation_rad]), torch.tensor([shift_mm]), bending)
