"""How a gland's axes, diameters and sectors come out on experts' labels.

    python -m benchmarks.measurements [MANIFEST...] [--labels-only FOLDER --codes "0=BACKGROUND;1=PZ;..."]...
        [--picture CASE_ID]

Planimetry against the ellipsoid; the long axis against the slope of the gland's back, which readers go by; the midline,
which is found from the outline, against the zones within; left against right. With --picture the sectors of a case are
drawn into docs/concepts/pictures/sectors.png.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.anatomy import Labelled, labels_only, with_images
from benchmarks.machine import machine
from zonate.geometry import Volume
from zonate.measures.axes import GlandAxes, gland_axes
from zonate.measures.ellipsoid import measured_diameters_mm
from zonate.measures.gland import Mask, gland_mask, largest_piece, positions_mm, voxel_chord_mm
from zonate.measures.measure import sector_volumes_ml
from zonate.measures.sector_map import sector_map
from zonate.pictures.sectors import draw_sector_map
from zonate.sectors import SECTORS
from zonate.zones import LabelCode

PICTURE = Path(__file__).parents[1] / "docs" / "concepts" / "pictures" / "sectors.png"
CREDIT = (
    "T2W: PROSTATEx, zones drawn by an expert: PROSTATEx-Seg-Zones (The Cancer Imaging Archive), both CC BY 3.0",
    "sectors by Zonate: PZ a anterior, pl posterolateral, pm posteromedial; TZ a anterior, p posterior; AFS",
)
BACK_HALF_WIDTH_MM = 12.0
"""The back of the gland is looked at this far to either side of the midline."""

Array = npt.NDArray[np.float64]
Diameters = Callable[[Mask, Volume, GlandAxes], tuple[float, float, float] | None]


@dataclass(frozen=True)
class Row:
    """What was found in one case; degrees, ml, percent, mm."""

    case_id: str
    planimetry_ml: float
    difference_percent: dict[str, float]
    tilt_deg: float
    tilt_error_deg: dict[str, float]
    roll_deg: float
    zones_mirrored: dict[str, float]
    remarks: tuple[str, ...]
    urethra_off_mm: float | None
    left_share: dict[str, float]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("manifests", nargs="*", type=Path)
    parser.add_argument("--labels-only", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--codes", action="append", default=[], metavar="VALUE=NAME;...")
    parser.add_argument("--picture", metavar="CASE_ID")
    given = parser.parse_args()
    if len(given.labels_only) != len(given.codes):
        parser.error("give one --codes to each --labels-only")

    def cases() -> Iterator[Labelled]:
        yield from with_images(given.manifests)
        for folder, codes in zip(given.labels_only, given.codes, strict=True):
            yield from labels_only(folder, codes)

    rows = []
    for case_id, labels, codes, t2w in cases():
        row = measure_case(case_id, labels, codes)
        if row is not None:
            rows.append(row)
        sectors = sector_map(labels, codes)
        if case_id == given.picture and t2w is not None and sectors is not None:
            draw_sector_map(PICTURE, t2w, sectors, title=f"Sectors of {case_id}", lines=CREDIT)
    print("\n".join(report(rows)))


def measure_case(case_id: str, labels: Volume, codes: tuple[LabelCode, ...]) -> Row | None:
    """Everything about one case; None where it has no gland."""
    gland = gland_mask(labels, codes)
    if gland is None:
        return None
    axes, ml = gland_axes(gland, labels.grid), int(gland.sum()) * labels.grid.voxel_volume_ml
    from_centre = positions_mm(largest_piece(gland), labels.grid) - axes.centre_mm
    urethra = positions_mm(labels.values == LabelCode.DPU, labels.grid)
    back = tilt_of_back_deg(from_centre, axes)
    return Row(
        case_id,
        ml,
        {
            name: 100 * (math.prod(found) * math.pi / 6000 - ml) / ml
            for name, found in diameters(gland, labels, axes).items()
            if found
        },
        axes.tilt_deg,
        {name: abs(tilt - back) for name, tilt in tilts_deg(from_centre, axes).items()},
        axes.roll_deg,
        {
            "found": zones_mirrored(labels, gland, axes),
            "scanner's": zones_mirrored(labels, gland, replace(axes, directions=np.eye(3)[::-1])),
        },
        axes.remarks,
        abs(float(axes.along_mm(urethra.mean(axis=0))[2])) if len(urethra) else None,
        left_shares(labels, codes),
    )


def diameters(gland: Mask, labels: Volume, axes: GlandAxes) -> dict[str, tuple[float, float, float] | None]:
    """AP, T, CC as they ship, and as they might be measured otherwise."""
    upright = replace(axes, directions=np.eye(3)[::-1])
    along = axes.along_mm(positions_mm(largest_piece(gland), labels.grid))
    shadow = np.ptp(along, axis=0) + [voxel_chord_mm(labels.grid, direction) for direction in axes.directions]
    return {
        "as it ships": measured_diameters_mm(gland, labels.grid, axes),
        "along the scanner's axes": measured_diameters_mm(gland, labels.grid, upright),
        "extent of the whole gland, not of sections": (float(shadow[1]), float(shadow[2]), float(shadow[0])),
    }


def tilt_of_back_deg(from_centre: Array, axes: GlandAxes) -> float:
    """Slope of the gland's back beside the midline, by a line through its hindmost 2 % every 3 mm."""
    roll = np.radians(axes.roll_deg)
    behind, left = from_centre @ [-np.sin(roll), np.cos(roll), 0], from_centre @ axes.directions[2]
    near = np.abs(left) < BACK_HALF_WIDTH_MM
    level = np.round(from_centre[near, 2] / 3).astype(int)
    heights = np.unique(level)
    hindmost = np.array([np.percentile(behind[near][level == height], 98) for height in heights])
    slope = np.polyfit(3.0 * heights, hindmost, 1)[0] if len(heights) > 1 else 0.0
    return float(np.degrees(np.arctan(slope)))


