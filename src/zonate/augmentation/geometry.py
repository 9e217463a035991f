"""Turning, scaling, stretching, shifting and bending: one displacement, and one interpolation of each image."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from zonate.augmentation.draws import Draws
from zonate.augmentation.planes import Planes, sent
from zonate.augmentation.smooth import n_coefficients, smooth_field
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode

_CELL_MM = 32.0  # of the elastic displacement: about a zone's size, so that the gland changes shape and nothing folds
_WHOLLY = 0.999  # measured, in single precision


@dataclass(frozen=True)
class Motion:
    """How what each of B slices shows is moved, about the slice's middle: first scaled, then turned, then shifted.

    All on the CPU, float32. Rows go downward.

    Attributes:
        scale: (B, 2) of heights and widths; 2 shows things twice as large.
        rotation_rad: (B,) counter-clockwise as it is looked at.
        shift_mm: (B, 2) downward and to the right.
        bending_mm: (B, 2, N, N) coefficients of an additional displacement; 0 for none.
    """

    scale: Tensor
    rotation_rad: Tensor
    shift_mm: Tensor
    bending_mm: Tensor

    @property
    def moves(self) -> Tensor:
        """(B,) bool: whether a slice is moved at all."""
        still = (self.scale == 1).all(dim=1) & (self.rotation_rad == 0) & (self.shift_mm == 0).all(dim=1)
        return ~still | (self.bending_mm != 0).flatten(1).any(dim=1)


def draw_motion(draws: Draws, settings: AugmentationSettings, *, spacing_mm: float, size_px: int) -> Motion:
    """Draw a motion for each slice of a batch, for a patch of size_px pixels of spacing_mm."""
    chance = settings.chance

    rotation = draws.of("rotation")
    turned = rotation.happens(chance)
    rotation_rad = rotation.uniform(-1, 1) * math.radians(settings.rotation_deg) * turned

    scaling = draws.of("scaling")
    scaled = scaling.happens(chance)[:, None]
    scale = torch.where(scaled, scaling.ratio(settings.scaling, 1), 1.0)

    stretching = draws.of("stretching")
    along = stretching.happens(0.5)
    stretched = stretching.happens(chance)[:, None] & torch.stack([along, ~along], dim=1)
    scale = scale * torch.where(stretched, stretching.ratio(settings.stretching, 1), 1.0)

    shift = draws.of("shift")
    shifted = shift.happens(chance)[:, None]
    shift_mm = shift.uniform(-1, 1, 2) * settings.shift_mm * shifted

    elastic = draws.of("elastic")
    bent = elastic.happens(chance)
    strength_mm = elastic.uniform(0, settings.elastic_mm) * bent
    n = n_coefficients(size_px, _CELL_MM / spacing_mm)
    bending_mm = elastic.normal(2, n, n) * strength_mm[:, None, None, None]
    return Motion(scale, rotation_rad, shift_mm, bending_mm)


def move(planes: Planes, labels: Tensor, motion: Motion, *, spacing_mm: float, size_px: int) -> tuple[Planes, Tensor]:
    """Cut the patch about the middle of moved slices and their labels, each interpolated once.

    Images are interpolated linearly, between measured pixels alone; labels by nearest neighbour. A slice that does not
    move is cut out as it is.

    Args:
        planes: Of B slices of H rows and W columns.
        labels: (B, H, W) uint8.
        motion: Of the B slices.
        spacing_mm: Of a pixel.
        size_px: Side of the patch; it may be larger than the slices.

    Returns:
        Planes (P, size_px, size_px) and labels (B, size_px, size_px). What comes from beyond the slice is not measured,
        and BACKGROUND in the labels: it lies far from the gland.
    """
    device = labels.device
    cut, cut_labels = _cut(planes, labels, size_px)
    moves = motion.moves
    if not moves.any():
        return cut, cut_labels

    moved = moves.nonzero().flatten()  # (M,)
    moved_there = sent(moved, device)
    grid = _grid(motion, moved, labels.shape[1:], spacing_mm=spacing_mm, size_px=size_px, device=device)
    found = functional.grid_sample(labels[moved_there, None].float(), grid, mode="nearest", align_corners=False)
    cut_labels[moved_there] = found[:, 0].to(labels.dtype)  # zeros beyond the slice
    inside = (grid[..., 0].abs() <= 1) & (grid[..., 1].abs() <= 1)  # (M, size_px, size_px)

    n_planes = torch.bincount(planes.slices, minlength=len(moves))[moved]  # (M,)
    for n in set(n_planes.tolist()) - {0}:
        alike = (n_planes == n).nonzero().flatten()  # slices with as many planes, M' of them
        mine = sent(torch.isin(planes.slices, moved[alike]).nonzero().flatten(), device)  # (M' · n,)
        alike_there = sent(alike, device)
        grid_of_alike = grid.index_select(0, alike_there)
        known = inside.index_select(0, alike_there).repeat_interleave(n, dim=0)
        cut.values.index_copy_(0, mine, _sampled(planes.values.index_select(0, mine), grid_of_alike))
        measured = planes.measured.index_select(0, mine)
        if measured.is_cuda or not _all(measured):  # to ask a GPU would be to wait for it
            known &= _sampled(measured.float(), grid_of_alike) > _WHOLLY
        cut.measured.index_copy_(0, mine, known)
    return cut, cut_labels


def _cut(planes: Planes, labels: Tensor, size_px: int) -> tuple[Planes, Tensor]:
    """The square of size_px about the middle, with void around the slice where it is the smaller one."""
    firsts = [_first(n, size_px) for n in labels.shape[1:]]
    rows, columns = (
        slice(max(first, 0), min(first + size_px, n)) for first, n in zip(firsts, labels.shape[1:], strict=True)
    )
    before = [max(-first, 0) for first in firsts]
    after = [max(first + size_px - n, 0) for first, n in zip(firsts, labels.shape[1:], strict=True)]
    margins = (before[1], after[1], before[0], after[0])
    # A channel of its own, for without one no planes at all would be refused.
    values = functional.pad(planes.values[:, None, rows, columns], margins, mode="replicate")[:, 0].contiguous()
    measured = functional.pad(planes.measured[:, rows, columns], margins).contiguous()
    cut_labels = functional.pad(labels[:, rows, columns], margins, value=LabelCode.BACKGROUND).contiguous()
    return Planes(values, measured, planes.slices, planes.channels, planes.shape), cut_labels


def _grid(
    motion: Motion, moved: Tensor, shape: torch.Size, *, spacing_mm: float, size_px: int, device: torch.device
) -> Tensor:
    """Where each pixel of the patch comes from: (M, size_px, size_px, 2), column then row, -1 to 1 across the slice."""
    scale, shift = sent(motion.scale[moved], device), sent(motion.shift_mm[moved], device) / spacing_mm  # (M, 2)
    rotation = sent(motion.rotation_rad[moved], device)
    cos, sin = rotation.cos(), rotation.sin()  # (M,)
    down, right = (  # (M, size_px) from the slice's middle, before the shift
        torch.arange(size_px, device=device) + (_first(n, size_px) - (n - 1) / 2) - shift[:, axis, None]
        for axis, n in enumerate(shape)
    )
    bending = sent(motion.bending_mm[moved], device) / spacing_mm
    bend = smooth_field(bending, size_px, _CELL_MM / spacing_mm)  # (M, 2, size_px, size_px)
    grid = torch.empty(len(moved), size_px, size_px, 2, device=device)
    for axis, (by_row, by_column) in enumerate(((cos, sin), (-sin, cos))):
        from_row = (by_row / scale[:, axis])[:, None] * down  # (M, size_px)
        from_column = (by_column / scale[:, axis])[:, None] * right
        place = from_row[:, :, None] + from_column[:, None, :] + bend[:, axis]
        torch.mul(place, 2 / shape[axis], out=grid[..., 1 - axis])
    return grid


def _sampled(values: Tensor, grid: Tensor) -> Tensor:
    """Interpolate planes (M · n, H, W) linearly by the grids (M, h, w, 2) of their slices.

    Beyond the slice the outermost values go on. Returns (M · n, h, w).
    """
    beside = values.view(len(grid), -1, *values.shape[1:])
    moved = functional.grid_sample(beside, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved.flatten(0, 1)


def _first(n_px: int, size_px: int) -> int:
    """The first of size_px pixels about the middle of n_px; negative where they are more."""
    return (n_px - size_px) // 2


def _all(flags: Tensor) -> bool:
    """Whether all of (P, H, W) bool hold; in a thirtieth of the time of `all` on a CPU."""
    return bool(flags.view(torch.uint8).amin())
