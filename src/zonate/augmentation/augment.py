"""What happens to a batch of training slices: moved, cut to patches, and shown as another scanner might show them."""

import torch
from torch import Tensor

from zonate.augmentation.draws import Draws
from zonate.augmentation.field_of_view import draw_field, draw_taken, narrow_field, take_away
from zonate.augmentation.geometry import draw_motion, move
from zonate.augmentation.intensity import distort
from zonate.augmentation.planes import N_SEQUENCES, Planes, sent
from zonate.augmentation.scanner import degrade
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode


def augment(
    images: Tensor,
    labels: Tensor,
    settings: AugmentationSettings,
    *,
    spacing_mm: float,
    size_px: int,
    seed: int | tuple[int, ...],
    first: int = 0,
    batch_size: int = 0,
    device: torch.device | None = None,
) -> tuple[Tensor, Tensor]:
    """Augment a batch on a device, and cut the patches that a network learns from.

    A slice's neighbours and its labels move along with it, and images and labels are each interpolated once. With
    every strength 0 the patch is cut out as it is. Quarter turns and flips, which interpolate nothing, belong to
    `zonate.dataset.quarter_turns`.

    Args:
        images: (B, (2n + 1) · 3, H, W) float32 of mean 0 and standard deviation 1 or thereabouts, NaN where nothing
            was measured, so an absent sequence is NaN throughout: each slice between its n neighbours on either side;
            within a slice T2W, DWI, ADC.
        labels: (B, H, W) uint8 label codes.
        settings: What is drawn.
        spacing_mm: Of a pixel.
        size_px: Side of the patch, about the slice's middle before shifts; it may be larger than the slice.
        seed: The same one gives the same result; on another device up to rounding.
        first: Which one of the whole batch the first slice is. A share of a batch becomes what the whole batch would
            make of it, but for the pixels of added noise, which are drawn anew.
        batch_size: Slices of the whole batch; 0: these are all.
        device: Where it is done; None: where the batch lies.

    Returns:
        Images (B, (2n + 1) · 3, size_px, size_px) float32, 0 where nothing was measured, and labels
        (B, size_px, size_px) uint8. A label is never a mixture of codes. BACKGROUND is what comes from beyond the slice
        and what was NOT_ANNOTATED where no T2W was measured: it lies far from the gland. What a narrow field of view
        hides of the gland is NOT_ANNOTATED.

    Raises:
        ValueError: The shapes do not belong together.
    """
    n_slices, n_channels, *shape = images.shape
    if n_channels % (2 * N_SEQUENCES) != N_SEQUENCES or labels.shape != (n_slices, *shape):
        raise ValueError(
            f"images (B, (2n + 1) · {N_SEQUENCES}, H, W) and labels (B, H, W) were expected, found "
            f"{tuple(images.shape)} and {tuple(labels.shape)}"
        )
    draws = Draws(seed, n_slices, first=first, batch_size=batch_size)
    motion = draw_motion(draws, settings, spacing_mm=spacing_mm, size_px=size_px)
    slice_mm = (shape[0] * spacing_mm, shape[1] * spacing_mm)
    field = draw_field(draws, settings, slice_mm=slice_mm, shift_mm=motion.shift_mm)

    planes = Planes.of_images(images, device)
    labels = sent(labels, planes.values.device)
    planes, labels = move(planes, labels, motion, spacing_mm=spacing_mm, size_px=size_px)
    labels = _without_void(planes, labels)
    distort(planes, draws, settings, spacing_mm=spacing_mm)
    degrade(planes, draws, settings, spacing_mm=spacing_mm)
    labels = narrow_field(planes, labels, field, spacing_mm=spacing_mm)
    take_away(planes, draw_taken(draws, settings))
    return planes.images(), labels


def _without_void(planes: Planes, labels: Tensor) -> Tensor:
    """BACKGROUND for what nobody annotated where the slice's own T2W was not measured."""
    middle_t2w = sent((planes.channels == planes.shape[1] // 2 - 1).nonzero().flatten(), labels.device)
    unmeasured = torch.zeros_like(labels, dtype=torch.bool)
    unmeasured[planes.places_of_slices[middle_t2w]] = ~planes.measured[middle_t2w]
    return torch.where(unmeasured & (labels == LabelCode.NOT_ANNOTATED), LabelCode.BACKGROUND, labels)
