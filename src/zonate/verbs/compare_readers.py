"""Model against reader against reader, on images that were read more than once: the human ceiling."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from zonate.config import EvaluationSettings
from zonate.dataset.store import Dataset, Entry
from zonate.metrics import Score, score_case, summarise
from zonate.metrics.tables import scores_csv, structure_to_json
from zonate.model import Model

MODEL = "model"

Comparisons = Mapping[tuple[str, str], list[Score]]
"""By who is compared with whom, the scores; the second of the pair is taken as the reference."""


def read_more_than_once(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """By image, its readings in the order of the readers' names; images that were read once are left out."""
    images: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.image_id and entry.reader:
            images[entry.image_id].append(entry)
    found = {image: sorted(readings, key=lambda entry: entry.reader) for image, readings in sorted(images.items())}
    return {image: readings for image, readings in found.items() if len({entry.reader for entry in readings}) > 1}


def compare_readers(
    model: Model, dataset: Dataset, images: Mapping[str, list[Entry]], settings: EvaluationSettings
) -> Comparisons:
    """Score the model against each reader, and each reader against each other one, on the same images.

    Args:
        model: Segments each image once.
        dataset: That the readings are of.
        images: As `read_more_than_once` gives them.
        settings: surface_tolerance_mm is used.
    """
    found: defaultdict[tuple[str, str], list[Score]] = defaultdict(list)
    for image, readings in images.items():
        zones = model.segment(dataset.slices(readings[0].case_id))
        drawn = {entry.reader: (dataset.reference(entry.case_id), entry.codes) for entry in readings}
        given = {MODEL: (zones.labels, zones.codes), **drawn}
        for one, other in combinations(given, 2):
            labels, codes = given[one]
            reference, reference_codes = given[other]
            found[one, other] += score_case(
                image,
                readings[0].patient_id,
                reference,
                reference_codes,
                labels,
                codes,
                tolerance_mm=settings.surface_tolerance_mm,
            )
    return found


def comparisons_json(comparisons: Comparisons, settings: EvaluationSettings) -> list[dict[str, Any]]:
    """Each pair with its structures, as `summary.json` has them."""
    return [
        {
            "compared": one,
            "reference": other,
            "n_images": len({score.case_id for score in scores}),
            "structures": {name: structure_to_json(found) for name, found in summarise(scores, settings).items()},
        }
        for (one, other), scores in comparisons.items()
    ]


def comparisons_csv(comparisons: Comparisons, settings: EvaluationSettings) -> str:
    """The text of readers.csv: the columns of metrics.csv after who is compared with whom."""
    lines: list[str] = []
    for (one, other), scores in comparisons.items():
        head, *rows = scores_csv(scores, settings.surface_tolerance_mm).splitlines()
        lines = lines or [f"compared,reference,{head}"]
        lines += [f"{one},{other},{row}" for row in rows]
    return "".join(f"{line}\n" for line in lines)
