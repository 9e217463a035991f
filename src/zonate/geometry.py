"""Volumes and their grids: what a library's volume type does not give.

One axis order throughout: S slice, H row, W column. A `Grid`'s affine takes an index in *that*
order to millimetres in the patient's LPS frame (x to the left, y to posterior, z to superior), which
is the frame of DICOM and ITK. ITK's images are made from a `Volume` at the border to ITK only, so
that the core needs no ITK and a volume can be hashed, pickled and typed.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from zonate.errors import GeometryError

Affine = npt.NDArray[np.float64]
Shape3 = tuple[int, int, int]

SAME_GRID_TOLERANCE_MM = 1e-3
"""Two grids are one where no corner lies further apart than this."""
MOST_SKEW_MM = 0.5
"""Axes that miss their right angles by more than this at a corner are sheared, which is no matter of rounding."""
_AS_GOOD_AS_SQUARE_MM = 1e-6
_BETWEEN_PX = 1e-3
"""A sample that lies nearer to the border of two pixels than this part of one lies between them."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the voxels of a volume lie.

    Attributes:
        shape: Voxels along S, H, W.
        affine: (4, 4) float64, index (s, h, w, 1) to LPS millimetres.
        frame_of_reference: The frame's UID; None where the file format has none (NIfTI, MHA, NRRD).
    """

    shape: Shape3
    affine: Affine
    frame_of_reference: str | None = None

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(f"a grid needs three axes of at least one voxel, found the shape {self.shape}")
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
            raise GeometryError(f"a grid needs an invertible 4×4 affine, found {affine.tolist()}")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1]), int(self.shape[2])))

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxels along S, H, W in mm."""
        norms = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(norms[0]), float(norms[1]), float(norms[2])

    @property
    def direction(self) -> Affine:
        """(3, 3): the columns are the unit vectors of S, H, W in LPS."""
        columns: Affine = self.affine[:3, :3] / np.array(self.spacing_mm)
        return columns

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in ml."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def centre_mm(self) -> Affine:
        """(3,): the middle of the grid in LPS millimetres."""
        return self.to_mm((np.array(self.shape) - 1) / 2)

    def to_mm(self, index: npt.ArrayLike) -> Affine:
        """Indices (..., 3) in the order s, h, w to LPS millimetres (..., 3)."""
        points: Affine = np.asarray(index, dtype=np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return points

    def to_index(self, point_mm: npt.ArrayLike) -> Affine:
        """LPS millimetres (..., 3) to continuous indices (..., 3) in the order s, h, w."""
        inverse = np.linalg.inv(self.affine)
        points: Affine = np.asarray(point_mm, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3]
        return points

    def corners_mm(self) -> Affine:
        """(8, 3): the centres of the corner voxels in LPS millimetres."""
        ends = [(0, n - 1) for n in self.shape]
        return self.to_mm([(s, h, w) for s in ends[0] for h in ends[1] for w in ends[2]])

    def same_as(self, other: Self, tolerance_mm: float = SAME_GRID_TOLERANCE_MM) -> bool:
        """Whether the two have the same shape and no corner further apart than the tolerance."""
        return self.shape == other.shape and self.apart_mm(other) <= tolerance_mm

    def apart_mm(self, other: Self) -> float:
        """The largest distance between a corner and the other's same corner in mm."""
        return float(np.linalg.norm(self.corners_mm() - other.corners_mm(), axis=1).max())

    def same_frame_as(self, other: Self) -> bool:
        """Whether positions can be compared: the same frame of reference, or one of them unknown."""
        if self.frame_of_reference is None or other.frame_of_reference is None:
            return True
        return self.frame_of_reference == other.frame_of_reference


@dataclass(frozen=True, eq=False)
class Volume:
    """Values on a grid.

    Attributes:
        values: (S, H, W). Images are float32 with NaN where nothing was measured; labels are uint8 codes.
        grid: Where the voxels lie.
    """

    values: npt.NDArray[Any]
    grid: Grid

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise GeometryError(f"values of shape {self.values.shape} do not fit a grid of shape {self.grid.shape}")

    def with_values(self, values: npt.NDArray[Any]) -> "Volume":
        """Other values on the same grid."""
        return replace(self, values=values)


def at_right_angles(grid: Grid) -> Grid:
    """The grid with its axes at right angles, which rounded headers miss: the only kind that a NIfTI holds.

    The first voxel, the planes of the slices and the distance between them stay. Rows and columns are turned by half
    each of what they lack; slices follow each other along the normal. A grid at right angles is given back as it is.
    """
    slices, down, across = grid.affine[:3, :3].T
    _, down_mm, across_mm = grid.spacing_mm
    between, beside = down / down_mm + across / across_mm, down / down_mm - across / across_mm
    between, beside = between / np.linalg.norm(between), beside / np.linalg.norm(beside)
    down, across = (between + beside) / np.sqrt(2), (between - beside) / np.sqrt(2)
    normal = np.cross(across, down)
    affine = grid.affine.copy()
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = normal * (normal @ slices), down * down_mm, across * across_mm
    squared = replace(grid, affine=affine)
    return grid if squared.apart_mm(grid) < _AS_GOOD_AS_SQUARE_MM else squared


def skew_mm(grid: Grid) -> float:
    """How far a corner moves when the axes are brought to right angles, in mm."""
    return at_right_angles(grid).apart_mm(grid)


def to_canonical(volume: Volume) -> Volume:
    """Reorder and flip the axes, without resampling, so that S runs to superior, H to posterior, W to left.

    Each axis goes to the anatomical direction that it lies nearest to, so an oblique axial acquisition
    stays as it is but for flips. Every voxel keeps its place in the patient.

    Raises:
        GeometryError: Two axes lie nearest to the same direction.
    """
    order, flipped = _canonical_axes(volume.grid)
    values = volume.values.transpose(order)
    linear = volume.grid.affine[:3, :3][:, order].copy()
    origin = volume.grid.affine[:3, 3].copy()
    for axis in range(3):
        if flipped[axis]:
            origin += linear[:, axis] * (values.shape[axis] - 1)
            linear[:, axis] *= -1
    values = np.flip(values, axis=tuple(axis for axis in range(3) if flipped[axis]))
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, origin
    shape = (values.shape[0], values.shape[1], values.shape[2])
    return Volume(np.ascontiguousarray(values), Grid(shape, affine, volume.grid.frame_of_reference))


def from_canonical(values: npt.NDArray[Any], original: Grid) -> npt.NDArray[Any]:
    """Undo `to_canonical` for values (..., S, H, W) on the canonical grid of `original`: its exact inverse."""
    order, flipped = _canonical_axes(original)
    lead = values.ndim - 3
    values = np.flip(values, axis=tuple(lead + axis for axis in range(3) if flipped[axis]))
    inverse = np.argsort(order)
    return np.ascontiguousarray(values.transpose([*range(lead), *(lead + int(axis) for axis in inverse)]))


def _canonical_axes(grid: Grid) -> tuple[list[int], list[bool]]:
    """For each canonical axis (S, H, W), which axis of the grid it comes from and whether it is flipped."""
    towards = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=np.float64)  # superior, posterior, left in LPS
    cosines = towards @ grid.direction  # (canonical axis, grid axis)
    order = [int(axis) for axis in np.abs(cosines).argmax(axis=1)]
    if sorted(order) != [0, 1, 2]:
        raise GeometryError(
            "two axes of the volume lie nearest to the same direction of the patient: "
            f"the direction cosines are {np.round(grid.direction, 3).tolist()}"
        )
    return order, [bool(cosines[axis, order[axis]] < 0) for axis in range(3)]