def tilts_deg(from_centre: Array, axes: GlandAxes) -> dict[str, float]:
    """The tilt of the long axis as it ships, of the principal axis nearest to superior in the midline, and of none."""
    roll = np.radians(axes.roll_deg)
    behind, up = from_centre @ [-np.sin(roll), np.cos(roll), 0], from_centre[:, 2]
    principal = np.degrees(np.arctan(2 * np.mean(behind * up) / (np.mean(up**2) - np.mean(behind**2)))) / 2
    return {"line of middles": axes.tilt_deg, "principal axis": float(principal), "scanner's superior": 0.0}


def zones_mirrored(labels: Volume, gland: Mask, axes: GlandAxes) -> float:
    """Share of the gland's voxels whose mirror image in the midline has the same label."""
    positions, grid = positions_mm(gland, labels.grid), labels.grid
    mirrored = positions - 2 * axes.along_mm(positions)[:, 2:] * axes.directions[2]
    index = np.rint(grid.to_index(mirrored)).astype(np.intp)
    inside = ((index >= 0) & (index < grid.shape)).all(axis=1)
    same = labels.values[tuple(index[inside].T)] == labels.values[gland][inside]
    return float(same.sum() / len(positions))


def left_shares(labels: Volume, codes: tuple[LabelCode, ...]) -> dict[str, float]:
    """By zone and part, which share of it lies on the left."""
    sectors = sector_map(labels, codes)
    if sectors is None:
        return {}
    volumes = sector_volumes_ml(sectors)
    shares = {}
    for short in dict.fromkeys(sector.short for sector in SECTORS):
        both = sum(volumes[sector.abbreviation] for sector in SECTORS if sector.short == short)
        left = sum(volumes[s.abbreviation] for s in SECTORS if s.short == short and s.side == "left")
        if both > 0.5:  # ml; of less, a share is chance
            shares[short] = left / both
    return shares


def report(rows: list[Row]) -> Iterator[str]:
    """The tables in Markdown."""
    volumes_ml = [row.planimetry_ml for row in rows]
    yield f"{len(rows)} glands of {min(volumes_ml):.0f} to {max(volumes_ml):.0f} ml ({machine()})."
    yield "\n| ellipsoid less planimetry | mean (%) | SD | median | from | to |\n|---|---|---|---|---|---|"
    for name in rows[0].difference_percent:
        values = [row.difference_percent[name] for row in rows if name in row.difference_percent]
        yield f"| {name} | {spread(values)} | {min(values):+.1f} | {max(values):+.1f} |"
    yield "\n| tilt of the long axis against the slope of the back | mean difference (°) | worst (°) |\n|---|---|---|"
    for name in rows[0].tilt_error_deg:
        values = [row.tilt_error_deg[name] for row in rows]
        yield f"| {name} | {np.mean(values):.1f} | {max(values):.1f} |"
    yield "\n| midline | same label in the mirror, mean | worst |\n|---|---|---|"
    for name in rows[0].zones_mirrored:
        values = [row.zones_mirrored[name] for row in rows]
        yield f"| {name} | {np.mean(values):.3f} | {min(values):.3f} |"
    yield f"\nTilt {of(r.tilt_deg for r in rows)}; roll {of(r.roll_deg for r in rows)}."
    yield f"Axes that are not believed, so that the scanner's are used: {sum(bool(r.remarks) for r in rows)} glands."
    off = [row.urethra_off_mm for row in rows if row.urethra_off_mm is not None]
    if off:
        yield f"Distal urethra's middle off the midline: {', '.join(f'{mm:.1f}' for mm in off)} mm."
    yield "\n| part | glands | share on the left, mean (%) | SD | median |\n|---|---|---|---|---|"
    for short in dict.fromkeys(sector.short for sector in SECTORS):
        shares = [100 * row.left_share[short] for row in rows if short in row.left_share]
        if shares:
            yield f"| {short} | {len(shares)} | {spread(shares, '.1f')} |"


def spread(values: list[float], form: str = "+.1f") -> str:
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return f"{np.mean(values):{form}} | {deviation:.1f} | {np.median(values):{form}}"


def of(values: Iterable[float]) -> str:
    found = np.array(list(values))
    return f"{np.median(found):+.1f}° (median; {found.min():+.1f}° to {found.max():+.1f}°)"


if __name__ == "__main__":
    main()
