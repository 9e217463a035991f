"""What looks wrong about a segmentation: said, never repaired in silence."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.anatomy import (
    APEX_SHARE,
    BEHIND_MM,
    CUT_SHARE,
    FROM_CENTRE_MM,
    GLAND_ML,
    MAIN_PIECE,
    PZ_SHARE_LEFT,
    WIDTH_BY_DEPTH,
    examine,
    larger_side,
)
from zonate.geometry import Crop, Volume, to_canonical
from zonate.measures.gland import NO_GLAND, label_pieces, largest_piece
from zonate.preprocessing.slices import Slices
from zonate.sectors import PARTS
from zonate.study import Sequence
from zonate.window import Window
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode, code_name, structure_codes

Mask = npt.NDArray[np.bool_]

GOES_ON = "it may go on outside the volume"
HALF_MISSING = "half of it may be missing"
SIDES_UNSURE = "right and left in the sector table are not to be trusted"
"""What the report says again, beside the figures that it is about."""

TORN_PIECE = 0.8
"""A gland whose largest piece holds less than this is not one gland with a few stray voxels."""
BORDER_PX = 2
"""Of the slices: a gland that comes nearer to the border of what the second pass saw is taken to be cut there."""
SMALL_ZONE = 0.02
"""Of a zone that holds less than this share of the gland, a few stray voxels move the centre."""
SMALLEST_ML: Mapping[LabelCode, float] = {
    LabelCode.PZ: 2.0,
    LabelCode.TZ: 1.0,
    LabelCode.CENTRAL_GLAND: 1.0,
    LabelCode.DPU: 0.1,
    LabelCode.AFS: 0.3,
}
"""Everybody has each zone, and less of it than this was hardly found; `docs/concepts/uncertainty.md` says where the
figures are from."""


@dataclass(frozen=True)
class Implausibility:
    """What a person should look at before they believe a segmentation.

    Attributes:
        text: A sentence without patient data.
        disqualifies: Whether that alone makes the result doubtful, whatever the model's samples say of it.
    """

    text: str
    disqualifies: bool


def implausibilities(zones: ZoneMap, slices: Slices, window: Window | None = None) -> tuple[Implausibility, ...]:
    """Find what stands out about a segmentation.

    Args:
        zones: What the model says, on the original T2W grid, before any clean-up.
        slices: What it was shown.
        window: What of them its second pass looked at; None: all.
    """
    return tuple(_findings(zones, slices, window))


def disqualifying(found: Iterable[Implausibility]) -> tuple[str, ...]:
    """The sentences of those that alone make a result doubtful."""
    return tuple(one.text for one in found if one.disqualifies)


def absent_channels(slices: Slices, known: tuple[bool, bool, bool]) -> list[str]:
    """A sentence for each channel that the model looks at and the case does not have."""
    return [
        f"{sequence.name} is absent, and the model learnt with it: it saw its mean everywhere in place of it"
        for sequence in Sequence
        if known[sequence] and not slices.channels_present[sequence]
    ]


def _findings(zones: ZoneMap, slices: Slices, window: Window | None) -> Iterator[Implausibility]:
    labels = to_canonical(zones.labels)
    gland = (labels.values != LabelCode.BACKGROUND) & (labels.values != LabelCode.NOT_ANNOTATED)  # (S, H, W)
    if not gland.any():
        yield Implausibility(f"{NO_GLAND}: every voxel is background", True)
        return
    tells_gland = structure_codes("GLAND", zones.codes) is not None
    size = tuple(_size(gland, labels.grid.voxel_volume_ml)) if tells_gland else ()
    yield from size
    yield from _cut(gland, slices, window)
    yield from _pieces(gland)
    figures = examine(labels, zones.codes).figures
    yield from _places(labels, figures)
    yield from _sides(figures, zones.codes)
    if not size:
        yield from _small_zones(labels, zones.codes)


def _size(gland: Mask, voxel_volume_ml: float) -> Iterator[Implausibility]:
    volume_ml = int(gland.sum()) * voxel_volume_ml
    low_ml, high_ml = GLAND_ML
    if not low_ml <= volume_ml <= high_ml:
        text = f"the gland measures {volume_ml:.3g} ml, outside the plausible {low_ml:g} to {high_ml:g} ml"
        yield Implausibility(text, True)


def _small_zones(labels: Volume, codes: tuple[LabelCode, ...]) -> Iterator[Implausibility]:
    for code, smallest_ml in SMALLEST_ML.items():
        volume_ml = np.count_nonzero(labels.values == code) * labels.grid.voxel_volume_ml
        if code in codes and volume_ml < smallest_ml:
            text = (
                f"the {code_name(code)} measures {volume_ml:.2g} ml, less than the plausible {smallest_ml:g} ml: it "
                "was hardly found"
            )
            yield Implausibility(text, False)


def _cut(gland: Mask, slices: Slices, window: Window | None) -> Iterator[Implausibility]:
    if gland[0].any() or gland[-1].any():
        sections = gland.sum(axis=(1, 2))
        share = float(max(sections[0], sections[-1]) / sections.max())
        text = f"the gland reaches the first or the last slice: {GOES_ON}"
        if share > CUT_SHARE:
            text += f", since {share:.0%} of its largest section is there"
        yield Implausibility(text, share > CUT_SHARE)
    crop = slices.crop
    section = np.asarray(gland.any(axis=0), dtype=np.bool_)  # (H, W)
    if _reaches_edge(section, _on_source(np.ones(crop.grid.shape[1:], dtype=np.bool_), crop)):
        text = (
            f"the gland reaches the edge of the {crop.size_px * crop.spacing_mm:.0f} mm square about the centre "
            "that the model sees: it may be cut off"
        )
        yield Implausibility(text, True)
    elif window is not None and _reaches_border(gland, window, crop):
        side_mm = window.size_px * crop.spacing_mm
        text = (
            f"the gland reaches the border of the {side_mm:.0f} mm square that the second pass saw: it may be cut off"
        )
        yield Implausibility(text, True)
    elif _reaches_edge(section, _on_source(_shown(slices.images[:, 0]), crop)):
        yield Implausibility("the gland reaches where the T2W shows nothing: its field of view may cut the gland", True)


def _shown(t2w: npt.NDArray[np.float32]) -> Mask:
    """Pixels (H, W) that show anything in any slice: a scanner fills what lies outside its field of view with zeros."""
    measured = np.isfinite(t2w)
    lowest = t2w[measured].min(initial=np.inf)
    return np.asarray((measured & (t2w > lowest)).any(axis=0), dtype=np.bool_)


def _on_source(mask: Mask, crop: Crop) -> Mask:
    """A mask (H, W) of the slices on the canonical T2W grid, False outside the slices."""
    return np.asarray(crop.restore(mask[None], 0.0)[0] > 0, dtype=np.bool_)


def _reaches_edge(section: Mask, seen: Mask) -> bool:
    """Whether anything of a section (H, W) lies on the border of what is seen, or of the image, or beyond."""
    return bool((section & ~ndimage.binary_erosion(seen)).any())


def _reaches_border(gland: Mask, window: Window, crop: Crop) -> bool:
    """Whether a gland's largest piece (S, H, W), on the canonical T2W grid, comes to the border of a window."""
    section = crop.labels(largest_piece(gland).astype(np.uint8), outside=0).any(axis=0)  # (H, W) of the slices
    inside = np.zeros(section.shape, dtype=np.bool_)
    window.cut(inside)[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return bool((section & ~inside).any())


def _pieces(gland: Mask) -> Iterator[Implausibility]:
    _, sizes = label_pieces(gland)
    share = float(sizes.max() / sizes.sum())
    if share < MAIN_PIECE:
        text = f"the gland is in {len(sizes) - 1} pieces, and {1 - share:.1%} of it lies apart from the largest"
        yield Implausibility(text, share < TORN_PIECE)


def _sides(figures: Mapping[str, float], codes: tuple[LabelCode, ...]) -> Iterator[Implausibility]:
    """Half a gland, and PZ on one side alone, by the figures that annotations are judged by."""
    unsure = f", and {SIDES_UNSURE}" if any(LabelCode(zone) in codes for zone in PARTS) else ""
    width_by_depth = figures.get("gland_width_by_depth", WIDTH_BY_DEPTH)
    if width_by_depth < WIDTH_BY_DEPTH:
        text = f"the gland is only {width_by_depth:.2f} times as wide as it is deep: {HALF_MISSING}{unsure}"
        yield Implausibility(text, False)
    share = figures.get("pz_share_left", 0.5)
    if not PZ_SHARE_LEFT[0] <= share <= PZ_SHARE_LEFT[1]:
        yield Implausibility(f"{larger_side(share)}: a side of it may be missing{unsure}", False)


def _places(labels: Volume, figures: Mapping[str, float]) -> Iterator[Implausibility]:
    """Zones where no patient has them, by the figures that annotations are judged by."""
    behind_mm = figures.get("pz_behind_central_gland_mm", BEHIND_MM)
    if behind_mm < -BEHIND_MM:
        text = f"the peripheral zone lies {-behind_mm:.1f} mm in front of the central gland, where no patient has it"
        yield Implausibility(text, True)
    elif behind_mm < BEHIND_MM:
        yield Implausibility(f"the peripheral zone lies only {behind_mm:.1f} mm behind the central gland", False)
    apex, base = figures.get("pz_share_apex", 0.0), figures.get("pz_share_base", 0.0)
    if base - apex > APEX_SHARE:
        text = (
            f"the peripheral zone makes up {base:.0%} of the gland's upper third and {apex:.0%} of its lower, which is "
            "the wrong way round"
        )
        yield Implausibility(text, False)
    for code, figure, wanted in (
        (LabelCode.AFS, "afs_before_gland_mm", "in front of"),
        (LabelCode.DPU, "urethra_below_gland_mm", "below"),
    ):
        if figures.get(figure, 0.0) < -BEHIND_MM:
            share = np.count_nonzero(labels.values == code) / np.count_nonzero(labels.values)
            text = (
                f"the {code_name(code)} is centred {-figures[figure]:.1f} mm on the wrong side of the gland's centre, "
                f"not {wanted} it"
            )
            yield Implausibility(text, bool(share > SMALL_ZONE))
    apart_mm = figures["gland_from_centre_mm"]
    if apart_mm > FROM_CENTRE_MM:
        yield Implausibility(f"the gland is centred {apart_mm:.0f} mm from the middle of the image", True)