@dataclass(frozen=True)
class Crop:
    """The network's view of a canonical volume: square slices about its centre, slices as they are.

    In plane the slices are resampled to `spacing_mm`; along S nothing is changed. Where the source
    already has that spacing the crop is a copy of its pixels. What lies outside the source is NaN
    (images) or `outside` (labels).

    Attributes:
        source: The canonical grid that is cropped.
        size_px: Rows and columns of a slice.
        spacing_mm: In-plane spacing of a slice.
    """

    source: Grid
    size_px: int
    spacing_mm: float

    @property
    def grid(self) -> Grid:
        """The grid of the cropped volume (S, size_px, size_px)."""
        affine = self.source.affine.copy()
        affine[:3, 3] = self.source.to_mm((0, *self._first))
        affine[:3, 1] *= self._step[0]
        affine[:3, 2] *= self._step[1]
        return Grid((self.source.shape[0], self.size_px, self.size_px), affine, self.source.frame_of_reference)

    @property
    def _step(self) -> tuple[float, float]:
        """Source pixels per cropped pixel along H and W; exactly 1 where the spacings agree within 0.1 %."""
        steps = [self.spacing_mm / spacing for spacing in self.source.spacing_mm[1:]]
        steps = [1.0 if abs(step - 1) < 1e-3 else step for step in steps]
        return steps[0], steps[1]

    @property
    def _first(self) -> tuple[float, float]:
        """Source index of the first cropped pixel along H and W; whole where the step is 1."""
        first = []
        for size, step in zip(self.source.shape[1:], self._step, strict=True):
            start = (size - 1) / 2 - step * (self.size_px - 1) / 2
            first.append(float(np.ceil(start)) if step == 1.0 else start)
        return first[0], first[1]

    def image(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Cut an image (S, H, W): linear in plane, NaN outside the source's pixels and next to NaN."""
        return self._resample(values.astype(np.float32), self._first, self._step, self._square, 1, np.nan)

    def labels(self, values: npt.NDArray[np.uint8], outside: int) -> npt.NDArray[np.uint8]:
        """Cut label codes (S, H, W): nearest neighbour, `outside` where the source has no pixel.

        Where pixels are halved all samples may lie where four of them meet: the code of most is taken, so that labels
        lie where the image does.
        """
        return self._resample(values, self._first, self._step, self._square, 0, outside).astype(np.uint8)

    def restore(
        self,
        values: npt.NDArray[Any],
        outside: float,
        *,
        corner: tuple[int, int] = (0, 0),
        out: npt.NDArray[np.float32] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Put values back on the source grid (S, H, W): linear, `outside` elsewhere.

        Exactly the inverse of `image` where the spacings agree.

        Args:
            values: (S, h, w), the cropped pixels or a rectangle of them.
            outside: The value beyond them.
            corner: Row and column of the rectangle's first pixel.
            out: (S, H, W) where to put them; None: somewhere new.
        """
        first = tuple(-start / step for start, step in zip(self._first, self._step, strict=True))
        step = tuple(1 / step for step in self._step)
        shape = (self.source.shape[1], self.source.shape[2])
        return self._resample(values.astype(np.float32, copy=False), first, step, shape, 1, outside, corner, out)

    @property
    def _square(self) -> tuple[int, int]:
        return self.size_px, self.size_px

    @staticmethod
    def _resample(
        values: npt.NDArray[Any],
        first: tuple[float, ...],
        step: tuple[float, ...],
        shape: tuple[int, int],
        order: Literal[0, 1],
        outside: float,
        corner: tuple[int, int] = (0, 0),
        out: npt.NDArray[Any] | None = None,
    ) -> npt.NDArray[Any]:
        """Sample each slice at first + step · index - corner; half a source pixel beyond the edge repeats the edge."""
        places, lying = [], []
        for start, by, n, size, skipped in zip(first, step, shape, values.shape[1:], corner, strict=True):
            positions = start + by * np.arange(n) - skipped
            within = np.flatnonzero((positions >= -0.5) & (positions <= size - 0.5))
            places.append(np.clip(positions[within], 0, size - 1))
            lying.append(slice(within[0], within[-1] + 1) if len(within) else slice(0))
        if order == 0 or all(by == 1.0 for by in step):  # pixels as they are, to the bit
            sampled = _nearest(values, places[0], places[1])
        else:
            sampled = _between(_between(values, places[0], axis=1), places[1], axis=2)
        out = np.empty((len(values), *shape), dtype=values.dtype) if out is None else out
        out[:] = outside
        out[:, *lying] = sampled
        return out


def box_about(mask: npt.NDArray[np.bool_]) -> tuple[slice, ...]:
    """The least box of an array that holds all that is True, for what takes its time by the element.

    Args:
        mask: Of any number of axes.

    Returns:
        A slice an axis, `slice(0, 0)` where nothing is True.
    """
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        held = np.flatnonzero(mask.any(axis=others))
        box.append(slice(int(held[0]), int(held[-1]) + 1) if held.size else slice(0, 0))
    return tuple(box)


def _between(values: npt.NDArray[np.float32], positions: npt.NDArray[np.float64], axis: int) -> npt.NDArray[np.float32]:
    """Values at positions along one axis, each from 0 to its last index: linear between two pixels."""
    below = np.minimum(positions.astype(np.intp), max(values.shape[axis] - 2, 0))
    along = [1] * values.ndim
    along[axis] = -1
    share = (positions - below).astype(np.float32).reshape(along)
    first: npt.NDArray[np.float32] = values.take(below, axis)
    second: npt.NDArray[np.float32] = values.take(np.minimum(below + 1, values.shape[axis] - 1), axis)
    second -= first
    second *= share
    second += first
    return second


def _nearest(
    values: npt.NDArray[Any], rows: npt.NDArray[np.float64], columns: npt.NDArray[np.float64]
) -> npt.NDArray[Any]:
    """Values (S, H, W) at rows (h,) and columns (w,), each from 0 to its last index: of the nearest pixel.

    Between pixels that are equally near that of most; where none is of most, that of the upper left pixel and of the
    lower right one in turn, as on a chessboard: always the same one would move everything by half a pixel.
    """
    (above, below), (left, right) = _beside(rows), _beside(columns)
    upper_left: npt.NDArray[Any] = values[:, above[:, None], left]
    if np.array_equal(above, below) and np.array_equal(left, right):
        return upper_left
    lower_right = values[:, below[:, None], right]
    lower = (np.arange(len(rows))[:, None] + np.arange(len(columns))) % 2 == 1
    nearest = np.where(lower, lower_right, upper_left)
    lower_left, upper_right = values[:, below[:, None], left], values[:, above[:, None], right]
    split = np.nonzero((upper_left != lower_right) | (upper_left != lower_left) | (upper_left != upper_right))
    four = np.stack([part[split] for part in (upper_left, lower_right, lower_left, upper_right)])  # (4, N)
    votes = (four[:, None] == four).sum(axis=1)  # (4, N)
    turn = lower[split[1:]].astype(np.intp)
    most = np.where(np.take_along_axis(votes, turn[None], 0)[0] == votes.max(axis=0), turn, votes.argmax(axis=0))
    nearest[split] = np.take_along_axis(four, most[None], 0)[0]
    return nearest


def _beside(positions: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The pixels below and above positions that lie between two; elsewhere the nearest one, twice."""
    below, above = np.ceil(positions - 0.5 - _BETWEEN_PX), np.floor(positions + 0.5 + _BETWEEN_PX)
    return np.maximum(below, 0).astype(np.intp), above.astype(np.intp)
