"""What the evidence of an alignment means in millimetres: fitted on one half of the patients, reported on the other.

    python benchmarks/alignment/calibrate.py [--studies 40] [--write]

Each simulated study is aligned in many ways, right and wrong: by the header, by each stage of the registration, by
registrations that were started 10 to 22 mm away and so ended in a false optimum now and then, and by the right result
moved on by known rigid and smooth displacements. `--write` replaces `src/zonate/alignment/calibration.json`.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.optimize import nnls
from scipy.stats import beta, pearsonr, spearmanr

from benchmarks.alignment.studies import CALIBRATION_SEED, DisplacedStudy, cached
from benchmarks.alignment.truth import Points, target_errors_mm
from zonate.alignment.elastix import register
from zonate.alignment.quality import Calibration, Evidence, Judge, estimated_error_mm, terms
from zonate.alignment.region import gland_region
from zonate.errors import AlignmentError
from zonate.settings.data import AlignmentSettings

BAD_MM = 3.0
"""A mean error in the gland above this must not be called good."""
MARGIN = 0.8
"""The threshold lies this much below the smallest estimate of a bad alignment among those fitted to."""
N_FALSE_STARTS, N_MOVED = 3, 30
SATURATION_MM = 12.0
"""Errors beyond the reach of the search count as this in the fit."""
CALIBRATION_FILE = Path(__file__).parents[2] / "src" / "zonate" / "alignment" / "calibration.json"


@dataclass(frozen=True)
class Outcome:
    """One alignment of one study: how it was made, its true mean error in the gland, and its evidence."""

    study: str
    made: str
    error_mm: float
    evidence: Evidence | None


def outcomes_of(k: int, cache: Path) -> list[Outcome]:
    """All alignments of the k-th study."""
    study = cached(cache, CALIBRATION_SEED, k)
    moving = study.acquisition.lowest_b
    assert moving is not None  # noqa: S101  (every simulated study has one)
    judge = Judge(study.acquisition.t2w, AlignmentSettings().region_mm)
    return [
        Outcome(
            study.name,
            made,
            float(target_errors_mm(transform, study.inside_mm, study.true_inside_mm).mean()),
            judge.evidence(moving, transform),
        )
        for made, transform in _alignments(study, np.random.default_rng([CALIBRATION_SEED, k, 99]))
    ]


def _alignments(study: DisplacedStudy, rng: np.random.Generator) -> Iterator[tuple[str, sitk.Transform]]:
    t2w, moving = study.acquisition.t2w, study.acquisition.lowest_b
    assert moving is not None  # noqa: S101
    region = gland_region(t2w.grid, AlignmentSettings().region_mm)
    centre_mm = study.inside_mm.mean(axis=0)
    yield "header", sitk.Transform(3, sitk.sitkIdentity)
    rigid = register(t2w, moving, region, "rigid")
    bspline = register(t2w, moving, region, "bspline", rigid)
    yield "rigid", rigid
    yield "bspline", bspline
    for _ in range(N_FALSE_STARTS):
        try:
            false = register(t2w, moving, region, "rigid", _rigid(rng, centre_mm, rng.uniform(10, 22)))
            yield "false start, rigid", false
            yield "false start, bspline", register(t2w, moving, region, "bspline", false)
        except AlignmentError:
            continue
    for n in range(N_MOVED):
        # A composite transform applies its last part first.
        parts = [(bspline, rigid)[n % 3 == 2], _rigid(rng, centre_mm, rng.uniform(0, 12))]
        if n % 2:
            parts.append(_smooth(rng, centre_mm, rng.uniform(0, 4)))
        yield "moved", sitk.CompositeTransform(parts)


def _rigid(rng: np.random.Generator, centre_mm: Points, size_mm: float) -> sitk.Transform:
    axis, direction = (vector / np.linalg.norm(vector) for vector in rng.standard_normal((2, 3)))
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre_mm.tolist())
    transform.SetRotation(*(axis * np.radians(rng.uniform(0, min(size_mm, 8)))).tolist())
    transform.SetTranslation((direction * size_mm * rng.uniform(0.5, 1)).tolist())
    return transform


def _smooth(rng: np.random.Generator, centre_mm: Points, size_mm: float) -> sitk.Transform:
    """A B-spline of control points 40 mm apart."""
    images = []
    for _ in range(3):
        image = sitk.GetImageFromArray(rng.normal(0, size_mm, (8, 8, 8)))
        image.SetSpacing((40.0, 40.0, 40.0))
        image.SetOrigin((centre_mm - 140.0).tolist())
        images.append(image)
    return sitk.BSplineTransform(images, 3)


def fit(outcomes: list[Outcome]) -> Calibration:
    """Non-negative least squares, so that no term can make a worse alignment look better."""
    seen = [(outcome, terms(outcome.evidence)) for outcome in outcomes if outcome.evidence is not None]
    names = list(seen[0][1])
    errors = np.minimum([outcome.error_mm for outcome, _ in seen], SATURATION_MM)
    matrix = np.array([[1.0, *(parts[name] for name in names)] for _, parts in seen])
    relative = 1 / (1 + errors)  # a millimetre matters more where there is little error
    found, _ = nnls(matrix * relative[:, None], errors * relative)
    weights = {name: round(float(value), 4) for name, value in zip(names, found[1:], strict=True) if value > 1e-4}
    model = Calibration(round(float(found[0]), 4), weights, 0.0)
    bad = [estimated_error_mm(o.evidence, model) for o in outcomes if o.error_mm > BAD_MM]
    return Calibration(model.intercept_mm, weights, round(MARGIN * min(bad), 2))


def report(outcomes: list[Outcome], found: Calibration) -> dict[str, float]:
    """How well estimates agree with true errors, and how often a bad alignment is called good."""
    true = np.array([outcome.error_mm for outcome in outcomes])
    estimate = np.array([estimated_error_mm(outcome.evidence, found) for outcome in outcomes])
    good, bad = estimate <= found.good_below_mm, true > BAD_MM
    wrong, n_bad = int((good & bad).sum()), int(bad.sum())
    finite = np.isfinite(estimate)
    within = finite & (true < SATURATION_MM)
    return {
        "studies": len({outcome.study for outcome in outcomes}),
        "alignments": len(outcomes),
        "pearson": round(float(pearsonr(true[within], estimate[within]).statistic), 3),
        "spearman": round(float(spearmanr(true[finite], estimate[finite]).statistic), 3),
        "mean_absolute_difference_mm": round(float(np.abs(true - estimate)[within].mean()), 2),
        "worse_than_3_mm": n_bad,
        "of_these_called_good": wrong,
        "upper_95_percent_bound": round(float(beta.ppf(0.95, wrong + 1, n_bad - wrong)), 4),
        "better_than_1_5_mm": int((true < 1.5).sum()),
        "of_those_called_good_fraction": round(float(good[true < 1.5].mean()), 3),
        "largest_error_called_good_mm": round(float(true[good].max(initial=0)), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--cache", type=Path, default=Path("runs/alignment"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        each = list(pool.map(partial(outcomes_of, cache=arguments.cache), range(arguments.studies)))
    # Odd and even patients, so that the features that go round by number fall on both halves.
    halves = [[outcome for part in each[half::2] for outcome in part] for half in (0, 1)]
    found = fit(halves[0])
    kept = {
        "source": f"benchmarks/alignment/calibrate.py --studies {arguments.studies}",
        "intercept_mm": found.intercept_mm,
        "weights": found.weights,
        "good_below_mm": found.good_below_mm,
        "fitted_to": report(halves[0], found),
        "held_out": report(halves[1], found),
    }
    text = json.dumps(kept, indent=2) + "\n"
    print(text)
    if arguments.write:
        CALIBRATION_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
