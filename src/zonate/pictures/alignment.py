"""By what a person judges an alignment: T2W against DWI and ADC, before and after, at three slices."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from matplotlib.figure import Figure
from scipy import ndimage

from zonate.alignment import Alignment
from zonate.alignment.candidates import HEADER
from zonate.alignment.field import displacement_transform
from zonate.alignment.resample import resample
from zonate.geometry import Grid, Volume, to_canonical
from zonate.pictures.lettering import write
from zonate.settings.data import AlignmentSettings
from zonate.study import Acquisition

_INK, _QUIET, _EDGE = "#222222", "#666666", "#ffd23f"
_TILE_MM = 12.0
_ARROW_MM = 7.0
_N_SLICES = 3

Slice2 = npt.NDArray[Any]


def draw_alignment(file: Path, acquisition: Acquisition, alignment: Alignment, settings: AlignmentSettings) -> None:
    """Draw the picture of one study.

    Columns are three slices at a quarter, half and three quarters of the T2W. Rows: tiles of T2W and of the
    volume that was registered in turn, first by the header, then as chosen; the edges of T2W over ADC (else
    DWI), the same two; and how far the chosen transform moves each point. Where nothing moved there are only the
    header's rows, where nothing is there to align only T2W.

    Args:
        file: A PNG.
        acquisition: What was aligned.
        alignment: What came of it.
        settings: For the region that is shown.
    """
    t2w = to_canonical(acquisition.t2w)
    rows = _rows(acquisition, alignment, t2w)
    quarter = [round((t2w.grid.shape[0] - 1) * (k + 1) / (_N_SLICES + 1)) for k in range(_N_SLICES)]
    window = _window(t2w.grid, settings.region_mm)
    columns, side, top, bottom = len(quarter), 2.7, 1.05, 0.45  # inches
    width, height = columns * side + 1.5, len(rows) * side + top + bottom
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = np.asarray(
        figure.subplots(
            len(rows),
            columns,
            squeeze=False,
            gridspec_kw={
                "left": 0.5 / width,
                "right": 1 - 1.0 / width,
                "top": 1 - top / height,
                "bottom": bottom / height,
                "wspace": 0.03,
                "hspace": 0.03,
            },
        )
    )
    for r, (label, kind, volume) in enumerate(rows):
        for c, s in enumerate(quarter):
            axis = axes[r, c]
            axis.set(xticks=[], yticks=[])
            axis.set_frame_on(False)
            shown = _paint(axis, kind, t2w, volume, s, window)
            if r == 0:
                axis.set_title(f"slice {s + 1} of {t2w.grid.shape[0]}", fontsize=9, color=_QUIET, pad=3, y=1.0)
        axes[r, 0].set_ylabel(label, fontsize=9, color=_INK)
        if shown is not None:
            box = axes[r, -1].get_position()
            bar = figure.colorbar(shown, cax=figure.add_axes((box.x1 + 0.012, box.y0, 0.014, box.height)))
            bar.set_label("mm" if kind == "field" else "1e-6 mm²/s" if kind == "edges ADC" else "", fontsize=8)
            bar.ax.tick_params(labelsize=7)
    _write_caption(figure, acquisition, alignment, height)
    figure.savefig(file, dpi=110, format="png")


def _rows(acquisition: Acquisition, alignment: Alignment, t2w: Volume) -> list[tuple[str, str, npt.NDArray[Any]]]:
    """Label, kind and values (S, H, W) or (S, H, W, 3) of each row, on the canonical T2W grid."""
    grid = acquisition.t2w.grid
    moving = acquisition.lowest_b or acquisition.dwi or acquisition.adc
    over = acquisition.adc or acquisition.dwi
    if moving is None or over is None:
        return [("T2W", "plain", t2w.values)]
    kind = "edges ADC" if over is acquisition.adc else "edges"
    name, ending = ("ADC" if over is acquisition.adc else "DWI"), "before: header"
    if alignment.record.chosen == "given":
        ending = "as given"
    if alignment.record.chosen == "none":
        ending = "by the header, NOT USABLE"

    def onto(volume: Volume, transform: sitk.Transform) -> npt.NDArray[Any]:
        return to_canonical(resample(volume, grid, transform)).values

    pairs = [
        (f"T2W | {alignment.record.registered_on or 'DWI'} tiles", "tiles", moving),
        (f"T2W edges on {name}", kind, over),
    ]
    if alignment.displacement_mm is None:
        return [(f"{label}\n{ending}", kind, onto(volume, HEADER)) for label, kind, volume in pairs]
    chosen = displacement_transform(alignment.displacement_mm, grid)
    rows = []
    for label, kind, volume in pairs:
        rows.append((f"{label}\n{ending}", kind, onto(volume, HEADER)))
        rows.append((f"{label}\nafter: {alignment.record.chosen}", kind, onto(volume, chosen)))
    parts = [to_canonical(Volume(alignment.displacement_mm[..., k], grid)).values for k in range(3)]
    rows.append(("displacement,\nT2W to DWI", "field", np.stack(parts, axis=-1)))
    return rows


def _paint(
    axis: Any, kind: str, t2w: Volume, values: npt.NDArray[Any], s: int, window: tuple[slice, slice]
) -> Any | None:
    """Draw one cell; give what a colour bar can be made for."""
    fixed = t2w.values[s][window]
    cell = values[s][window]
    aspect = t2w.grid.spacing_mm[1] / t2w.grid.spacing_mm[2]
    grey = {"cmap": "gray", "aspect": aspect, "interpolation": "nearest"}
    if kind == "plain":
        axis.imshow(_grey(fixed), vmin=0, vmax=1, **grey)
        return None
    if kind == "tiles":
        rows, columns = (
            np.arange(n) * mm // _TILE_MM for n, mm in zip(fixed.shape, t2w.grid.spacing_mm[1:], strict=True)
        )
        odd = (rows[:, None] + columns[None, :]) % 2 == 1
        axis.imshow(np.where(odd, _grey(cell), _grey(fixed)), vmin=0, vmax=1, **grey)
        return None
    if kind == "field":
        return _paint_field(axis, cell, fixed, t2w.grid, aspect)
    if kind == "edges ADC":
        shown = axis.imshow(cell, vmin=0, vmax=2500, **grey)
    else:
        shown = axis.imshow(_grey(cell), vmin=0, vmax=1, **grey)
    edges = _edges(fixed, t2w.grid.spacing_mm[1:])
    axis.contour(edges, levels=[0.5], colors=[_EDGE], linewidths=0.6)
    return shown if kind == "edges ADC" else None


def _paint_field(axis: Any, cell: Slice2, fixed: Slice2, grid: Grid, aspect: float) -> Any:
    """The length of the displacement in colour over T2W, its in-plane part as arrows in true length."""
    axis.imshow(_grey(fixed), vmin=0, vmax=1, cmap="gray", aspect=aspect)
    length = np.linalg.norm(cell, axis=-1)  # (H, W)
    shown = axis.imshow(length, cmap="viridis", alpha=0.55, aspect=aspect, vmin=0, vmax=max(5.0, float(length.max())))
    steps = [max(1, round(_ARROW_MM / mm)) for mm in grid.spacing_mm[1:]]
    h, w = np.mgrid[steps[0] // 2 : cell.shape[0] : steps[0], steps[1] // 2 : cell.shape[1] : steps[1]]
    in_index = cell[h, w] @ np.linalg.inv(grid.affine[:3, :3]).T  # (n, m, 3), order s, h, w
    axis.quiver(
        w, h, in_index[..., 2], in_index[..., 1],
        angles="xy", scale_units="xy", scale=1, color="white", width=0.006, headwidth=3.5, headlength=4,
    )  # fmt: skip
    return shown


def _edges(image: Slice2, spacing_mm: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Strong edges of T2W at a scale of 2 mm, thinned to ridges of the gradient: 0 to 1."""
    smooth = ndimage.gaussian_filter(np.nan_to_num(image).astype(np.float64), [1.6 / mm for mm in spacing_mm])
    gradient = np.hypot(*np.gradient(smooth))
    strong = gradient > np.percentile(gradient, 88)
    labels, n = ndimage.label(strong)
    sizes = ndimage.sum_labels(strong, labels, np.arange(n + 1))
    kept: npt.NDArray[np.float64] = (sizes[labels] * np.prod(spacing_mm) > 15.0).astype(np.float64) * strong
    return kept


