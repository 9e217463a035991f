"""From the frames of a series to stacks of slices in order along the normal, and what is wrong with them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zonate.geometry import MOST_SKEW_MM, Grid, at_right_angles
from zonate.io.frame import Frame

_POSITION_TOLERANCE_MM = 0.05
"""Frames whose offsets along the normal differ by less lie at the same place."""
_SPACING_TOLERANCE = 0.1
"""Part of the slice spacing by which neighbouring distances may differ."""
_DIRECTION_TOLERANCE = 1e-3
_PIXEL_TOLERANCE_MM = 1e-3
_SHIFT_TOLERANCE_MM = 0.5


@dataclass(frozen=True)
class Fault:
    """What is wrong with files of a series; as a string it names them by their paths.

    Attributes:
        text: What it is, with `{}` after the word `file` for each of the frames.
        frames: Those whose files are named.
    """

    text: str
    frames: tuple[Frame, ...]

    def __str__(self) -> str:
        return self.text.format(*(frame.name for frame in self.frames))

    @property
    def by_number(self) -> str:
        """The same with the files named by their instance numbers, see `Frame.number`."""
        return self.text.format(*(frame.number for frame in self.frames))


@dataclass(frozen=True)
class Stack:
    """Slices of one volume, ordered by position along the normal.

    Attributes:
        frames: One per slice.
        grid: Where they lie, its axes at right angles: from the first slice's own position along the normal.
    """

    frames: tuple[Frame, ...]
    grid: Grid


def stack(frames: Items[Frame]) -> Stack:
    """Order the frames of one volume along their normal and give them their grid.

    Headers round: their cosines and positions miss right angles by hundredths of a millimetre, as a grid that NIfTI can
    hold must not. Each slice stays within that of the position in its header.

    Args:
        frames: Of one volume, without faults (`faults` says so).
    """
    ordered = sorted(frames, key=lambda frame: _offset(frame, frames[0].normal))
    first, last = np.array(ordered[0].position_mm), np.array(ordered[-1].position_mm)
    across, down = np.array(ordered[0].orientation).reshape(2, 3)
    spacing = ordered[0].spacing_mm or (1.0, 1.0)
    affine = np.eye(4)
    if len(ordered) > 1:
        affine[:3, 0] = (last - first) / (len(ordered) - 1)
    else:
        affine[:3, 0] = frames[0].normal * (frames[0].thickness_mm or 1.0)
    affine[:3, 1] = down / np.linalg.norm(down) * spacing[0]
    affine[:3, 2] = across / np.linalg.norm(across) * spacing[1]
    affine[:3, 3] = first
    shape = (len(ordered), *ordered[0].shape)
    return Stack(tuple(ordered), at_right_angles(Grid(shape, affine, ordered[0].frame_of_reference)))


def by_b_value(frames: Items[Frame]) -> dict[float | None, tuple[Frame, ...]]:
    """The frames of each b-value, ascending; single directions give way to a trace."""
    groups: dict[float | None, list[Frame]] = defaultdict(list)
    for frame in frames:
        groups[frame.b_value_s_mm2].append(frame)
    result: dict[float | None, tuple[Frame, ...]] = {}
    for b in sorted(groups, key=lambda value: -1.0 if value is None else value):
        traces = [frame for frame in groups[b] if frame.direction != "directional"]
        result[b] = tuple(traces or groups[b])
    return result


def slice_positions(frames: Items[Frame]) -> int:
    """How many places along the normals (and, of localizers, planes) the frames lie at."""
    return len(set(_places(frames)))


def extent_mm(frames: Items[Frame]) -> float:
    """How far the slices reach along their normal, from the lower face of the first to the upper of the last."""
    placed = [frame for frame in frames if frame.placed]
    if not placed:
        return 0.0
    offsets = np.unique(np.round([_offset(frame, placed[0].normal) for frame in placed], 1))
    step = float(np.median(np.diff(offsets))) if len(offsets) > 1 else (placed[0].thickness_mm or 0.0)
    return float(offsets[-1] - offsets[0]) + step


def faults(frames: Items[Frame], *, diffusion: bool) -> Iterator[Fault]:
    """What is wrong with the frames that one role would use; nothing where all is well.

    Args:
        frames: Of one series.
        diffusion: Whether its b-values make volumes of their own.
    """
    for frame in frames:
        if frame.broken:
            yield Fault(f"file {{}}: {frame.broken}", (frame,))
        if not frame.placed:
            yield Fault("file {} does not say where in the patient it lies", (frame,))
    yield from _contradictions(frames)
    yield from _doubled_instances(frames)
    groups = by_b_value(frames) if diffusion else {None: tuple(frames)}
    placed = {b: [f for f in group if f.placed] for b, group in groups.items()}
    if not all(_near_median([frame.orientation for frame in frames], _DIRECTION_TOLERANCE)):
        return  # slices of several orientations have no one order
    for b, group in placed.items():
        at = "" if b is None else f" of b-value {b:g}"
        yield from _slice_faults(group, at)
    yield from _uneven_coverage(placed)
    yield from late_start([frame for group in placed.values() for frame in group])


def late_start(frames: Items[Frame]) -> Iterator[Fault]:
    """A first slice that was taken away leaves no gap, but instance numbers that start at 2 and run on by one."""
    numbers = sorted(frame.instance_number or 0 for frame in frames)
    if len(numbers) >= 3 and numbers[0] in (2, 3) and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        first = min(frames, key=lambda frame: frame.instance_number or 0)
        found = f"file {{}} is the first of the series and has instance number {numbers[0]}: a slice is missing"
        yield Fault(found, (first,))


def planes_lacking(frames: Items[Frame], others: Items[Frame]) -> int:
    """How many planes of the others the frames lack, if every plane of theirs is one of the others'; else 0."""
    places = _places([*frames, *others])
    own, theirs = set(places[: len(frames)]), set(places[len(frames) :])
    return len(theirs - own) if own < theirs else 0


