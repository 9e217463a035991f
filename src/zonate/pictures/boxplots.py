"""The spread of the measures over the cases, structure by structure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from zonate.pictures.lettering import write
from zonate.pictures.zones import code_colour
from zonate.zones import LabelCode

_LABELS = {"dice": "Dice", "hd95_mm": "HD95 (mm)", "mean_surface_distance_mm": "mean surface distance (mm)"}
_CODES = {"GLAND": LabelCode.WHOLE_GLAND}


def draw_boxplots(file: Path, values: Mapping[str, Mapping[str, Sequence[float]]], *, title: str, note: str) -> None:
    """Write one panel a measure, with a box a structure and a dot a case.

    The box holds the middle half, the line is the median, and the whiskers reach 1.5 times the box at most.

    Args:
        file: PNG to write; not atomic.
        values: Measure, then structure, then the values of the cases; NaN is left out and said below the box.
        title: The headline.
        note: A smaller line below it.
    """
    figure = Figure(figsize=(3.4 * len(values) + 0.4, 4.8), layout="constrained")
    figure.suptitle(f"{title}\n", fontsize=13, weight="bold", x=0.01, ha="left")
    write(figure, 0.01, 0.905, note, fontsize=9, color="#555555")
    jitter = np.random.default_rng(0)
    axes = figure.subplots(1, len(values), squeeze=False)[0]
    for axis, (measure, by_structure) in zip(axes, values.items(), strict=True):
        names = []
        for place, (structure, found) in enumerate(by_structure.items()):
            numbers = np.array(found, dtype=np.float64)
            numbers = numbers[np.isfinite(numbers)]
            colour = code_colour(_CODES[structure] if structure in _CODES else LabelCode[structure])
            box = axis.boxplot(
                [numbers], positions=[place], widths=0.55, showfliers=False, patch_artist=True, manage_ticks=False
            )
            for patch in box["boxes"]:
                patch.set(facecolor=(*colour, 0.45), edgecolor="#333333")
            for line in box["medians"]:
                line.set(color="#111111", linewidth=1.6)
            spread = jitter.uniform(-0.14, 0.14, len(numbers))
            axis.plot(place + spread, numbers, "o", markersize=3.2, color="#222222", alpha=0.65, markeredgewidth=0)
            short = {"CENTRAL_GLAND": "CG", "GLAND": "gland"}.get(structure, structure)
            names.append(f"{short}\nn={len(numbers)}")
        axis.set_xticks(range(len(names)), names, fontsize=8.5)
        axis.set_xlim(-0.6, len(names) - 0.4)
        axis.set_title(_label(measure), fontsize=10.5)
        axis.grid(axis="y", color="#dddddd", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        if measure == "volume_error_ml":
            axis.axhline(0, color="#333333", linewidth=0.9)
        elif measure == "dice" or measure.startswith("nsd_"):
            axis.set_ylim(-0.02, 1.02)
        else:
            axis.set_ylim(bottom=0)
    figure.savefig(file, dpi=120)


def _label(measure: str) -> str:
    if measure.startswith("nsd_"):
        return f"surface Dice at {measure.removeprefix('nsd_').removesuffix('mm')} mm"
    return _LABELS.get(measure, "volume error (ml)")