def _grey(image: Slice2) -> npt.NDArray[np.float64]:
    """0 to 1 between the 1st and 99th percentile; what was not measured is black."""
    measured = image[np.isfinite(image)]
    if measured.size == 0:
        return np.zeros(image.shape)
    low, high = np.percentile(measured, [1, 99])
    scaled: npt.NDArray[np.float64] = np.clip((image - low) / max(float(high - low), 1e-6), 0, 1)
    return np.nan_to_num(scaled)


def _window(grid: Grid, region_mm: float) -> tuple[slice, slice]:
    """Rows and columns of the region, and a little more."""
    found = []
    for n, mm in zip(grid.shape[1:], grid.spacing_mm[1:], strict=True):
        half = 0.6 * region_mm / mm
        found.append(slice(max(0, round((n - 1) / 2 - half)), min(n, round((n - 1) / 2 + half) + 1)))
    return found[0], found[1]


def _write_caption(figure: Figure, acquisition: Acquisition, alignment: Alignment, height: float) -> None:
    record = alignment.record
    title = f"{acquisition.case_id}   alignment: {record.chosen}"
    write(figure, 0.015, 1 - 0.3 / height, title, fontsize=12, weight="bold")
    names = [name for name in ("header", "rigid", "bspline") if f"{name}_estimated_error_mm" in record.figures]
    parts = [f"{name} {record.figures[f'{name}_estimated_error_mm']:.1f} mm" for name in names]
    limit = record.figures.get("error_limit_mm", 0.0)
    lines = [f"estimated error in the gland: {', '.join(parts)} (good up to {limit:.1f} mm)"] if parts else []
    if alignment.displacement_mm is None:
        lines.append(record.reason)
    else:
        lines.append(
            f"gland's region moved {record.figures['mean_displacement_mm']:.1f} mm on average, "
            f"{record.figures['max_displacement_mm']:.1f} mm at most; "
            f"Jacobian {record.figures['minimum_jacobian']:.2f} to "
            f"{record.figures['maximum_jacobian']:.2f} (0 would fold)"
        )
    for number, line in enumerate(lines):
        write(figure, 0.015, 1 - (0.5 + 0.18 * number) / height, _shortened(line), fontsize=8.5, color=_QUIET)
    note = "viewed from the feet, the patient's left on the right; slices count from below; for research use only"
    figure.text(0.015, 0.15 / height, note, fontsize=8, color=_QUIET)


def _shortened(line: str, most: int = 125) -> str:
    return line if len(line) <= most else line[: most - 1] + "…"