def end_corners_mm(frames: Items[Frame]) -> npt.NDArray[np.float64]:
    """(2, 3, 3): three corners (LPS) of the first and the last slice of placed frames."""
    ordered = sorted(frames, key=lambda frame: _offset(frame, frames[0].normal))
    corners = []
    for frame in (ordered[0], ordered[-1]):
        origin, orientation = np.array(frame.position_mm), np.array(frame.orientation)
        spacing = frame.spacing_mm or (1.0, 1.0)
        across = orientation[:3] * spacing[1] * (frame.shape[1] - 1)
        down = orientation[3:] * spacing[0] * (frame.shape[0] - 1)
        corners.append([origin, origin + across, origin + down])
    return np.array(corners)


def _contradictions(frames: Items[Frame]) -> Iterator[Fault]:
    """Frames that differ from most of their series in something that a volume has once."""
    aspects: dict[str, list[Hashable]] = {
        "image size": [frame.shape for frame in frames],
        "frame of reference": [frame.frame_of_reference for frame in frames],
        "patient": [frame.patient for frame in frames],
        "orientation": _near_median([frame.orientation for frame in frames], _DIRECTION_TOLERANCE),
        "pixel spacing": _near_median([frame.spacing_mm for frame in frames], _PIXEL_TOLERANCE_MM),
    }
    for aspect, values in aspects.items():
        usual = Counter(values).most_common(1)[0][0]
        odd = [frame for frame, value in zip(frames, values, strict=True) if value != usual]
        if odd:
            count = f"{len(odd)} of {len(frames)} differ"
            yield Fault(f"file {{}} has another {aspect} than most of the series ({count})", (odd[0],))


def _near_median(values: Items[tuple[float, ...] | None], tolerance: float) -> list[Hashable]:
    """For each vector whether it agrees with the component-wise median; one that is absent agrees with none."""
    present = [value for value in values if value is not None]
    median = np.median(present, axis=0) if present else np.zeros(1)
    return [value is not None and bool(np.abs(np.array(value) - median).max() <= tolerance) for value in values]


def _doubled_instances(frames: Items[Frame]) -> Iterator[Fault]:
    seen: dict[tuple[str, int], Frame] = {}
    for frame in frames:
        other = seen.setdefault((frame.sop_uid, frame.index), frame)
        if other is not frame:
            yield Fault("files {} and {} are the same instance", (other, frame))


