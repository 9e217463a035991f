"""Zones drawn on the T2W slices that they lie on: what a person judges a segmentation by."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zonate.geometry import Volume, to_canonical
from zonate.pictures.lettering import write
from zonate.zones import CENTRAL_GLAND_COLOUR_RGB, WHOLE_GLAND_COLOUR_RGB, ZONE_INFO, ZONES_OF_CODE, LabelCode, Zone

RESEARCH_USE = "Research use only. Not for diagnosis."

_MARGIN_MM = 15.0
_MIN_SIDE_MM = 60.0
_GREY_PERCENTILES = (1.0, 99.5)
PAPER, INK, QUIET, ALARM = "#111418", "#f2f2f2", "#a9b0b8", "#ff7b72"


@dataclass(frozen=True)
class Reading:
    """One reading of the zones, drawn as a row (or block) of slices.

    Attributes:
        name: Such as `reference`; empty where there is only one.
        labels: Label codes (S, H, W) uint8 on the grid of the T2W.
    """

    name: str
    labels: Volume


def draw_zones(
    file: Path,
    t2w: Volume,
    readings: Sequence[Reading],
    *,
    title: str,
    lines: Sequence[str] = (),
    alarm: str = "",
    legend: Sequence[tuple[LabelCode, str]],
    slices: int = 12,
    columns: int = 4,
) -> None:
    """Write a picture of the slices through the gland, cropped about it, with the outline of each zone.

    With one reading the slices fill a block; with several, each has its block, of the same slices, below the other.
    Posterior is down and the patient's left is on the right, as radiologists read it. Where nothing is drawn in
    any reading, the middle slices are shown. A picture that leaves slices out says which it shows, and of how many.

    Args:
        file: PNG to write; not atomic.
        t2w: (S, H, W), NaN where nothing was measured.
        readings: What to outline.
        title: The headline; no patient data.
        lines: Smaller lines below it.
        alarm: One before them that must not be overlooked; empty where there is none.
        legend: The codes to explain, each with its text.
        slices: At most so many.
        columns: Slices beside each other.
    """
    image = to_canonical(t2w)
    labels = [to_canonical(reading.labels).values for reading in readings]  # each (S, H, W)
    drawn = np.logical_or.reduce([anything_drawn(values) for values in labels])  # (S, H, W)
    chosen = key_slices(drawn, slices)
    window = window_about(drawn, image.grid.spacing_mm)
    low, high = grey_window(image.values[:, window[0], window[1]])
    columns = min(columns, len(chosen))
    rows_each = -(-len(chosen) // columns)
    lines = [*lines, *_selection(drawn, chosen)]
    colours = [ALARM] * bool(alarm) + [QUIET] * len(lines)
    lines = [alarm, *lines] if alarm else lines
    figure, axes = _sheet(rows_each * len(readings), columns, len(lines))
    _write_header(figure, title, lines, colours, legend)
    aspect = image.grid.spacing_mm[1] / image.grid.spacing_mm[2]
    for block, (reading, values) in enumerate(zip(readings, labels, strict=True)):
        cells = axes[block * rows_each : (block + 1) * rows_each].ravel()
        for axis, s in zip(cells, chosen, strict=False):
            pixels = image.values[s][window]
            axis.imshow(pixels, cmap="gray", vmin=low, vmax=high, aspect=aspect, interpolation="bilinear")
            outline(axis, values[s][window])
            name = f"{reading.name}, " if reading.name else ""
            axis.set_title(f"{name}slice {s + 1} of {image.grid.shape[0]}", fontsize=8, color=QUIET, pad=3, y=1.0)
    figure.savefig(file, dpi=110, facecolor=PAPER)


def _selection(drawn: npt.NDArray[np.bool_], chosen: Sequence[int]) -> list[str]:
    """A line on which slices are shown; none where no slice that holds anything (S, H, W) is left out."""
    holding = int(drawn.any(axis=(1, 2)).sum())
    if len(chosen) == (holding or len(drawn)):
        return []
    of = f"the {holding} slices in which zones are drawn" if holding else f"{len(drawn)} slices, none with a zone"
    return [f"shown are {len(chosen)} of {of}: {', '.join(str(s + 1) for s in chosen)}"]


def code_colour(code: LabelCode) -> tuple[float, float, float]:
    """The colour of a label code, each part from 0 to 1."""
    red, green, blue = code_rgb(code)
    return red / 255, green / 255, blue / 255


def code_rgb(code: LabelCode) -> tuple[int, int, int]:
    """The colour of a label code, each part from 0 to 255."""
    coarse = {
        LabelCode.CENTRAL_GLAND: CENTRAL_GLAND_COLOUR_RGB,
        LabelCode.WHOLE_GLAND: WHOLE_GLAND_COLOUR_RGB,
    }
    return coarse[code] if code in coarse else ZONE_INFO[Zone(code)].colour_rgb


def _sheet(rows: int, columns: int, n_lines: int) -> tuple[Figure, npt.NDArray[Any]]:
    """A figure with room for the header, and its axes (rows, columns), all switched off."""
    side, header = 2.6, 0.95 + 0.2 * n_lines  # inches
    width, height = max(columns * side, 8.0), rows * (side + 0.2) + header + 0.35
    figure = Figure(figsize=(width, height))
    axes = np.asarray(
        figure.subplots(
            rows,
            columns,
            squeeze=False,
            gridspec_kw={
                "left": 0.01,
                "right": 0.99,
                "top": 1 - header / height,
                "bottom": 0.32 / height,
                "wspace": 0.03,
                "hspace": 0.12,
            },
        )
    )
    for axis in axes.ravel():
        axis.axis("off")
    figure.text(0.012, 0.1 / height, RESEARCH_USE, fontsize=8, color=QUIET)
    right = "viewed from the feet, the patient's left on the right; slices count from below"
    figure.text(0.988, 0.1 / height, right, fontsize=8, color=QUIET, ha="right")
    return figure, axes


def _write_header(
    figure: Figure,
    title: str,
    lines: Sequence[str],
    colours: Sequence[str],
    legend: Sequence[tuple[LabelCode, str]],
) -> None:
    height = float(figure.get_size_inches()[1])
    write(figure, 0.012, 1 - 0.3 / height, title, fontsize=13, color=INK, weight="bold")
    for number, (line, colour) in enumerate(zip(lines, colours, strict=True)):
        weight = "bold" if colour == ALARM else "normal"
        write(figure, 0.012, 1 - (0.52 + 0.2 * number) / height, line, fontsize=8.5, color=colour, weight=weight)
    handles = [Line2D([], [], color=code_colour(code), linewidth=3, label=text) for code, text in legend]
    if handles:
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.005, 1 - (0.42 + 0.2 * len(lines)) / height),
            ncols=min(len(handles), 4 if figure.get_size_inches()[0] < 10 else 5),
            fontsize=8.5,
            labelcolor=INK,
            frameon=False,
            handlelength=1.4,
            columnspacing=1.6,
        )


def anything_drawn(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Where a label other than background lies."""
    return np.asarray((values != LabelCode.BACKGROUND) & (values != LabelCode.NOT_ANNOTATED))


