"""A known movement of a real diffusion series is undone, and the quality score sees a movement that is not.

    python -m benchmarks.alignment.real STUDY [STUDY ...]

There is no truth in a real study. What can be tested is that the result does not depend on where the series lay: it is
moved by 5 mm or 5°, aligned again, and the two results are compared point by point about the middle of the T2W.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.alignment.truth import Points, moved
from zonate.alignment import Alignment, align_to_t2w
from zonate.alignment.candidates import HEADER
from zonate.alignment.field import displacement_transform
from zonate.alignment.quality import Judge, estimated_error_mm
from zonate.geometry import Grid, Volume
from zonate.load import open_study, read_acquisition
from zonate.settings.data import AlignmentSettings
from zonate.study import Acquisition

SETTINGS = AlignmentSettings()
MOVED_AWAY_MM = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)


def movements(centre_mm: Points) -> Iterator[tuple[str, sitk.Euler3DTransform]]:
    """5 mm along, and 5° about, each axis of the patient, through the middle of the T2W."""
    for axis, name in enumerate("xyz"):
        vector = [5.0 * (axis == n) for n in range(3)]
        shift, turn = sitk.Euler3DTransform(), sitk.Euler3DTransform()
        shift.SetTranslation(vector)
        turn.SetCenter(centre_mm.tolist())
        turn.SetRotation(*np.radians(vector).tolist())
        yield f"5 mm along {name}", shift
        yield f"5° about {name}", turn


def displaced(acquisition: Acquisition, movement: sitk.Transform) -> Acquisition:
    """The study with its diffusion series elsewhere: only the geometry changes, not a voxel."""

    def elsewhere(volume: Volume | None) -> Volume | None:
        if volume is None:
            return None
        corners = np.concatenate([np.zeros((1, 3)), np.eye(3)])
        there = moved(movement, volume.grid.to_mm(corners))
        affine = np.eye(4)
        affine[:3, 3] = there[0]
        affine[:3, :3] = (there[1:] - there[0]).T
        return Volume(volume.values, Grid(volume.grid.shape, affine, volume.grid.frame_of_reference))

    return replace(
        acquisition,
        dwi=elsewhere(acquisition.dwi),
        adc=elsewhere(acquisition.adc),
        lowest_b=elsewhere(acquisition.lowest_b),
    )


def gland_points(grid: Grid) -> Points:
    """Points of a 40 mm cube about the middle of a T2W, where the gland is, 10 mm apart."""
    along = np.arange(-20.0, 21.0, 10.0)
    offsets = np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)
    points: Points = grid.centre_mm + offsets
    return points


def transform_of(alignment: Alignment, grid: Grid) -> sitk.Transform:
    """From T2W points to diffusion points."""
    field = alignment.displacement_mm
    return HEADER if field is None else displacement_transform(field, grid)


def difference_mm(before: sitk.Transform, after: sitk.Transform, movement: sitk.Transform, points: Points) -> float:
    """How far the two results differ on average, once the movement is taken into account."""
    expected = moved(movement, moved(before, points))
    return float(np.linalg.norm(moved(after, points) - expected, axis=1).mean())


def estimates_as_moved_away(acquisition: Acquisition, transform: sitk.Transform, axis: int) -> list[float]:
    """The estimated error as the diffusion series is moved away along an axis, by `MOVED_AWAY_MM`."""
    moving = acquisition.lowest_b or acquisition.dwi
    if moving is None:
        raise ValueError(f"case {acquisition.case_id}: there is no DWI to move")
    judge = Judge(acquisition.t2w, SETTINGS.region_mm)
    away = [sitk.TranslationTransform(3, [mm * (axis == n) for n in range(3)]) for mm in MOVED_AWAY_MM]
    return [
        estimated_error_mm(judge.evidence(moving, sitk.CompositeTransform([transform, further]))) for further in away
    ]


def main() -> None:
    for study in map(Path, sys.argv[1:]):
        with open_study(study) as opened:
            acquisition = read_acquisition(opened)
        grid = acquisition.t2w.grid
        points = gland_points(grid)
        unmoved = align_to_t2w(acquisition, SETTINGS)
        before = transform_of(unmoved, grid)
        figures = unmoved.record.figures
        print(f"{acquisition.case_id}: {unmoved.record.chosen}, {figures.get('estimated_error_mm', np.nan):.2f} mm")
        for name, movement in movements(grid.centre_mm):
            again = align_to_t2w(displaced(acquisition, movement), SETTINGS)
            difference = difference_mm(before, transform_of(again, grid), movement, points)
            print(f"  {name:14} {again.record.chosen:8} differs by {difference:.2f} mm, {again.record.seconds:.1f} s")
        for axis, name in enumerate("xyz"):
            text = ", ".join(f"{value:.1f}" for value in estimates_as_moved_away(acquisition, before, axis))
            print(f"  moved along {name} by {', '.join(f'{mm:g}' for mm in MOVED_AWAY_MM)} mm: estimated {text} mm")


if __name__ == "__main__":
    main()
