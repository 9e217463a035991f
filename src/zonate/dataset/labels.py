"""From what lies in a label file to label codes on the T2W grid, without ever interpolating a label."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zonate.errors import GeometryError, LabelError
from zonate.geometry import Grid, Volume, from_canonical, to_canonical
from zonate.zones import GLAND, ZONES_OF_CODE, LabelCode, Zone

LABEL_GRID_TOLERANCE_MM = 0.05
"""How far rounding may move a corner of a label file: NIfTI keeps its affine in 32 bits and NRRD in decimal digits,
which shifts the far corner of a 384×384 volume by up to some hundredths of a millimetre, a tenth of a pixel."""


def place_labels(labels: Volume, t2w: Grid, case_id: str) -> Volume:
    """Bring a label volume that lies on the T2W grid into the T2W's order of axes.

    Flipped or permuted axes are undone by moving voxels, never by resampling. The result has the T2W's own grid, so
    rounding in the label file does not travel further.

    Args:
        labels: As read.
        t2w: The grid of the case's T2W.
        case_id: For messages.

    Raises:
        GeometryError: The labels do not lie on the T2W grid.
    """
    found = to_canonical(labels)
    wanted = to_canonical(Volume(np.broadcast_to(np.uint8(0), t2w.shape), t2w)).grid
    if found.grid.shape != wanted.shape:
        raise GeometryError(
            f"case {case_id}: the labels do not lie on the T2W grid: {_size(found.grid)} voxels (slices × rows × "
            f"columns) against {_size(wanted)}; give labels that were drawn on this T2W series"
        )
    apart_mm = float(np.linalg.norm(found.grid.corners_mm() - wanted.corners_mm(), axis=1).max())
    if apart_mm > LABEL_GRID_TOLERANCE_MM:
        raise GeometryError(
            f"case {case_id}: the labels do not lie on the T2W grid: a corner is {apart_mm:.2f} mm off, more than "
            f"the {LABEL_GRID_TOLERANCE_MM} mm that rounding explains; give labels that were drawn on this T2W series"
        )
    return Volume(from_canonical(found.values, t2w), t2w)


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


def gland_volume_ml(reference: Volume, codes: tuple[LabelCode, ...]) -> float | None:
    """Volume of the whole gland by counting voxels.

    Args:
        reference: Label codes (S, H, W).
        codes: Those that the annotator could have drawn.

    Returns:
        0 where nothing of it is drawn; None where these codes leave out a zone of the gland, or where something
        was not annotated.
    """
    members = [code for code in codes if ZONES_OF_CODE[code] <= GLAND]
    covered = frozenset[Zone]().union(*(ZONES_OF_CODE[code] for code in members))
    if covered != GLAND or (reference.values == LabelCode.NOT_ANNOTATED).any():
        return None
    return int(np.isin(reference.values, members).sum()) * reference.grid.voxel_volume_ml


def _size(grid: Grid) -> str:
    return " × ".join(str(n) for n in grid.shape)
