"""Whether labels lie as anatomy and their image allow: what finds swapped numbers, and flipped or shifted masks.

Label numbers contradict each other between data sets and even between a set's own pages, and masks come flipped or
moved against their images. Each rule is asked only where the annotator's codes can answer it. What cannot be is
refused; what is merely odd is a warning for a person to look at. `benchmarks/anatomy.py` measures what is caught.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from zonate.geometry import Volume, to_canonical
from zonate.measures.axes import Gland
from zonate.measures.ellipsoid import measured_diameters_mm
from zonate.measures.gland import label_pieces, positions_mm
from zonate.zones import GLAND, STRUCTURES, ZONES_OF_CODE, LabelCode, code_name, drawable

Mask = npt.NDArray[np.bool_]
Array = npt.NDArray[np.float64]
Gradient = npt.NDArray[np.float32]

GLAND_ML = (10.0, 400.0)
"""Glands outside are rare; FACTS of the field put nearly all prostates inside."""
POSSIBLE_GLAND_ML = (1.0, 1000.0)
MAIN_PIECE, MAIN_PIECE_OF_ZONE = 0.99, 0.95
"""At least this share of the gland, and of a zone, hangs together; at the base PZ may part into two horns."""
BEHIND_MM = 2.0
"""PZ nearer to the central gland's level than this is odd, and as far in front of it is impossible."""
APEX_SHARE = 0.15
"""PZ is the apex and thins towards the base; the reverse by more than this share of the gland is odd."""
PZ_SHARE_LEFT = (1 / 3, 2 / 3)
"""Of PZ, on the left of the gland's midline; where less or more of it is there, one of its sides is missing."""
WIDTH_BY_DEPTH = 0.95
"""A gland is wider than it is deep; half a gland is not."""
FROM_CENTRE_MM = 40.0
CUT_SHARE = 0.5
"""A gland whose lowest or highest slice of the volume holds this share of its largest section goes on beyond it."""
BETTER_MIRRORED, BETTER_SHIFTED, BETTER_SLICES = 1.08, 1.10, 1.20
"""How much stronger the edges of the image must be along a mirrored or moved border than along the label's own."""

_SHIFTS_MM = (-15.0, -10.0, 10.0, 15.0)
_SLICES = (-3, -2, 2, 3)
_MARGIN_MM = 25.0
_EDGE_MM = 1.0
_BORDER_MM = 1.5


@dataclass(frozen=True)
class Anatomy:
    """What was found about an annotation.

    Attributes:
        figures: By name, with the unit in it; only what the codes can tell.
        refusals: What cannot be, each a sentence with its figure.
        warnings: What is odd, each a sentence with its figure.
    """

    figures: Mapping[str, float]
    refusals: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def examine(reference: Volume, codes: Iterable[int], t2w: Volume | None = None) -> Anatomy:
    """Measure an annotation against anatomy and against its image.

    Args:
        reference: Label codes (S, H, W) uint8.
        codes: Those that the annotator could have drawn.
        t2w: The image on the same grid; None leaves out what needs it.

    Returns:
        An annotation in which nothing of the gland is drawn gives one warning and no figures but its volume. Where
        some voxels are not annotated, there is no volume, and what lies above or below the middle is not judged.
    """
    labels = to_canonical(reference)  # S upwards, H to the back, W to the patient's left
    declared = sorted({LabelCode(code) for code in codes} - {LabelCode.NOT_ANNOTATED})
    spacing_mm = np.array(labels.grid.spacing_mm)
    gland = np.isin(labels.values, [code for code in declared if ZONES_OF_CODE[code] <= GLAND])
    unseen = labels.values == LabelCode.NOT_ANNOTATED
    whole = not unseen.any()
    found = _Findings()
    if whole:
        found.figures["gland_ml"] = float(gland.sum()) * labels.grid.voxel_volume_ml
    if not gland.any():
        found.warnings.append("nothing of the gland is drawn")
        return found.anatomy()
    if whole:
        _volume(found, declared)
        _sides(found, labels, declared, gland)
    _order(found, labels.values, declared, gland, spacing_mm, whole=whole)
    _pieces(found, labels.values, declared)
    _place(found, gland, spacing_mm)
    _unseen(found, gland, unseen.all(axis=(1, 2)))
    absent = [code_name(code) for code in declared if not (labels.values == code).any()]
    if absent:
        found.warnings.append(f"declared but nowhere drawn: {', '.join(absent)}")
    if t2w is not None:
        _fit(found, gland, to_canonical(t2w).values, spacing_mm)
    return found.anatomy()


