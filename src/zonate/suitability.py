"""Which cases a network of axial slices can segment at all: the others are refused before they give a picture."""

import numpy as np

from zonate.case import Case
from zonate.counted import counted
from zonate.errors import StudyError
from zonate.geometry import Grid, to_canonical
from zonate.study import LEAST_SLICES

MOST_SLICES = 256
"""More are no examination of a prostate, whose thinnest slices are half a millimetre, and would not fit in memory."""
_ANISOTROPY = 1.5
"""A voxel this much longer along one axis than along both others was acquired in slices along that axis."""
_PLANES = ("axial", "coronal", "sagittal")  # by the canonical axis that slices are stacked along: S, H, W


def refuse_unsuitable(case: Case, *, least_slices: int = LEAST_SLICES) -> None:
    """Refuse a case whose T2W is no axial volume, or shows nothing.

    Args:
        case: As it was read.
        least_slices: Fewer are refused; labelled slices can be learnt from however few they are.

    Raises:
        StudyError: It has fewer slices or more than 256, its slices are coronal or sagittal, or no two voxels differ.
    """
    grid = to_canonical(case.t2w).grid
    plane = acquisition_plane(grid)
    if plane not in ("axial", "isotropic"):
        spacing = " × ".join(f"{mm:.2f}" for mm in grid.spacing_mm)
        raise StudyError(
            f"case {case.case_id}: the slices of the T2W are {plane} (voxels of {spacing} mm from feet to head, front "
            "to back and side to side): give an axial T2W series (where a study is given, by --t2w NUMBER)"
        )
    if grid.shape[0] < least_slices:
        raise StudyError(
            f"case {case.case_id}: the T2W has {counted(grid.shape[0], 'slice')}, and fewer than {least_slices} are no "
            "volume: give the whole axial series"
        )
    if grid.shape[0] > MOST_SLICES:
        raise StudyError(
            f"case {case.case_id}: the T2W has {grid.shape[0]} slices, and no examination of a prostate has more than "
            f"{MOST_SLICES}: give the axial T2W series alone (where a study is given, by --t2w NUMBER)"
        )
    measured = case.t2w.values[np.isfinite(case.t2w.values)]
    if measured.size == 0 or float(measured.min()) == float(measured.max()):
        raise StudyError(f"case {case.case_id}: every voxel of the T2W has the same value: it shows nothing")


def acquisition_plane(canonical: Grid) -> str:
    """The plane of the slices by the longest side of a voxel: `axial`, `coronal`, `sagittal`, or `isotropic`.

    Args:
        canonical: S to superior, H to posterior, W to left.

    Returns:
        `isotropic` also where two sides are about as long as each other and longer than the third.
    """
    *_, second_mm, longest_mm = sorted(canonical.spacing_mm)
    if longest_mm < _ANISOTROPY * second_mm:
        return "isotropic"
    return _PLANES[int(np.argmax(canonical.spacing_mm))]
