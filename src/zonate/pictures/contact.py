"""Contact sheets: every case of a dataset in a row of slices, for the eye that finds what no rule finds."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zonate.pictures.lettering import write
from zonate.pictures.zones import (
    INK,
    PAPER,
    QUIET,
    RESEARCH_USE,
    anything_drawn,
    code_colour,
    grey_window,
    key_slices,
    outline,
    window_about,
)
from zonate.zones import LabelCode, code_name

CASES_PER_SHEET = 8
_COLUMNS = 6
_CELL_IN, _CAPTION_IN, _HEAD_IN = 1.75, 0.52, 0.5
_CAPTION_CHARACTERS = 170
_DOUBT = "#ffb454"


@dataclass(frozen=True, eq=False)
class ContactRow:
    """A case on a sheet.

    Attributes:
        title: Such as its id, data set and side.
        doubts: What was found about it; empty where nothing was.
        t2w: (S, H, W) as the network sees it, NaN where nothing was measured.
        labels: Label codes of the same shape.
        spacing_mm: Of the slices' grid (S, H, W).
    """

    title: str
    doubts: Sequence[str]
    t2w: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    spacing_mm: tuple[float, float, float]


def draw_contact_sheet(file: Path, rows: Sequence[ContactRow], *, title: str) -> None:
    """Write a picture of up to CASES_PER_SHEET cases, each as slices from the apex to the base with its outlines.

    Args:
        file: PNG to write; not atomic.
        rows: The cases.
        title: The headline.
    """
    height = _HEAD_IN + len(rows) * (_CELL_IN + _CAPTION_IN) + 0.3
    width = _COLUMNS * _CELL_IN + 0.2
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    write(figure, 0.1 / width, 1 - 0.3 / height, title, fontsize=12, color=INK, weight="bold")
    figure.text(0.1 / width, 0.1 / height, RESEARCH_USE, fontsize=7, color=QUIET)
    note = "apex on the left, base on the right, slices numbered from the feet; the patient's left on the right"
    figure.text(1 - 0.1 / width, 0.1 / height, note, fontsize=7, color=QUIET, ha="right")
    _write_legend(figure, rows, (width, height))
    for number, row in enumerate(rows):
        top = height - _HEAD_IN - number * (_CELL_IN + _CAPTION_IN)
        write(figure, 0.1 / width, (top - 0.28) / height, row.title, fontsize=8.5, color=INK)
        said = "; ".join(row.doubts)
        said = said if len(said) <= _CAPTION_CHARACTERS else f"{said[: _CAPTION_CHARACTERS - 1]}…"
        place, colour = (0.1 / width, (top - 0.44) / height), _DOUBT if said else QUIET
        write(figure, *place, said or "nothing found", fontsize=7, color=colour)
        _draw_slices(figure, row, (0.1 / width, (top - _CAPTION_IN - _CELL_IN) / height), (width, height))
    figure.savefig(file, dpi=100, facecolor=PAPER)


def _write_legend(figure: Figure, rows: Sequence[ContactRow], size: tuple[float, float]) -> None:
    """Name the codes that the sheet holds, each in its colour, on the right of the headline."""
    width, height = size
    held = {int(code) for row in rows for code in np.unique(row.labels)}
    codes = [code for code in LabelCode if code in held and LabelCode.BACKGROUND < code < LabelCode.NOT_ANNOTATED]
    handles = [Line2D([], [], color=code_colour(code), linewidth=2.5, label=code_name(code)) for code in codes]
    if handles:
        place = (1 - 0.05 / width, 1 - 0.08 / height)
        figure.legend(
            handles=handles,
            loc="upper right",
            bbox_to_anchor=place,
            ncols=3,
            fontsize=7,
            labelcolor=INK,
            frameon=False,
            handlelength=1.2,
            labelspacing=0.3,
        )


def _draw_slices(figure: Figure, row: ContactRow, corner: tuple[float, float], size: tuple[float, float]) -> None:
    drawn = anything_drawn(row.labels)
    rows, columns = window_about(drawn, row.spacing_mm)
    low, high = grey_window(row.t2w[:, rows, columns])
    for place, s in enumerate(key_slices(drawn, _COLUMNS)):
        left = corner[0] + place * _CELL_IN / size[0]
        axis: Any = figure.add_axes((left, corner[1], 0.97 * _CELL_IN / size[0], 0.97 * _CELL_IN / size[1]))
        axis.axis("off")
        pixels = np.nan_to_num(row.t2w[s, rows, columns], nan=low)
        axis.imshow(pixels, cmap="gray", vmin=low, vmax=high, interpolation="bilinear")
        outline(axis, row.labels[s, rows, columns])
        axis.text(0.03, 0.03, f"{s + 1}", transform=axis.transAxes, fontsize=7, color=INK)
