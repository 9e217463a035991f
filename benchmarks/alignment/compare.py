"""Target registration error of Zonate's alignment and of what else one could use, on simulated studies.

    python -m benchmarks.alignment.compare [--studies 42] [--methods "header;zonate"]

The studies are others than those the recipe was tuned on. Each method runs on one core; two studies run at a time. It
writes `benchmarks/alignment/compare.json`, a row a study and method (rows of methods that did not run now are kept),
and prints the table in docs/concepts/alignment.md. ANTs needs an environment of its own, with `pip install antspyx`: it
wants an older numpy than Zonate's pins.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.alignment.studies import TEST_SEED, DisplacedStudy, cached
from benchmarks.alignment.truth import target_errors_mm
from zonate.alignment import align_to_t2w, elastix
from zonate.alignment.candidates import HEADER
from zonate.alignment.field import displacement_mm, displacement_transform, jacobian_determinant
from zonate.alignment.region import gland_region
from zonate.errors import AlignmentError
from zonate.io.nifti import write_volume
from zonate.settings.data import AlignmentSettings

RESULT_FILE = Path(__file__).with_name("compare.json")
SETTINGS = AlignmentSettings()


@dataclass(frozen=True)
class Row:
    """One study by one method; the errors are NaN where the method says that its result is not usable."""

    study: str
    method: str
    chosen: str
    mean_mm: float
    p95_mm: float
    edge_mean_mm: float
    folded_fraction: float
    seconds: float
    estimated_error_mm: float | None = None


def by_header(study: DisplacedStudy) -> tuple[sitk.Transform, str, float | None]:
    """The scanner's geometry."""
    del study
    return HEADER, "header", None


def by_zonate(study: DisplacedStudy, method: str = "bspline") -> tuple[sitk.Transform | None, str, float | None]:
    """The whole of `align_to_t2w`: both stages, the quality figures, the choice, the resampling."""
    settings = AlignmentSettings.model_validate({"method": method})
    found = align_to_t2w(study.acquisition, settings)
    error = found.record.figures.get("estimated_error_mm")
    if found.record.chosen == "none":
        return None, "none", error
    if found.displacement_mm is None:
        return HEADER, found.record.chosen, error
    return displacement_transform(found.displacement_mm, study.acquisition.t2w.grid), found.record.chosen, error


def by_default_elastix(study: DisplacedStudy) -> tuple[sitk.Transform, str, float | None]:
    """Elastix's own default maps, rigid and then B-spline, over the whole field of view."""
    t2w, moving = study.acquisition.t2w, study.acquisition.lowest_b
    assert moving is not None  # noqa: S101
    everywhere = np.ones(t2w.grid.shape, dtype=np.bool_)
    ours = elastix.parameter_text
    elastix.parameter_text = _default_text
    try:
        rigid = elastix.register(t2w, moving, everywhere, "rigid", time_limit_s=600)
        return elastix.register(t2w, moving, everywhere, "bspline", rigid, time_limit_s=600), "bspline", None
    finally:
        elastix.parameter_text = ours


def _default_text(stage: elastix.Stage) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.txt"
        sitk.WriteParameterFile(sitk.GetDefaultParameterMap(stage), str(path))
        return path.read_text(encoding="utf-8").replace('(WriteResultImage "true")', '(WriteResultImage "false")')


def by_ants(study: DisplacedStudy) -> tuple[sitk.Transform, str, float | None]:
    """ANTs (antspyx): rigid, affine and SyN, all by Mattes mutual information, with the same mask as ours."""
    import ants  # a guest of this benchmark alone
    import pandas as pd

    t2w, moving = study.acquisition.t2w, study.acquisition.lowest_b
    assert moving is not None  # noqa: S101
    region = gland_region(t2w.grid, SETTINGS.region_mm)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, volume in (("t2w", t2w), ("dwi", moving), ("mask", t2w.with_values(region.astype(np.float32)))):
            write_volume(folder / f"{key}.nii.gz", volume)
        fixed, other, mask = (ants.image_read(str(folder / f"{key}.nii.gz")) for key in ("t2w", "dwi", "mask"))
        found = ants.registration(
            fixed, other, "SyNRA", mask=mask, aff_metric="mattes", syn_metric="mattes", random_seed=1,
            outprefix=str(folder / "ants-"), initial_transform="Identity",
        )  # fmt: skip
        grid = t2w.grid
        index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)[:, ::4, ::4]
        points = grid.to_mm(index.reshape(-1, 3))
        moved = ants.apply_transforms_to_points(
            3, pd.DataFrame(points, columns=["x", "y", "z"]), found["fwdtransforms"]
        )
        there = np.asarray(moved[["x", "y", "z"]])
    coarse_affine = grid.affine.copy()
    coarse_affine[:3, 1:3] *= 4
    shape = index.shape[:3]
    coarse = type(grid)((shape[0], shape[1], shape[2]), coarse_affine, grid.frame_of_reference)
    field = (there - points).reshape(*shape, 3).astype(np.float32)
    return displacement_transform(field, coarse), "bspline", None


