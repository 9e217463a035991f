"""What the anatomical checks catch, and what they wrongly hold against good labels.

    python -m benchmarks.anatomy [MANIFEST...] [--simulated N] [--labels-only FOLDER --codes "0=BACKGROUND;1=PZ;..."]

Each labelled case is examined as it is, and then with a defect put into its labels: numbers swapped, mask flipped
about the volume's or the gland's own middle, mask moved, one half alone, PZ on one side alone. Printed: of how many
cases each was refused, warned about, or passed, and how many the two rules of one side tell. With --labels-only the
rules that need no image are measured on label volumes whose images are not there.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zonate.anatomy import PZ_SHARE_LEFT, WIDTH_BY_DEPTH, Anatomy, examine
from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.labels import map_labels
from zonate.geometry import Volume, to_canonical
from zonate.io.nifti import is_volume_file, read_volume
from zonate.load import load_case
from zonate.simulation.study import draw_study
from zonate.zones import ALL_ZONE_CODES, LabelCode, parse_label_codes

Labels = npt.NDArray[np.uint8]
Labelled = tuple[str, Volume, tuple[LabelCode, ...], Volume | None]
"""Case id, label codes, the codes that could have been drawn, and T2W; the axes in the patient's order."""


def moved(values: Labels, n: int, axis: int) -> Labels:
    """Shifted by n voxels along an axis, background where nothing comes in."""
    rolled = np.roll(values, n, axis)
    edge: list[slice] = [slice(None)] * 3
    edge[axis] = slice(None, n) if n > 0 else slice(n, None)
    rolled[tuple(edge)] = 0
    return rolled


def flipped_in_place(values: Labels, axis: int) -> Labels:
    """Mirrored in the gland's own middle."""
    held = np.flatnonzero(values.any(axis=tuple(other for other in range(3) if other != axis)))
    span: list[slice] = [slice(None)] * 3
    span[axis] = slice(int(held[0]), int(held[-1]) + 1)
    flipped = values.copy()
    flipped[tuple(span)] = np.flip(values[tuple(span)], axis)
    return flipped


def inner(values: Labels) -> LabelCode:
    """What lies within PZ."""
    return LabelCode.CENTRAL_GLAND if (values == LabelCode.CENTRAL_GLAND).any() else LabelCode.TZ


def halves(values: Labels) -> Iterator[tuple[slice, ...]]:
    """The columns on either side of the gland's centroid; of an empty mask none."""
    if (columns := np.argwhere(values)[:, 2]).size:
        middle = round(float(columns.mean()))
        yield from ((slice(None), slice(None), side) for side in (slice(None, middle), slice(middle, None)))


def without(values: Labels, where: tuple[slice, ...], codes: Labels, put: int) -> Labels:
    """What has one of the codes there is `put` instead."""
    changed = values.copy()
    part = changed[where]
    part[np.isin(part, codes)] = put
    return changed


def swapped(values: Labels) -> Labels:
    """PZ for the central gland or TZ, and the reverse."""
    other = inner(values)
    return np.where(values == LabelCode.PZ, other, np.where(values == other, LabelCode.PZ, values)).astype(np.uint8)


def defects(labels: Volume) -> Iterator[tuple[str, Labels]]:
    """By name, the labels with one defect each."""
    values, mm = labels.values, labels.grid.spacing_mm
    yield "as drawn", values
    if (values == LabelCode.PZ).any():
        yield "PZ and central gland swapped", swapped(values)
    for axis, name in enumerate(("head to feet", "front to back", "left to right")):
        yield f"flipped {name}", np.flip(values, axis).copy()
    for axis, name in enumerate(("head to feet", "front to back")):
        yield f"flipped {name} in place", flipped_in_place(values, axis)
    for axis in (1, 2):
        for distance_mm in (-15, -10, -5, 5, 10, 15):
            yield f"moved {abs(distance_mm)} mm in plane", moved(values, round(distance_mm / mm[axis]), axis)
    for n in (-3, -2, 2, 3):
        yield f"moved {abs(n)} slices", moved(values, n, 0)
    pz = np.array([LabelCode.PZ], dtype=np.uint8)
    for side in halves(values):
        yield "one half alone", without(values, side, np.unique(values), 0)
        if (values == LabelCode.PZ).any():
            yield "PZ on one side, else inner gland", without(values, side, pz, inner(values))
            yield "PZ on one side, else nothing", without(values, side, pz, 0)