def key_slices(drawn: npt.NDArray[np.bool_], n: int) -> list[int]:
    """Up to n slices, evenly from the lowest to the highest that holds anything; the middle ones where none does."""
    holding = np.flatnonzero(drawn.any(axis=(1, 2)))
    if len(holding) == 0:
        first = max(0, (len(drawn) - n) // 2)
        return list(range(first, min(first + n, len(drawn))))
    places = np.linspace(0, len(holding) - 1, min(n, len(holding)))
    return [int(s) for s in holding[np.unique(np.rint(places).astype(np.intp))]]


def window_about(
    drawn: npt.NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    margin_mm: float = _MARGIN_MM,
    min_side_mm: float = _MIN_SIDE_MM,
) -> tuple[slice, slice]:
    """Rows and columns of a square about what is drawn, with a margin; about the centre where nothing is."""
    shape = drawn.shape[1:]
    flat = np.asarray(drawn.any(axis=0))  # (H, W)
    if flat.any():
        spans = [np.flatnonzero(flat.any(axis=1 - axis)) for axis in range(2)]
        centre = [(span[0] + span[-1]) / 2 for span in spans]
        sides = [(span[-1] - span[0] + 1) * mm + 2 * margin_mm for span, mm in zip(spans, spacing_mm[1:], strict=True)]
    else:
        centre, sides = [(n - 1) / 2 for n in shape], [2 * _MIN_SIDE_MM]
    side_mm = max(*sides, min_side_mm)
    found = []
    for middle, n, mm in zip(centre, shape, spacing_mm[1:], strict=True):
        half = side_mm / mm / 2
        found.append(slice(max(0, round(middle - half)), min(n, round(middle + half) + 1)))
    return found[0], found[1]


def grey_window(values: npt.NDArray[Any]) -> tuple[float, float]:
    """The values to be shown as black and white."""
    measured = values[np.isfinite(values)]
    if measured.size == 0:
        return 0.0, 1.0
    low, high = np.percentile(measured, _GREY_PERCENTILES)
    return float(low), float(max(high, low + 1e-6))


def outline(axis: Any, labels: npt.NDArray[Any], *, tint_alpha: float = 0.12) -> None:
    """Draw the border of each code, with a breath of its colour inside (none at `tint_alpha` 0)."""
    for code in ZONES_OF_CODE:
        mask = labels == code
        if code == LabelCode.BACKGROUND or not mask.any():
            continue
        colour = code_colour(code)
        if tint_alpha:
            tint = np.zeros((*mask.shape, 4))  # (H, W, RGBA)
            tint[mask] = (*colour, tint_alpha)
            axis.imshow(tint, interpolation="nearest", aspect=axis.get_aspect())
        # A frame of background closes the outline of a zone that is cut by the window.
        framed = np.pad(mask.astype(np.float32), 1)
        rows, columns = (np.arange(-1, n + 1) for n in mask.shape)
        axis.contour(columns, rows, framed, levels=[0.5], colors=[colour], linewidths=1.1)
    axis.set_xlim(-0.5, labels.shape[1] - 0.5)
    axis.set_ylim(labels.shape[0] - 0.5, -0.5)