METHODS: dict[str, Callable[[DisplacedStudy], tuple[sitk.Transform | None, str, float | None]]] = {
    "header": by_header,
    "zonate": by_zonate,
    "zonate, rigid only": partial(by_zonate, method="rigid"),
    "elastix, default maps": by_default_elastix,
    "ANTs, SyN by mutual information": by_ants,
}


def measure(task: tuple[int, str], cache: Path) -> Row:
    """One study by one method."""
    k, method = task
    study = cached(cache, TEST_SEED, k)
    begun = time.perf_counter()
    try:
        transform, chosen, estimate = METHODS[method](study)
    except AlignmentError:
        transform, chosen, estimate = None, "failed", None
    seconds = time.perf_counter() - begun
    if transform is None:
        return Row(study.name, method, chosen, np.nan, np.nan, np.nan, 0.0, seconds, estimate)
    inside = target_errors_mm(transform, study.inside_mm, study.true_inside_mm, every=2)
    edge = target_errors_mm(transform, study.edge_mm, study.true_edge_mm, every=2)
    grid = study.acquisition.t2w.grid
    determinant = jacobian_determinant(displacement_mm(transform, grid), grid)[gland_region(grid, SETTINGS.region_mm)]
    return Row(
        study.name, method, chosen, float(inside.mean()), float(np.percentile(inside, 95)), float(edge.mean()),
        float((determinant <= 0).mean()), seconds, estimate,
    )  # fmt: skip


def table(rows: list[Row]) -> str:
    """A line a method: means over studies, the worst study, and how often it is worse than the header."""
    header = {row.study: row.mean_mm for row in rows if row.method == "header"}
    lines = [
        "| method | studies | mean TRE (mm) | 95th percentile (mm) | at the edge (mm) | worst study (mm) | "
        "worst against header (mm) | studies with folds | not usable | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in dict.fromkeys(row.method for row in rows):
        own = [row for row in rows if row.method == method]
        used = [row for row in own if np.isfinite(row.mean_mm)]
        if not used:
            lines.append(f"| {method} | {len(own)} |" + " – |" * 6 + f" {len(own)} | – |")
            continue
        values = np.array([[row.mean_mm, row.p95_mm, row.edge_mean_mm] for row in used])
        spread = values[:, 0].std(ddof=1) if len(used) > 1 else 0.0
        loss = max(row.mean_mm - header[row.study] for row in used)
        lines.append(
            f"| {method} | {len(own)} | {values[:, 0].mean():.2f} ± {spread:.2f} | {values[:, 1].mean():.2f} | "
            f"{values[:, 2].mean():.2f} | {values[:, 0].max():.2f} | {loss:+.2f} | "
            f"{sum(row.folded_fraction > 0 for row in used)} | {len(own) - len(used)} | "
            f"{np.nanmedian([row.seconds for row in own]):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=42)
    parser.add_argument("--cache", type=Path, default=Path("runs/alignment"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="print the table of what is kept, and run nothing")
    parser.add_argument("--methods", default=";".join(METHODS), help="names with ; between")
    arguments = parser.parse_args()
    os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
    kept = [Row(**row) for row in json.loads(RESULT_FILE.read_text())["rows"]] if RESULT_FILE.is_file() else []
    if arguments.table:
        print(table(kept))
        return
    wanted = [name for name in METHODS if name in arguments.methods.split(";")]
    rows = [row for row in kept if row.method not in wanted]
    tasks = [(k, name) for name in wanted for k in range(arguments.studies)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for row in pool.map(partial(measure, cache=arguments.cache), tasks):
            rows.append(row)
            print(json.dumps(asdict(row)), flush=True)
    rows.sort(key=lambda row: (list(METHODS).index(row.method), row.study))
    RESULT_FILE.write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
