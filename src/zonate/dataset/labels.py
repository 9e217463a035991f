"""From what lies in a label file to label codes on the T2W grid, without ever interpolating a label."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zonate.errors import GeometryError, LabelError
from zonate.geometry import MOST_SKEW_MM, Grid, Volume, from_canonical, skew_mm, to_canonical
from zonate.zones import STRUCTURES, ZONES_OF_CODE, LabelCode, codes_within, drawn_within, straddling_codes

LABEL_GRID_TOLERANCE_MM = 0.05
"""How far rounding may move a corner of a label file: NIfTI keeps its affine in 32 bits and NRRD in decimal digits,
which shifts the far corner of a 384×384 volume by up to some hundredths of a millimetre, a tenth of a pixel."""

LENIENT_GRID_MM = 15.0
"""How far a label header known to be careless may put a corner off; direction cosines off by 0.06 come to about 11."""
_SAME_SPACING = 0.01
_OTHER_SPACING = 0.2
"""Part of the slice distance by which that of the frames may differ."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Labels on the T2W grid.

    Attributes:
        volume: (S, H, W) in the T2W's own order of axes.
        covered: (S, H, W) bool, likewise: whether the label file says anything about the voxel's slice.
        notes: What was odd about the place that the file names.
    """

    volume: Volume
    covered: npt.NDArray[np.bool_]
    notes: tuple[str, ...] = ()


def place_labels(labels: Volume, t2w: Grid, case_id: str, *, lenient: bool = False, frames: bool = False) -> Placed:
    """Bring a label volume that lies on the T2W grid into the T2W's order of axes.

    Flipped or permuted axes are undone by moving voxels, never by resampling. The result has the T2W's own grid, so
    rounding in the label file does not travel further. A volume of fewer slices, each of which is one of the T2W's,
    is put where it belongs; the slices that it lacks are not covered.

    Args:
        labels: As read.
        t2w: The grid of the case's T2W.
        case_id: For messages.
        lenient: Take labels of the T2W's shape and spacing voxel for voxel where their header puts them elsewhere, by
            no more than LENIENT_GRID_MM, and say so.
        frames: The labels are a DICOM SEG's, whose frames lie where the headers of the T2W's slices say: where there
            are fewer, each goes to the nearest slice, as far off its plane as slices may be, and one to each.

    Raises:
        GeometryError: The labels do not lie on the T2W grid.
    """
    found = to_canonical(labels)
    wanted = to_canonical(Volume(np.broadcast_to(np.uint8(0), t2w.shape), t2w)).grid
    notes: tuple[str, ...] = ()
    if found.grid.shape == wanted.shape:
        slices = np.arange(wanted.shape[0])
        notes = _check_place(found.grid, wanted, case_id, lenient=lenient)
    else:
        slices = _slices_among(found.grid, wanted, case_id, frames=frames)
    values = np.zeros(wanted.shape, dtype=found.values.dtype)
    values[slices] = found.values
    covered = np.zeros(wanted.shape, dtype=np.bool_)
    covered[slices] = True
    return Placed(Volume(from_canonical(values, t2w), t2w), from_canonical(covered, t2w), notes)


def tolerance_mm(labels: Grid) -> float:
    """How far a corner of a label file may lie from the T2W's.

    Beside LABEL_GRID_TOLERANCE_MM what the file's own axes miss of right angles: it may follow the T2W's headers with
    their rounding, which the T2W's grid is freed of.
    """
    return LABEL_GRID_TOLERANCE_MM + min(skew_mm(labels), MOST_SKEW_MM)


def _check_place(found: Grid, wanted: Grid, case_id: str, *, lenient: bool) -> tuple[str, ...]:
    """Notes on labels of the T2W's shape; none where their corners lie on the T2W's."""
    apart_mm = found.apart_mm(wanted)
    limit_mm = tolerance_mm(found)
    if apart_mm <= limit_mm:
        return ()
    same_spacing = np.allclose(found.spacing_mm, wanted.spacing_mm, rtol=_SAME_SPACING)
    if lenient and same_spacing and apart_mm <= LENIENT_GRID_MM:
        turned = float(np.abs(found.direction - wanted.direction).max())
        return (
            f"the label file's header is off the image's: a corner by {apart_mm:.2f} mm, direction cosines by up to "
            f"{turned:.3f}; its voxels were taken one for one, as its data set is known to need",
        )
    raise GeometryError(
        f"case {case_id}: the labels do not lie on the T2W grid: a corner is {apart_mm:.2f} mm off, more than "
        f"the {limit_mm:.2g} mm that rounding explains; give labels that were drawn on this T2W series"
    )


def _slices_among(found: Grid, wanted: Grid, case_id: str, *, frames: bool) -> npt.NDArray[np.intp]:
    """Which slices of the T2W the label's slices are, where they have the same pixels."""
    elsewhere = f"case {case_id}: the labels do not lie on the T2W grid"
    n, rows, columns = found.shape
    if (rows, columns) != wanted.shape[1:] or n > wanted.shape[0]:
        raise GeometryError(
            f"{elsewhere}: {_size(found)} voxels (slices × rows × columns) against {_size(wanted)}; "
            "give labels that were drawn on this T2W series"
        )
    corners = [(0, 0), (0, columns - 1), (rows - 1, 0)]
    placed = np.array([[(s, *corner) for corner in corners] for s in range(n)], dtype=np.float64)  # (n, 3, 3)
    index = wanted.to_index(found.to_mm(placed))  # of the T2W
    slices = np.rint(index[:, 0, 0]).astype(np.intp)
    exact = placed.copy()
    exact[..., 0] = slices[:, None]
    off_mm = np.abs((index - exact) * wanted.spacing_mm)  # (n, 3, 3): along S, H, W
    aside_mm = float(np.linalg.norm(off_mm[..., 1:], axis=-1).max())
    above_mm = float(off_mm[..., 0].max())
    most_aside_mm = MOST_SKEW_MM if frames else tolerance_mm(found)
    # The reader lets gaps differ by a tenth, which adds up where those of one end are wider than those of the other:
    # frames may lie as far off as `check_grid` lets the slices that they were drawn on.
    most_above_mm = wanted.spacing_mm[0] / 2 if frames else tolerance_mm(found)
    if aside_mm > most_aside_mm or above_mm > most_above_mm:
        raise GeometryError(
            f"{elsewhere}: of its {wanted.shape[0]} slices the labels have {n}, which lie up to {above_mm:.2f} mm off "
            f"the nearest one's plane and {aside_mm:.2f} mm aside of its pixels, more than the {most_above_mm:.2g} mm "
            f"and {most_aside_mm:.2g} mm that rounding explains; give labels that were drawn on this T2W series"
        )
    apart_mm, wanted_mm = found.spacing_mm[0], wanted.spacing_mm[0]
    other_spacing = n > 1 and abs(apart_mm - wanted_mm) > _OTHER_SPACING * wanted_mm
    if other_spacing or (np.diff(slices) != 1).any():
        raise GeometryError(
            f"{elsewhere}: of its {wanted.shape[0]} slices the labels have {n}, which lie {apart_mm:.2f} mm apart, and "
            f"the T2W's slices {wanted_mm:.2f} mm; give labels that were drawn on this T2W series"
        )
    beyond = (slices < 0) | (slices >= wanted.shape[0])
    if beyond.any():
        raise GeometryError(
            f"{elsewhere}: of {n} slices {int(beyond.sum())} lie beyond the T2W's {wanted.shape[0]}; "
            "give labels that were drawn on this T2W series"
        )
    return slices


