"""What each choice of the recipe is worth, on studies kept for tuning.

    python -m benchmarks.alignment.tune [--studies 16]

Each variant changes one thing; the errors are of the last stage, whatever `align_to_t2w` would make of it. It writes
`benchmarks/alignment/tune.md`.
"""

import argparse
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.alignment.studies import TUNING_SEED, cached
from benchmarks.alignment.truth import target_errors_mm
from zonate.alignment import elastix
from zonate.alignment.field import measure_field
from zonate.alignment.region import gland_region
from zonate.errors import AlignmentError

RESULT_FILE = Path(__file__).with_name("tune.md")


@dataclass(frozen=True)
class Variant:
    """One change of the recipe."""

    name: str
    changes: dict[str, str] = field(default_factory=dict)  # of the B-spline's parameter map
    moving: str = "lowest_b"
    region_mm: float = 80.0


VARIANTS = (
    Variant("as it ships"),
    Variant("control points 20 mm apart", {"FinalGridSpacingInPhysicalUnits": "20 20 20"}),
    Variant("control points 40 mm apart", {"FinalGridSpacingInPhysicalUnits": "40 40 40"}),
    Variant("a fifth of the bending energy", {"Metric1Weight": "10.0"}),
    Variant("four times the bending energy", {"Metric1Weight": "200.0"}),
    Variant("twice the samples", {"NumberOfSpatialSamples": "2048"}),
    Variant("region of 60 mm", region_mm=60.0),
    Variant("region of 110 mm", region_mm=110.0),
    Variant("registered on the ADC map", moving="adc"),
    Variant("registered on b 800", moving="dwi"),
)


def changed(stage: elastix.Stage, changes: dict[str, str]) -> str:
    """The parameter map of a stage with other values; every change is of the B-spline's."""
    text = _SHIPPED(stage)
    for key, value in changes.items() if stage == "bspline" else ():
        text, n = re.subn(rf"\({key} [^)]*\)", f"({key} {value})", text)
        if n != 1:
            raise ValueError(f"the map of the stage {stage} has {n} lines of {key}")
    return text


_SHIPPED = elastix.parameter_text


def errors_of(k: int, variant: Variant, cache: Path) -> tuple[float, float, float, float] | None:
    """Mean and 95th percentile of the error, the mean after the rigid stage, in mm, and the smallest Jacobian."""
    study = cached(cache, TUNING_SEED, k)
    t2w, moving = study.acquisition.t2w, getattr(study.acquisition, variant.moving)
    if moving is None or study.about["low_b_only"]:
        return None
    elastix.parameter_text = partial(changed, changes=variant.changes)
    region = gland_region(t2w.grid, variant.region_mm)
    try:
        rigid = elastix.register(t2w, moving, region, "rigid")
        bspline = elastix.register(t2w, moving, region, "bspline", rigid)
    except AlignmentError:
        return np.inf, np.inf, np.inf, 0.0
    errors = target_errors_mm(bspline, study.inside_mm, study.true_inside_mm)
    before = target_errors_mm(rigid, study.inside_mm, study.true_inside_mm)
    smallest = measure_field(bspline, t2w.grid, region).minimum_jacobian
    return float(errors.mean()), float(np.percentile(errors, 95)), float(before.mean()), smallest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=16)
    parser.add_argument("--cache", type=Path, default=Path("runs/alignment"))
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    lines = [
        "| variant | rigid (mm) | B-spline (mm) | 95th percentile (mm) | worst study (mm) | smallest Jacobian |",
        "|---|---|---|---|---|---|",
    ]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for variant in VARIANTS:
            found = pool.map(partial(errors_of, variant=variant, cache=arguments.cache), range(arguments.studies))
            values = np.array([each for each in found if each is not None])
            bspline, p95, rigid = values[:, :3].mean(axis=0)
            worst, smallest = values[:, 0].max(), values[:, 3].min()
            lines.append(f"| {variant.name} | {rigid:.2f} | {bspline:.2f} | {p95:.2f} | {worst:.2f} | {smallest:.2f} |")
            print(lines[-1], flush=True)
    RESULT_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
