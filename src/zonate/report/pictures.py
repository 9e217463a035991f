"""The key pictures of a report: the gland at its base, middle and apex, one PNG a cell."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure as Sheet
from matplotlib.patheffects import withStroke
from scipy import ndimage

from zonate.case import Case
from zonate.geometry import Grid, Volume, to_canonical
from zonate.measures.gland import largest_piece
from zonate.pictures.sectors import draw_sectors
from zonate.pictures.zones import anything_drawn, grey_window, outline, window_about
from zonate.report.content import Figure, Picture
from zonate.report.measured import sector_table
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode, code_name

_LARGE_IN, _SMALL_IN = 2.3, 1.55
"""Side of a cell of the first row, which is what a reader judges by, and of the others."""
_SECTORS_IN = 2.0
"""Drawn larger than it is shown, so that its names are small enough for their sectors."""
_DPI = {_LARGE_IN: 160, _SMALL_IN: 160, _SECTORS_IN: 130}
_ADC_1E_6_MM2_S = (0.0, 2500.0)
_MOST_ENTROPY_NATS = math.log(2)
"""That of two labels as likely as each other."""
_UNCERTAINTY_COLOUR, _MOST_ALPHA = (1.0, 0.85, 0.1), 0.75
_CLOSE_MM = 6.0
"""From the gland: what sets the grey scale, and what a closer picture shows."""
_NAMED_FROM_MM = 3.5
"""A zone is named in the picture where a circle of this radius fits into it."""
_MARK = {"color": "white", "path_effects": [withStroke(linewidth=1.8, foreground="black")]}

_NOTHING_DRAWN = (LabelCode.BACKGROUND, LabelCode.NOT_ANNOTATED)

Slice2 = npt.NDArray[Any]


@dataclass(frozen=True)
class Level:
    """A slice that is shown.

    Attributes:
        name: `Base`, `Mid` or `Apex`; empty where there is no gland.
        slice_index: In the canonical volume, 0 the lowest.
    """

    name: str
    slice_index: int


def key_levels(labels: npt.NDArray[np.uint8]) -> tuple[Level, ...]:
    """The middle slice of each third of the slices that hold the gland, from base to apex.

    Stray voxels, apart from the gland's largest piece, do not count.

    Args:
        labels: Label codes (S, H, W) of a canonical volume, S to superior.

    Returns:
        Three levels, fewer where two would be one slice; without a gland three slices spread over the volume, unnamed.
    """
    gland = largest_piece(anything_drawn(labels))
    holding = np.flatnonzero(gland.any(axis=(1, 2)))
    found = len(holding) > 0
    first, length = (int(holding[0]), int(holding[-1] - holding[0]) + 1) if found else (0, len(labels))
    names: dict[int, str] = {}
    for name, sixth in (("Base", 5), ("Mid", 3), ("Apex", 1)):
        names.setdefault(first + length * sixth // 6, name if found else "")
    if found and length == 1:
        return (Level("Mid", first),)
    return tuple(Level(name, place) for place, name in names.items())


def key_pictures(case: Case, zones: ZoneMap, levels: tuple[Level, ...]) -> tuple[Figure, ...]:
    """Draw T2W first, then ADC, DWI, sectors and the network's uncertainty, those that there are.

    Every picture but the sectors', which are enlarged, shows the same square about the gland; posterior is down, the
    patient's left on the right, a bar is 1 cm long. What was not measured is black.

    Args:
        case: The images.
        zones: What is outlined on them.
        levels: As `key_levels` gives them.
    """
    cells = _Cells(case.t2w, zones, levels)
    rows = [cells.outlined("T2W", (), case.t2w, None, large=True)]
    if case.adc is not None:
        low, high = _ADC_1E_6_MM2_S
        note = f"The outlines were drawn on the T2W. Black is {low:g} or not measured, white {high:g} × 10⁻⁶ mm²/s."
        rows.append(cells.outlined("ADC", (note,), case.adc, _ADC_1E_6_MM2_S))
    if case.dwi is not None:
        b_value = case.dwi_b_value_s_mm2
        name = "DWI" if b_value is None else f"DWI, b {b_value:g} s/mm²"
        rows.append(cells.outlined(name, ("The same outlines.",), case.dwi, None))
    if zones.sectors is not None:
        rows.append(cells.sectors(zones.sectors))
    if zones.sample_entropy is not None:
        rows.append(cells.uncertainty(zones.labels.with_values(zones.sample_entropy)))
    return tuple(rows)


class _Cells:
    """The cells of one case, all with the same window."""

    def __init__(self, t2w: Volume, zones: ZoneMap, levels: tuple[Level, ...]) -> None:
        self._labels = to_canonical(zones.labels).values
        self._t2w = to_canonical(t2w)
        self._levels = levels
        self._codes, self._not_validated, self._warnings = zones.codes, zones.not_validated, zones.warnings
        self._slices = [level.slice_index for level in levels]
        self._shown = anything_drawn(self._labels[self._slices])  # (levels, H, W)
        self._window = window_about(self._shown, self._t2w.grid.spacing_mm)

    def outlined(
        self,
        title: str,
        notes: tuple[str, ...],
        volume: Volume,
        window: tuple[float, float] | None,
        *,
        large: bool = False,
    ) -> Figure:
        """An image in grey with the zones' outlines; `window` is black and white, None: by the image's percentiles."""
        image = to_canonical(volume).values
        black, white = window or self._grey(image)

        def paint(axis: Any, s: int) -> None:
            _show(axis, image[s][self._window], self._t2w.grid, cmap="gray", vmin=black, vmax=white)
            labels = self._labels[s][self._window]
            outline(axis, labels, tint_alpha=0.0)
            if large:
                _name_zones(axis, labels, self._t2w.grid)

        pictures = self._pictures(f"{title} with the zones' outlines", paint, _LARGE_IN if large else _SMALL_IN)
        return Figure(title, notes, pictures)

    def _grey(self, image: npt.NDArray[Any]) -> tuple[float, float]:
        """Black and white by what lies in and close to the gland: bladder and fat are brighter, and may be white."""
        if not self._shown.any():
            return grey_window(image[self._slices][:, *self._window])
        apart = (1e6, *self._t2w.grid.spacing_mm[1:])  # each slice for itself
        from_gland_mm = ndimage.distance_transform_edt(~self._shown, sampling=apart)
        return grey_window(image[self._slices][from_gland_mm <= _CLOSE_MM])

    def sectors(self, sectors: Volume) -> Figure:
        """The sector map on T2W, with its volumes."""
        numbers, spacing_mm = to_canonical(sectors).values, self._t2w.grid.spacing_mm
        window = window_about(self._shown, spacing_mm, margin_mm=_CLOSE_MM, min_side_mm=0.0)
        grey = self._grey(self._t2w.values)

        def paint(axis: Any, s: int) -> None:
            draw_sectors(axis, self._t2w.values[s][window], numbers[s][window], (spacing_mm[1], spacing_mm[2]), grey)

        note = (
            "PI-RADS v2.1 without a central zone, enlarged; a anterior, p posterior, pl posterolateral, "
            "pm posteromedial."
        )
        pictures = self._pictures("T2W with the sectors", paint, _SECTORS_IN)
        table = sector_table(sectors, self._codes, self._not_validated, self._warnings)
        return Figure("Sectors", (note,), pictures, table)

    def uncertainty(self, entropy: Volume) -> Figure:
        """Where the network is uncertain."""
        values = to_canonical(entropy).values

        black, white = self._grey(self._t2w.values)

        def paint(axis: Any, s: int) -> None:
            _show(axis, self._t2w.values[s][self._window], self._t2w.grid, cmap="gray", vmin=black, vmax=white)
            share = np.clip(values[s][self._window] / _MOST_ENTROPY_NATS, 0.0, 1.0)
            tint = np.empty((*share.shape, 4))  # (H, W, RGBA)
            tint[..., :3], tint[..., 3] = _UNCERTAINTY_COLOUR, _MOST_ALPHA * share
            axis.imshow(tint, interpolation="bilinear", aspect=axis.get_aspect())

        notes = (
            "Where the network is uncertain, by the entropy of the mean of its repeated segmentations: the stronger "
            "the yellow, the more. It is strongest where two labels are as likely as each other, or more than two.",
        )
        return Figure("Uncertainty", notes, self._pictures("uncertainty of the segmentations", paint, _SMALL_IN))

    def _pictures(self, what: str, paint: Callable[[Any, int], None], side_in: float) -> tuple[Picture, ...]:
        return tuple(Picture(self._alt(what, level), self._png(paint, level, side_in)) for level in self._levels)

    def _alt(self, what: str, level: Level) -> str:
        shown = np.unique(self._labels[level.slice_index]).tolist()
        names = [code_name(LabelCode(code)) for code in shown if code not in _NOTHING_DRAWN]
        place = f"{level.name.lower()}, slice" if level.name else "slice"
        return f"{what}, {place} {level.slice_index + 1}: {', '.join(names) or 'nothing outlined'}"

    def _png(self, paint: Callable[[Any, int], None], level: Level, side_in: float) -> bytes:
        sheet = Sheet(figsize=(side_in, side_in), facecolor="black")
        axis = sheet.add_axes((0.0, 0.0, 1.0, 1.0))
        axis.axis("off")
        paint(axis, level.slice_index)
        _add_marks(axis, self._t2w.grid)
        buffer = io.BytesIO()
        sheet.savefig(buffer, dpi=_DPI[side_in], format="png", metadata={"Software": None})
        return buffer.getvalue()


def _show(axis: Any, pixels: Slice2, grid: Grid, **how: Any) -> None:
    aspect = grid.spacing_mm[1] / grid.spacing_mm[2]
    axis.imshow(np.ma.masked_invalid(pixels), aspect=aspect, interpolation="bilinear", **how)


def _name_zones(axis: Any, labels: Slice2, grid: Grid) -> None:
    """Write each zone's abbreviation where it has most room, so that not colour alone tells them apart."""
    for code in LabelCode:
        mask = labels == code
        if code in _NOTHING_DRAWN or not mask.any():
            continue
        room_mm = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=grid.spacing_mm[1:])[1:-1, 1:-1]
        if room_mm.max() < _NAMED_FROM_MM:
            continue
        h, w = np.unravel_index(int(room_mm.argmax()), mask.shape)
        name = {LabelCode.CENTRAL_GLAND: "CG", LabelCode.WHOLE_GLAND: "gland"}.get(code, code.name)
        axis.text(w, h, name, fontsize=7, ha="center", va="center", **_MARK)


def _add_marks(axis: Any, grid: Grid) -> None:
    """The patient's right and left, and a bar of 1 cm."""
    for x, text in ((0.03, "R"), (0.97, "L")):
        axis.text(
            x, 0.5, text, transform=axis.transAxes, fontsize=7, ha="left" if x < 0.5 else "right", va="center", **_MARK
        )
    left, right = sorted(axis.get_xlim())
    bottom, top = axis.get_ylim()
    length = 10.0 / grid.spacing_mm[2]
    x, y = right - 0.05 * (right - left) - length, bottom + 0.06 * (top - bottom)
    axis.plot([x, x + length], [y, y], color="black", linewidth=3.2, solid_capstyle="butt")
    axis.plot([x, x + length], [y, y], color="white", linewidth=1.6, solid_capstyle="butt")
    axis.text(x + length / 2, y + 0.025 * (top - bottom), "1 cm", fontsize=5.5, ha="center", va="bottom", **_MARK)
