"""Models on patients of other sources, which no fold saw: evaluation only, nothing learns from them.

    python -m benchmarks.accuracy.external --data DATA [--work WORK] [--methods a,b] [--model shipped|FILE]...
        [--samples 10] [--set prediction.background_below=0.7]

PROSTATEx patients against two AI models' zones (PI-CAI), the mean over both; PROMISE12's and one Prostate-3T patient's
glands. With --work all models that `python -m benchmarks.accuracy` trained, each patient the mean over the folds.
Patients whom a model was trained or chosen on are left out. Each goes the way of `zonate predict`. With --set, which
changes how models are used, the section is printed and nothing is kept.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.accuracy.__main__ import write_page
from benchmarks.accuracy.external_table import external_section
from benchmarks.accuracy.figures import AI, GLANDS, SAME_SOURCE
from benchmarks.accuracy.images import Image, read_images
from benchmarks.accuracy.job import RUN_NAME, Job, finished_jobs
from benchmarks.accuracy.measure import STRUCTURES, TOLERANCE_MM
from benchmarks.accuracy.results import Results, write_results
from benchmarks.machine import circumstances
from zonate.errors import ZonateError
from zonate.metrics import score_case
from zonate.metrics.tables import score_columns, score_row
from zonate.preprocessing.image_digest import image_digest
from zonate.segmenter import Segmenter
from zonate.shipped import SHIPPED, model_path
from zonate.training.known_patients import KnownPatients

NAME = "external"
"""Of the kept results."""
SETS: Mapping[str, tuple[tuple[str, str], ...]] = {
    AI: (("picai-ai-reference", "evaluation"),),
    GLANDS: (("promise12-gland", "evaluation"),),
    SAME_SOURCE: (("nci-isbi-2013", "evaluation"),),
}
"""By name, the folders of DATA, and which of their rows."""


@dataclass(frozen=True)
class Candidate:
    """A model to be measured.

    Attributes:
        name: In the table; the models of several folds have the same.
        fold: That it left out; None: it was trained on everybody.
        path: Model file or run folder.
    """

    name: str
    fold: int | None
    path: Path


def evaluate_external(
    candidates: Sequence[Candidate], data: Path, samples: int, assignments: Sequence[str] = ()
) -> Results:
    """Measure models on the patients of SETS.

    Args:
        candidates: The models.
        data: Folder of the data sets; a folder that is not there is passed over.
        samples: How many `predict` draws, by which it calls results doubtful; 0: it judges by shape alone.
        assignments: Settings of the models' use that are changed, such as `prediction.flips=false`.

    Raises:
        ModelError: A model cannot be read, or does not say whom it was trained on.
    """
    runs: list[Mapping[str, Any]] = []
    rows: list[Mapping[str, str]] = []
    images = {name: list(_images(data, name)) for name in SETS}
    for candidate in candidates:
        segmenter = Segmenter.load(candidate.path, [f"prediction.samples={samples}", *assignments])
        known = KnownPatients.of(segmenter.model.provenance)
        cases: list[dict[str, Any]] = []
        for name, of_set in images.items():
            for image in of_set:
                if not known.include([image.patient_id], image_digest(image.case.t2w)):
                    case, scores = _measure(segmenter, image)
                    cases.append({**case, "set": name})
                    rows += [{**_about_row(candidate, name, image), **score} for score in scores]
        runs.append({**_about(candidate, segmenter, samples), "cases": cases})
        print(f"{candidate.name} {candidate.fold}: {len(cases)} patients", file=sys.stderr)
    return Results(runs, rows)


def trained_models(work: Path, names: Sequence[str] | None) -> list[Candidate]:
    """The models that lie in a work folder, of slices."""
    jobs = [(folder, Job.read(folder)) for folder in finished_jobs(work)]
    return [
        Candidate(job.name, job.fold, folder / RUN_NAME)
        for folder, job in jobs
        if not job.volumetric and (names is None or job.name in names)
    ]


def _images(data: Path, name: str) -> list[Image]:
    manifests = [(data / folder / "manifest.csv", use) for folder, use in SETS[name]]
    return [image for manifest, use in manifests if manifest.is_file() for image in read_images(manifest, (use,))]


def _measure(segmenter: Segmenter, image: Image) -> tuple[dict[str, Any], list[dict[str, str]]]:
    began = time.perf_counter()
    zones = segmenter.segment(image.case)
    seconds = time.perf_counter() - began
    head, rows = score_columns(TOLERANCE_MM), []
    for reading in image.readings:
        source = reading.source
        scores = score_case(
            source.case_id,
            source.patient_id,
            reading.reference,
            source.codes,
            zones.labels,
            zones.codes,
            tolerance_mm=TOLERANCE_MM,
        )
        rows += [
            dict(zip(head, score_row(score, TOLERANCE_MM), strict=True))
            for score in scores
            if score.structure in STRUCTURES
        ]
    case = {"case_id": image.case.case_id, "patient_id": image.patient_id, "said": zones.doubt}
    return {**case, "seconds": round(seconds, 2)}, rows


def _about_row(candidate: Candidate, name: str, image: Image) -> dict[str, str]:
    fold = "" if candidate.fold is None else str(candidate.fold)
    return {"name": candidate.name, "fold": fold, "set": name, "patient_id": image.patient_id}


def _about(candidate: Candidate, segmenter: Segmenter, samples: int) -> dict[str, Any]:
    return {
        "name": candidate.name,
        "fold": candidate.fold,
        "samples": samples,
        "calibrated": segmenter.model.calibration is not None,
        "parameters": sum(p.numel() for p in segmenter.model.generator.parameters()),
        **circumstances(torch.get_num_threads()),
    }


def main() -> None:
    """Measure, and make the page anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--methods", help="names with commas; all where left out")
    parser.add_argument("--model", action="append", default=[], help=f"a model file, a run folder, or {SHIPPED}")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    try:
        candidates = [Candidate(str(name), None, model_path(name)) for name in given.model]
        names = given.methods.split(",") if given.methods else None
        candidates += trained_models(given.work, names) if given.work else []
        if not candidates:
            parser.error("there is no model to measure: give --model, or --work of a comparison that has been run")
        results = evaluate_external(candidates, given.data, given.samples, given.set)
    except ZonateError as error:
        sys.exit(str(error))
    if given.set:
        print("\n".join(external_section(results)))
        return
    write_results(NAME, results)
    write_page()


if __name__ == "__main__":
    main()