def _slice_faults(frames: Items[Frame], at: str) -> Iterator[Fault]:
    """Doubled, missing and shifted slices of one volume."""
    if len(frames) < 2:
        return
    normal = frames[0].normal
    ordered = sorted(frames, key=lambda frame: _offset(frame, normal))
    offsets = np.array([_offset(frame, normal) for frame in ordered])
    steps = np.diff(offsets)
    for i in np.flatnonzero(steps < _POSITION_TOLERANCE_MM)[:1]:
        yield Fault(f"files {{}} and {{}} lie at the same position{at}", (ordered[i], ordered[i + 1]))
        return
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])  # of two, the smaller: the larger has the gap
    for i in np.flatnonzero(np.abs(steps - usual) > max(_SPACING_TOLERANCE * usual, 2 * _POSITION_TOLERANCE_MM)):
        n = round(float(steps[i]) / usual) - 1
        what = f"{n} slice{'s are' if n > 1 else ' is'} missing" if n > 0 else "the slices are unevenly spaced"
        apart = f"{steps[i]:.2f} mm apart where the others are {usual:.2f} mm"
        yield Fault(f"{what}{at} between files {{}} and {{}}: {apart}", (ordered[i], ordered[i + 1]))
    aside = np.array([frame.position_mm for frame in ordered]) - offsets[:, None] * normal  # (S, 3), within the plane
    step_mm = float(np.linalg.norm(np.median(np.diff(aside, axis=0), axis=0)))
    if step_mm * len(steps) > MOST_SKEW_MM:
        yield Fault(
            f"the slices{at} are sheared: each lies {step_mm:.3g} mm aside of the normal through the one before, which "
            f"makes {step_mm * len(steps):.1f} mm from file {{}} to file {{}}, and the files of results cannot hold "
            "that: resample the series onto slices above one another, or export it with more digits where its "
            "orientation is rounded",
            (ordered[0], ordered[-1]),
        )
        return
    shifted = np.linalg.norm(aside - np.median(aside, axis=0), axis=1)
    if shifted.max() > _SHIFT_TOLERANCE_MM:
        farthest = ordered[int(shifted.argmax())]
        yield Fault(f"file {{}} is shifted in plane by {shifted.max():.1f} mm against its series", (farthest,))


def _uneven_coverage(groups: dict[float | None, list[Frame]]) -> Iterator[Fault]:
    """b-values that lack slices which others of the series have."""
    frames = [frame for group in groups.values() for frame in group]
    places = dict(zip((id(frame) for frame in frames), _places(frames), strict=True))
    every = {places[id(frame)]: frame for frame in frames}
    for b, group in groups.items():
        missing = set(every) - {places[id(frame)] for frame in group}
        if group and missing and b is not None:
            beside = every[min(missing)]
            found = f"b-value {b:g} lacks a slice ({len(group)} of {len(every)}): the one at the place of file {{}}"
            yield Fault(found, (beside,))


def _offset(frame: Frame, normal: npt.NDArray[np.float64]) -> float:
    return float(np.dot(np.array(frame.position_mm), normal))


def _places(frames: Items[Frame]) -> list[tuple[float, ...]]:
    """For each frame the place of its plane: equal for frames whose planes coincide, empty for one without a place."""
    normals: list[npt.NDArray[np.float64]] = []
    axis_of: list[int] = []  # which of the distinct normals a frame has; -1 for none
    for frame in frames:
        near = [i for i, normal in enumerate(normals) if np.abs(normal - frame.normal).max() < _DIRECTION_TOLERANCE]
        if frame.placed and not near:
            normals.append(frame.normal)
            near = [len(normals) - 1]
        axis_of.append(near[0] if frame.placed else -1)
    places: list[tuple[float, ...]] = [()] * len(frames)
    for axis, normal in enumerate(normals):
        members = [i for i, a in enumerate(axis_of) if a == axis]
        offsets = {i: _offset(frames[i], normal) for i in members}
        last = -np.inf
        for i in sorted(members, key=offsets.__getitem__):
            if offsets[i] - last > _POSITION_TOLERANCE_MM:
                last = offsets[i]
            places[i] = (axis, last)
    return places
