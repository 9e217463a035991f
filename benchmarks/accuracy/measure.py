"""A model on patients that it has not seen: per patient, in 3D, on the original grid."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.measures.clean_up import CleanUp, clean_up
from zonate.metrics import Score, score_case
from zonate.plausibility import disqualifying, implausibilities
from zonate.preprocessing.slices import Slices
from zonate.zonemap import ZoneMap

TOLERANCE_MM = 2.0
"""Of the normalised surface Dice."""
STRUCTURES = ("GLAND", "CENTRAL_GLAND", "PZ")
"""What all patients have been drawn in."""

Segment = Callable[[Slices], ZoneMap]


@dataclass(frozen=True)
class Measured:
    """One case.

    Attributes:
        scores: By structure, after clean-up.
        said: What made the result doubtful by its shape, before clean-up; empty where nothing did.
        seconds: Of segmenting.
    """

    scores: tuple[Score, ...]
    said: str
    seconds: float


def measure_case(
    segment: Segment, dataset: Dataset, entry: Entry, how: CleanUp, *, t2w_alone: bool = False
) -> Measured:
    """Segment a case, clean the result up, and compare it with its reference on the original grid."""
    slices = dataset.slices(entry.case_id)
    if t2w_alone:
        images = slices.images.copy()
        images[:, 1:] = np.nan
        slices = replace(slices, images=images)
    began = time.perf_counter()
    zones = segment(slices)
    seconds = time.perf_counter() - began
    labels, _ = clean_up(zones.labels, zones.codes, how)
    reference = dataset.reference(entry.case_id)
    scores = score_case(
        entry.case_id, entry.patient_id, reference, entry.codes, labels, zones.codes, tolerance_mm=TOLERANCE_MM
    )
    kept = tuple(score for score in scores if score.structure in STRUCTURES)
    return Measured(kept, "; ".join(disqualifying(implausibilities(zones, slices))), seconds)
