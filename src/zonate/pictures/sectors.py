"""The PI-RADS sector map on the T2W slices that it lies on."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy import ndimage

from zonate.geometry import Volume, to_canonical
from zonate.pictures.lettering import write
from zonate.pictures.zones import INK, PAPER, QUIET, RESEARCH_USE, grey_window, key_slices, window_about
from zonate.sectors import LEVELS, SECTORS

_TINT = 0.42
_NAMED_FROM_MM = 1.5
"""A sector in which no circle of this radius has room in the slice goes without its name."""


def draw_sector_map(
    file: Path, t2w: Volume, sectors: Volume, *, title: str, lines: tuple[str, ...] = (), slices: int = 6
) -> None:
    """Write a picture of slices from the apex to the base, with the sectors filled and named.

    Posterior is down and the patient's left is on the right. Where there is no sector, the middle slices are shown.

    Args:
        file: PNG to write; not atomic.
        t2w: (S, H, W), NaN where nothing was measured.
        sectors: Numbers of `SECTORS` on the same grid.
        title: The headline; no patient data.
        lines: Smaller lines below it.
        slices: At most so many.
    """
    image, numbers = to_canonical(t2w), to_canonical(sectors).values
    drawn = numbers > 0
    chosen = key_slices(drawn, slices)
    window = window_about(drawn, image.grid.spacing_mm)
    grey = grey_window(image.values[:, window[0], window[1]])
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    side, header = 3.4, 0.55 + 0.2 * len(lines)  # inches
    width, height = max(columns * side, 8.0), rows * (side + 0.22) + header + 0.3
    figure = Figure(figsize=(width, height))
    room = {"left": 0.01, "right": 0.99, "top": 1 - header / height, "bottom": 0.3 / height}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=room | {"wspace": 0.03, "hspace": 0.09}).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, s in zip(axes, chosen, strict=False):
        draw_sectors(axis, image.values[s][window], numbers[s][window], image.grid.spacing_mm[1:], grey)
        there = {SECTORS[number - 1].level for number in np.unique(numbers[s]) if number}
        names = " and ".join(level for level in LEVELS if level in there)
        axis.set_title(f"slice {s + 1} of {image.grid.shape[0]}: {names}", fontsize=9, color=QUIET, pad=3, y=1.0)
    write(figure, 0.012, 1 - 0.3 / height, title, fontsize=13, color=INK, weight="bold")
    for number, line in enumerate(lines):
        write(figure, 0.012, 1 - (0.5 + 0.2 * number) / height, line, fontsize=8.5, color=QUIET)
    figure.text(0.012, 0.09 / height, RESEARCH_USE, fontsize=8, color=QUIET)
    seen = "viewed from the feet, the patient's left on the right; slices count from below"
    figure.text(0.988, 0.09 / height, seen, fontsize=8, color=QUIET, ha="right")
    figure.savefig(file, dpi=110, facecolor=PAPER)


def draw_sectors(
    axis: Any,
    image: npt.NDArray[Any],
    sectors: npt.NDArray[Any],
    spacing_mm: tuple[float, float],
    grey: tuple[float, float],
) -> None:
    """Draw one slice: T2W with the sectors tinted, bordered and named.

    Args:
        axis: Of matplotlib.
        image: T2W (H, W), rows to posterior and columns to the patient's left.
        sectors: Numbers of `SECTORS` (H, W); 0 is left as it is.
        spacing_mm: Of rows and columns.
        grey: The values that are black and white.
    """
    aspect = spacing_mm[0] / spacing_mm[1]
    axis.imshow(image, cmap="gray", vmin=grey[0], vmax=grey[1], aspect=aspect, interpolation="bilinear")
    tint = np.zeros((*sectors.shape, 4))  # (H, W, RGBA)
    for number in np.unique(sectors[sectors > 0]):
        mask = sectors == number
        colour = tuple(value / 255 for value in SECTORS[number - 1].colour_rgb)
        tint[mask] = (*colour, _TINT)
        rows, columns = (np.arange(-1, n + 1) for n in mask.shape)
        # A frame of nothing closes the border of a sector that is cut by the window.
        axis.contour(columns, rows, np.pad(mask.astype(np.float32), 1), levels=[0.5], colors=[colour], linewidths=0.9)
        _write_name(axis, mask, spacing_mm, SECTORS[number - 1].short)
    axis.imshow(tint, interpolation="nearest", aspect=aspect)
    axis.set_xlim(-0.5, sectors.shape[1] - 0.5)
    axis.set_ylim(sectors.shape[0] - 0.5, -0.5)


def _write_name(axis: Any, mask: npt.NDArray[np.bool_], spacing_mm: tuple[float, float], name: str) -> None:
    """Where there is room for it, as near to the sector's middle as that allows."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[1:-1, 1:-1]  # mm
    if depth.max() < _NAMED_FROM_MM:
        return
    roomy = np.argwhere(depth >= 0.8 * depth.max())
    middle = np.argwhere(mask).mean(axis=0)
    row, column = roomy[np.linalg.norm((roomy - middle) * spacing_mm, axis=1).argmin()]
    stroke = [withStroke(linewidth=1.6, foreground=PAPER)]
    axis.text(column, row, name, fontsize=6.5, color=INK, ha="center", va="center", path_effects=stroke)