class _Findings:
    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self.refusals: list[str] = []
        self.warnings: list[str] = []

    def anatomy(self) -> Anatomy:
        return Anatomy(self.figures, tuple(self.refusals), tuple(self.warnings))


def _volume(found: _Findings, declared: list[LabelCode]) -> None:
    if not drawable("GLAND", declared):
        return
    ml = found.figures["gland_ml"]
    if not POSSIBLE_GLAND_ML[0] <= ml <= POSSIBLE_GLAND_ML[1]:
        found.refusals.append(f"the gland measures {ml:.2f} ml, which no prostate does")
    elif not GLAND_ML[0] <= ml <= GLAND_ML[1]:
        found.warnings.append(
            f"the gland measures {ml:.1f} ml, outside the plausible {GLAND_ML[0]:g} to {GLAND_ML[1]:g} ml"
        )


def _sides(found: _Findings, labels: Volume, declared: list[LabelCode], gland: Mask) -> None:
    """Whether there are both: by the gland's width and depth, and by where PZ lies of its midline."""
    if not drawable("GLAND", declared):
        return
    of = Gland(gland, labels.grid)
    diameters_mm = measured_diameters_mm(of.body, of.grid, of.axes)
    if diameters_mm is not None:
        depth_mm, width_mm, _ = diameters_mm
        found.figures["gland_width_by_depth"] = width_mm / depth_mm
        if width_mm / depth_mm < WIDTH_BY_DEPTH:
            found.warnings.append(
                f"the gland is only {width_mm / depth_mm:.2f} times as wide as it is deep: half of it may not be drawn"
            )
    pz = labels.values == LabelCode.PZ
    if pz.any() and (pz != gland).any():
        _, _, left = of.axes.along_mm(positions_mm(pz, of.grid)).T  # each (N,)
        found.figures["pz_share_left"] = share = float((left > 0).mean())
        if not PZ_SHARE_LEFT[0] <= share <= PZ_SHARE_LEFT[1]:
            found.warnings.append(f"{larger_side(share)}: a side of it may not be drawn")


def larger_side(pz_share_left: float) -> str:
    """How much of PZ lies on the side that has more of it."""
    on_left = pz_share_left > 0.5
    share, side = (pz_share_left, "left") if on_left else (1 - pz_share_left, "right")
    return f"{share:.0%} of the peripheral zone lies on the {side} of the gland's midline"


def _order(
    found: _Findings,
    values: npt.NDArray[np.uint8],
    declared: list[LabelCode],
    gland: Mask,
    spacing_mm: Array,
    *,
    whole: bool,
) -> None:
    """PZ behind, AFS in front, the distal urethra below, and PZ the more the nearer the apex."""
    pz = values == LabelCode.PZ
    inner = np.isin(values, [code for code in declared if ZONES_OF_CODE[code] <= STRUCTURES["CENTRAL_GLAND"]])
    middle = _centre(gland) * spacing_mm
    if pz.any() and inner.any():
        behind_mm = float(((_centre(pz) - _centre(inner)) * spacing_mm)[1])
        found.figures["pz_behind_central_gland_mm"] = behind_mm
        if behind_mm < -BEHIND_MM:
            found.refusals.append(
                f"the peripheral zone lies {-behind_mm:.1f} mm in front of the central gland: its number is swapped "
                "with another zone's, or the mask is flipped front to back"
            )
        elif behind_mm < BEHIND_MM:
            found.warnings.append(
                f"the peripheral zone lies only {behind_mm:.1f} mm behind the central gland: a number may be swapped"
            )
        found.figures["pz_share"] = float(pz.sum() / gland.sum())
        apex, base = _shares(pz, gland)
        found.figures["pz_share_apex"], found.figures["pz_share_base"] = apex, base
        if whole and base - apex > APEX_SHARE:
            found.warnings.append(
                f"the peripheral zone makes up {base:.0%} of the gland's upper third and {apex:.0%} of its lower: the "
                "mask may be flipped head to feet"
            )
    for code, axis, sign, figure, wanted in (
        (LabelCode.AFS, 1, -1, "afs_before_gland_mm", "in front of"),
        (LabelCode.DPU, 0, -1, "urethra_below_gland_mm", "below"),
    ):
        drawn = values == code
        if code in declared and drawn.any() and (whole or axis > 0):
            apart_mm = sign * float((_centre(drawn) * spacing_mm - middle)[axis])
            found.figures[figure] = apart_mm
            if apart_mm < -BEHIND_MM:
                found.refusals.append(
                    f"the {code_name(code)} is centred {-apart_mm:.1f} mm on the wrong side of the gland's centre, not "
                    f"{wanted} it: its number is swapped with another zone's, or the mask is flipped"
                )