def map_labels(values: npt.NDArray[np.generic], table: Mapping[int, LabelCode], case_id: str) -> npt.NDArray[np.uint8]:
    """Replace the values of a label file by label codes.

    Args:
        values: Any shape; integers, or floating point numbers that are whole.
        table: From the file's value to the label code, as declared.
        case_id: For messages.

    Returns:
        The same shape, uint8 label codes.

    Raises:
        LabelError: A value was not declared.
    """
    codes = np.empty(values.shape, dtype=np.uint8)
    unknown: list[str] = []
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        if np.isfinite(value) and int(value) == value and int(value) in table:
            codes[values == value] = table[int(value)]
        else:
            unknown.append(f"{value:g} ({count} voxels)")
    if unknown:
        declared = ", ".join(f"{value} {code.name}" for value, code in sorted(table.items()))
        raise LabelError(
            f"case {case_id}: the labels hold values that were not declared: {', '.join(unknown[:8])}"
            f"{', …' if len(unknown) > 8 else ''}; declared are {declared}"
        )
    return codes


def combine(layers: Iterable[npt.NDArray[np.uint8]]) -> tuple[npt.NDArray[np.uint8], int]:
    """Bring the layers of an annotation together: each voxel is what all layers that draw it allow.

    A voxel in the gland's mask and in the PZ's is PZ, since that is in both sets of zones; what no layer draws is
    background. A voxel that is drawn as zones with nothing in common cannot be known.

    Args:
        layers: Label codes (S, H, W), one shape; BACKGROUND where a layer draws nothing.

    Returns:
        Label codes, NOT_ANNOTATED where layers contradict each other or one of them says so; and how many voxels
        contradict.
    """
    bits = np.zeros(256, dtype=np.uint8)
    code_of_bits = np.full(256, LabelCode.NOT_ANNOTATED, dtype=np.uint8)
    for code, zones in ZONES_OF_CODE.items():
        bits[code] = sum(1 << zone for zone in zones)
        code_of_bits[bits[code]] = code
    bits[LabelCode.BACKGROUND] = bits[LabelCode.NOT_ANNOTATED] = 0xFF  # neither narrows anything down
    stacked = list(layers)
    allowed = np.bitwise_and.reduce([bits[layer] for layer in stacked])
    drawn = np.logical_or.reduce([layer != LabelCode.BACKGROUND for layer in stacked])
    unknown = np.logical_or.reduce([layer == LabelCode.NOT_ANNOTATED for layer in stacked])
    codes = np.where(drawn, code_of_bits[allowed], np.uint8(LabelCode.BACKGROUND))
    contradicting = drawn & ~unknown & (codes == LabelCode.NOT_ANNOTATED)
    return np.where(unknown, np.uint8(LabelCode.NOT_ANNOTATED), codes), int(np.count_nonzero(contradicting))