def by_width(found: Anatomy) -> bool:
    return found.figures.get("gland_width_by_depth", WIDTH_BY_DEPTH) < WIDTH_BY_DEPTH


def by_share(found: Anatomy) -> bool:
    return not PZ_SHARE_LEFT[0] <= found.figures.get("pz_share_left", 0.5) <= PZ_SHARE_LEFT[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("manifests", nargs="*", type=Path)
    parser.add_argument("--simulated", type=int, default=0, metavar="N")
    parser.add_argument("--labels-only", type=Path, metavar="FOLDER")
    parser.add_argument("--codes", default="0=BACKGROUND;1=PZ;2=CENTRAL_GLAND")
    given = parser.parse_args()
    if given.manifests:
        measure("With their images", with_images(given.manifests))
    if given.simulated:
        measure("Simulated", simulated(given.simulated))
    if given.labels_only:
        measure("Labels alone", labels_only(given.labels_only, given.codes))


def measure(title: str, cases: Iterator[Labelled]) -> None:
    """Examine each case with each defect, and print what became of them."""
    counts: dict[str, Counter[str]] = {}
    seconds: list[float] = []
    said: list[str] = []
    for case_id, labels, codes, t2w in cases:
        for name, values in defects(labels):
            began = time.perf_counter()
            found = examine(labels.with_values(values), codes, t2w)
            seconds.append(time.perf_counter() - began)
            verdict = "refused" if found.refusals else "warned" if found.warnings else "passed"
            told = [by_width(found), by_share(found)]
            counts.setdefault(name, Counter()).update([verdict])
            counts[name].update({"width": told[0], "share": told[1], "either": any(told)})
            if name == "as drawn" and verdict != "passed":
                said.append(f"{case_id}: {verdict}: {'; '.join((*found.refusals, *found.warnings))}")
    columns = ("refused", "warned", "passed", "width", "share", "either")
    print(f"{title}\n\n| labels | n | {' | '.join(columns)} |\n|{'---|' * (len(columns) + 2)}")
    for name, of in counts.items():
        n = sum(of[verdict] for verdict in ("refused", "warned", "passed"))
        print(f"| {name} | {n} | {' | '.join(str(of[column]) for column in columns)} |")
    print("\n".join(["", *said, f"{np.median(seconds):.2f} s each (median)", ""]), flush=True)


def with_images(manifests: list[Path]) -> Iterator[Labelled]:
    for source in (row for manifest in manifests for row in read_manifest(manifest) if row.labels):
        case = load_case(source.inputs, case_id=source.case_id)
        reference, _ = read_annotation(source, case.t2w.grid)
        yield source.case_id, to_canonical(reference), source.codes, to_canonical(case.t2w)


def simulated(n: int) -> Iterator[Labelled]:
    for k in range(n):
        study = draw_study(1, k, "siemens")
        scan = study.examination
        t2w = scan.t2w(scan.t2w_grid, np.random.default_rng(k))
        yield study.case_id, to_canonical(scan.labels()), ALL_ZONE_CODES, to_canonical(t2w)


def labels_only(folder: Path, codes: str) -> Iterator[Labelled]:
    table = parse_label_codes(codes)
    for file in sorted(file for file in folder.iterdir() if is_volume_file(file)):
        labels = to_canonical(read_volume(file))
        values = map_labels(labels.values, table, file.name)
        yield file.name, labels.with_values(values), tuple(sorted(table.values())), None


if __name__ == "__main__":
    main()