def _shares(pz: Mask, gland: Mask) -> tuple[float, float]:
    """PZ's share of the gland in its lowest and its highest third."""
    slices = np.flatnonzero(gland.any(axis=(1, 2)))
    parts = np.array_split(slices, 3)
    lowest, highest = parts[0], next(part for part in reversed(parts) if len(part))
    return tuple(float(pz[part].sum() / gland[part].sum()) for part in (lowest, highest))  # type: ignore[return-value]


def _pieces(found: _Findings, values: npt.NDArray[np.uint8], declared: list[LabelCode]) -> None:
    """Each zone, and the gland, in one piece; urethra and stroma are thin and may be broken by the slices."""
    tolerant = {LabelCode.DPU, LabelCode.AFS, LabelCode.WHOLE_GLAND}
    masks = {
        code_name(code): values == code for code in declared if ZONES_OF_CODE[code] <= GLAND and code not in tolerant
    }
    masks["gland"] = np.isin(values, [code for code in declared if ZONES_OF_CODE[code] <= GLAND])
    said: set[str] = set()
    for name, mask in masks.items():
        _, sizes = label_pieces(mask)
        n_pieces = len(sizes) - 1
        if n_pieces < 2:
            continue
        share = float(sizes.max() / sizes.sum())
        text = f"in {n_pieces} pieces, of which the largest holds {share:.1%}"
        if share < (MAIN_PIECE if name == "gland" else MAIN_PIECE_OF_ZONE) and text not in said:
            said.add(text)
            found.warnings.append(f"the {name} is {text}")


def _place(found: _Findings, gland: Mask, spacing_mm: Array) -> None:
    """Where the gland lies in the volume."""
    apart = (_centre(gland) - (np.array(gland.shape) - 1) / 2) * spacing_mm
    found.figures["gland_from_centre_mm"] = apart_mm = float(np.hypot(apart[1], apart[2]))
    if apart_mm > FROM_CENTRE_MM:
        found.warnings.append(f"the gland is centred {apart_mm:.0f} mm from the middle of the image")
    if gland[:, [0, -1]].any() or gland[:, :, [0, -1]].any():
        found.warnings.append("the gland reaches the border of the image")
    sections = gland.sum(axis=(1, 2))
    for s, name in ((0, "lowest"), (-1, "highest")):
        share = float(sections[s] / sections.max())
        if share > CUT_SHARE:
            found.warnings.append(
                f"the volume's {name} slice cuts the gland: {share:.0%} of its largest section is there"
            )


def _unseen(found: _Findings, gland: Mask, unseen: Mask) -> None:
    """Slices (S,) that nobody annotated, beside one that holds gland."""
    held = np.pad(np.asarray(gland.any(axis=(1, 2)), dtype=np.bool_), 1)  # (S + 2,)
    beside = unseen & (held[:-2] | held[2:])
    if beside.any():
        found.warnings.append(f"{int(beside.sum())} slices beside the gland are not annotated: it may go on there")


def _fit(found: _Findings, gland: Mask, image: npt.NDArray[np.float32], spacing_mm: Array) -> None:
    """Compare the image's edges along the label's border with those along the border mirrored or moved."""
    window = _window(gland, spacing_mm)
    border = _gradient(gland[window].astype(np.float32), _BORDER_MM, spacing_mm)  # (2, S, H, W), across the border
    edges = _gradient(_scaled(image[window]), _EDGE_MM, spacing_mm)
    own = _strength(edges, border)
    if not own > 0:
        found.warnings.append("the image has no edge anywhere along the gland's border")
        return
    found.figures["edge_strength_per_mm"] = own
    best: dict[str, tuple[float, str]] = {}
    for kind, name, other in _placements(border, gland[window], spacing_mm):
        ratio = _strength(edges, other) / own
        best[kind] = max(best.get(kind, (0.0, "")), (ratio, name))
    for kind, limit in (("mirrored", BETTER_MIRRORED), ("shifted", BETTER_SHIFTED), ("slices", BETTER_SLICES)):
        if kind not in best:  # one or two slices move nowhere
            continue
        ratio, name = best[kind]
        found.figures[f"fit_{kind}_ratio"] = ratio
        if ratio > limit:
            found.warnings.append(
                f"the image's edges are {ratio:.2f} times as strong along the gland's border {name} as along the "
                "border as drawn: the mask may be moved or flipped against its image"
            )