def gland_volume_ml(reference: Volume, codes: tuple[LabelCode, ...]) -> float | None:
    """Volume of the whole gland by counting voxels.

    Args:
        reference: Label codes (S, H, W).
        codes: Those that the annotator could have drawn.

    Returns:
        0 where nothing of it is drawn; None where these codes leave out a zone of the gland, or where something
        was not annotated.
    """
    if (reference.values == LabelCode.NOT_ANNOTATED).any():
        return None
    return drawn_volume_ml(reference, "GLAND", codes)


def drawn_volume_ml(labels: Volume, structure: str, codes: tuple[LabelCode, ...]) -> float | None:
    """Volume of a structure as an annotator drew it, by counting voxels of every code that draws a part of it.

    Args:
        labels: Label codes (S, H, W) uint8; a voxel that nobody annotated counts as not of the structure.
        structure: A key of STRUCTURES.
        codes: Those that the annotator could have drawn; unlike a model's they may overlap.

    Returns:
        0 where nothing of it is drawn; None where these codes leave out a zone of it, or where one is drawn that stands
        for zones of it and for others.
    """
    counts = np.bincount(labels.values.ravel(), minlength=256)
    left_out = drawn_within(STRUCTURES[structure], codes) != STRUCTURES[structure]
    if left_out or any(counts[code] for code in straddling_codes(structure, codes)):
        return None
    return sum(int(counts[code]) for code in codes_within(structure, codes)) * labels.grid.voxel_volume_ml


def _size(grid: Grid) -> str:
    return " × ".join(str(n) for n in grid.shape)
