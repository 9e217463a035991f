"""What the anatomical checks catch, and what they wrongly hold against good labels.

    python -m benchmarks.anatomy MANIFEST...

Each labelled case is examined as it is, and then with a defect put into its labels: numbers swapped, mask flipped
about the volume's middle, mask moved. Printed: of how many cases each was refused, warned about, or passed.
"""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from zonate.dataset.anatomy import examine
from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers.manifest import read_manifest
from zonate.dataset.importers.source import Source
from zonate.geometry import Volume, to_canonical
from zonate.load import load_case
from zonate.zones import LabelCode

Labels = npt.NDArray[np.uint8]


def moved(values: Labels, n: int, axis: int) -> Labels:
    """Shifted by n voxels along an axis, background where nothing comes in."""
    rolled = np.roll(values, n, axis)
    edge: list[slice] = [slice(None)] * 3
    edge[axis] = slice(None, n) if n > 0 else slice(n, None)
    rolled[tuple(edge)] = 0
    return rolled


def swapped(values: Labels) -> Labels:
    """PZ for the central gland or TZ, and the reverse."""
    other = LabelCode.CENTRAL_GLAND if (values == LabelCode.CENTRAL_GLAND).any() else LabelCode.TZ
    return np.where(values == LabelCode.PZ, other, np.where(values == other, LabelCode.PZ, values)).astype(np.uint8)


def defects(labels: Volume) -> Iterator[tuple[str, Labels]]:
    """By name, the labels with one defect each."""
    values, mm = labels.values, labels.grid.spacing_mm
    yield "as drawn", values
    if (values == LabelCode.PZ).any():
        yield "PZ and central gland swapped", swapped(values)
    for axis, name in enumerate(("head to feet", "front to back", "left to right")):
        yield f"flipped {name}", np.flip(values, axis).copy()
    for axis in (1, 2):
        for distance_mm in (-15, -10, -5, 5, 10, 15):
            yield f"moved {abs(distance_mm)} mm in plane", moved(values, round(distance_mm / mm[axis]), axis)
    for n in (-3, -2, 2, 3):
        yield f"moved {abs(n)} slices", moved(values, n, 0)


def main() -> None:
    """Print the table."""
    counts: dict[str, Counter[str]] = {}
    seconds: list[float] = []
    for source in (row for manifest in sys.argv[1:] for row in read_manifest(Path(manifest)) if row.labels):
        case, labels = _read(source)
        for name, values in defects(labels):
            began = time.perf_counter()
            found = examine(labels.with_values(values), source.codes, case)
            seconds.append(time.perf_counter() - began)
            verdict = "refused" if found.refusals else "warned" if found.warnings else "passed"
            counts.setdefault(name, Counter())[verdict] += 1
            if name == "as drawn" and verdict != "passed":
                print(f"{source.case_id}: {verdict}: {'; '.join((*found.refusals, *found.warnings))}")
    print("| labels | cases | refused | warned | passed |\n|---|---|---|---|---|")
    for name, of in counts.items():
        print(f"| {name} | {of.total()} | {of['refused']} | {of['warned']} | {of['passed']} |")
    print(f"{np.median(seconds):.2f} s a case (median)")


def _read(source: Source) -> tuple[Volume, Volume]:
    """T2W and label codes in the patient's order of axes."""
    case = load_case(source.inputs, case_id=source.case_id)
    reference, _ = read_annotation(source, case.t2w.grid)
    return to_canonical(case.t2w), to_canonical(reference)


if __name__ == "__main__":
    main()