def _placements(border: Gradient, gland: Mask, spacing_mm: Array) -> Iterator[tuple[str, str, Gradient]]:
    """The border mirrored in the volume's or the gland's middle, and moved: kind, name, its gradient (2, S, H, W)."""
    signs = {1: np.ones(2), 2: np.array([-1.0, 1.0]), 3: np.array([1.0, -1.0])}
    for axis, name in ((1, "flipped head to feet"), (2, "flipped front to back"), (3, "flipped left to right")):
        mirrored = np.flip(border, axis) * signs[axis].astype(np.float32)[:, None, None, None]
        yield "mirrored", name, mirrored
        if axis < 3:  # left and right of a gland are too much alike
            held = np.flatnonzero(gland.any(axis=tuple(other for other in range(3) if other != axis - 1)))
            yield (
                "mirrored",
                f"{name} in place",
                _moved(mirrored, int(held[0] + held[-1]) + 1 - gland.shape[axis - 1], axis),
            )
    for axis, name in ((2, "to the back"), (3, "to the left")):
        for mm in _SHIFTS_MM:
            pixels = round(mm / float(spacing_mm[axis - 1]))
            yield "shifted", f"moved {mm:+g} mm {name}", _moved(border, pixels, axis)
    for n in _SLICES:
        if abs(n) < border.shape[1]:
            yield "slices", f"moved by {n:+d} slices", _moved(border, n, 1)


def _moved(values: Gradient, n: int, axis: int) -> Gradient:
    """Shifted by n along an axis, zero where nothing comes in."""
    if n == 0:
        return values
    moved = np.zeros_like(values)
    before = (slice(None),) * axis
    into, out = (slice(n, None), slice(None, -n)) if n > 0 else (slice(None, n), slice(-n, None))
    moved[(*before, into)] = values[(*before, out)]
    return moved


def _strength(edges: Gradient, border: Gradient) -> float:
    """Mean slope of the image across the border, whichever way it goes; in shares of its grey range per mm."""
    length = np.sqrt((border**2).sum(axis=0))  # (S, H, W)
    total = float(length.sum())
    return float(np.abs((edges * border).sum(axis=0)).sum()) / total if total > 0 else 0.0


def _gradient(values: npt.NDArray[np.float32], sigma_mm: float, spacing_mm: Array) -> Gradient:
    """(2, S, H, W): along H and W, per mm, of the slices smoothed by a Gaussian."""
    sigma = (0, sigma_mm / spacing_mm[1], sigma_mm / spacing_mm[2])
    down = ndimage.gaussian_filter(values, sigma, order=(0, 1, 0)) / spacing_mm[1]
    across = ndimage.gaussian_filter(values, sigma, order=(0, 0, 1)) / spacing_mm[2]
    return np.asarray(np.stack([down, across]), dtype=np.float32)


def _scaled(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The grey values between the 1st and the 99th percentile as 0 to 1."""
    low, high = np.nanpercentile(image, [1, 99])
    scaled = np.clip((np.nan_to_num(image, nan=low) - low) / max(high - low, 1e-9), 0, 1)
    return np.asarray(scaled, dtype=np.float32)


def _window(gland: Mask, spacing_mm: Array) -> tuple[slice, slice, slice]:
    """What the gland and its mirror images span, with a margin: a box about the middle of the volume."""
    spans = []
    for axis in range(3):
        n = gland.shape[axis]
        held = np.flatnonzero(gland.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = round(_MARGIN_MM / float(spacing_mm[axis]))
        first, last = min(held[0], n - 1 - held[-1]), max(held[-1], n - 1 - held[0])
        spans.append(slice(max(0, int(first) - margin), min(n, int(last) + 1 + margin)))
    return spans[0], spans[1], spans[2]


def _centre(mask: Mask) -> Array:
    """The centroid as an index (S, H, W)."""
    return np.asarray(np.argwhere(mask).mean(axis=0), dtype=np.float64)
