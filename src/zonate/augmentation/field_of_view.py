"""Fields of view narrower than the slice, and sequences that were not acquired."""

from dataclasses import dataclass

import torch
from torch import Tensor

from zonate.augmentation.draws import Draws
from zonate.augmentation.planes import N_SEQUENCES, Planes, sent
from zonate.settings.learning import AugmentationSettings
from zonate.study import Sequence
from zonate.zones import LabelCode

_OFF_CENTRE = 0.1  # of its side that a field lies off the slice's middle, at most


@dataclass(frozen=True)
class Field:
    """The field of view of each of B slices, a rectangle; all on the CPU.

    Attributes:
        side_mm: (B, 2) height and width; infinite where the field is left as it is.
        middle_mm: (B, 2) downward and to the right from the patch's middle.
        dark: (B,) bool: whether what lies beyond it shows the image's lowest value, as a zero-padded image does,
            or is not measured.
    """

    side_mm: Tensor
    middle_mm: Tensor
    dark: Tensor


def draw_field(
    draws: Draws, settings: AugmentationSettings, *, slice_mm: tuple[float, float], shift_mm: Tensor
) -> Field:
    """Draw a square or a rectangle between the narrowest field of view and the slice (height, width).

    Args:
        draws: Of the batch.
        settings: Its narrow_field_mm; none is narrowed where it is unset or no smaller than the slice.
        slice_mm: Height and width.
        shift_mm: (B, 2) where the slice's middle has been shifted to: a field lies about it.
    """
    narrow = draws.of("narrow field")
    drawn, square, dark = narrow.happens(settings.chance), narrow.happens(0.5), narrow.happens(0.5)
    share, off = narrow.uniform(0, 1, 2), narrow.uniform(-_OFF_CENTRE, _OFF_CENTRE, 2)
    least, most = settings.narrow_field_mm or torch.inf, torch.tensor(slice_mm)
    share = torch.where(square[:, None], share[:, :1], share)
    side_mm = torch.where(drawn[:, None] & (least < most), least + (most - least) * share, torch.inf)
    return Field(side_mm, shift_mm + torch.where(side_mm.isfinite(), off * side_mm, 0.0), dark)


def narrow_field(planes: Planes, labels: Tensor, field: Field, *, spacing_mm: float) -> Tensor:
    """Hide what lies beyond a field of view: in the planes, in place, and what labels say of the gland there.

    Args:
        planes: Square, of B slices.
        labels: (B, size_px, size_px) uint8 label codes.
        field: Of the B slices.
        spacing_mm: Of a pixel.

    Returns:
        The labels, NOT_ANNOTATED where a hidden pixel was of the gland.
    """
    narrowed = field.side_mm.isfinite().any(dim=1)
    if not narrowed.any():
        return labels
    size_px, device = labels.shape[-1], labels.device
    place_mm = (torch.arange(size_px) - (size_px - 1) / 2) * spacing_mm
    seen = (place_mm - field.middle_mm[:, :, None]).abs() <= field.side_mm[:, :, None] / 2  # (B, 2, size_px)
    seen = sent(seen, device)
    hidden = ~(seen[:, 0, :, None] & seen[:, 1, None, :])  # (B, size_px, size_px)

    lowest = planes.lowest()
    for dark in (True, False):
        chosen, _ = planes.changed(planes.of_slice(narrowed & (field.dark == dark)), 0)
        beyond = hidden.index_select(0, planes.places_of_slices[chosen])  # (Q, size_px, size_px)
        if dark:
            planes.put(chosen, torch.where(beyond, lowest[chosen], planes.take(chosen)))
        else:
            planes.measured[chosen] &= ~beyond
    return torch.where(hidden & (labels != LabelCode.BACKGROUND), LabelCode.NOT_ANNOTATED, labels)


def draw_taken(draws: Draws, settings: AugmentationSettings) -> Tensor:
    """Draw the sequences (B, 3) bool that are taken away: DWI, ADC or both."""
    dropout = draws.of("channel dropout")
    drawn, which = dropout.happens(settings.channel_dropout_chance), dropout.uniform(0, 3)
    taken = torch.zeros(draws.n_slices, N_SEQUENCES, dtype=torch.bool)
    taken[:, Sequence.DWI] = drawn & (which < 2)
    taken[:, Sequence.ADC] = drawn & (which >= 1)
    return taken


def take_away(planes: Planes, taken: Tensor) -> None:
    """Take sequences (B, 3) bool away, as if they had not been measured."""
    if not taken.any():
        return
    chosen, _ = planes.changed(planes.of_sequence(taken), 0)
    planes.measured.index_fill_(0, chosen, value=False)
