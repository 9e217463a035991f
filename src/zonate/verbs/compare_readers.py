"""Model against reader against reader, on images that were read more than once: the human ceiling."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any

from zonate.cohort.set_aside import SetAside, attempt
from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.metrics import Score, score_case, summarise
from zonate.metrics.tables import csv_text, score_columns, score_row, structure_to_json
from zonate.model import Model
from zonate.settings.results import EvaluationSettings

MODEL = "model"

Comparisons = Mapping[tuple[str, str], list[Score]]
"""By who is compared with whom, the scores; the second of the pair is taken as the reference."""


def read_more_than_once(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """By image, its readings in the order of the readers' names; images that were read once are left out.

    Raises:
        DatasetError: Cases of several patients have one image_id.
    """
    images: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.image_id and entry.reader:
            images[entry.image_id].append(entry)
    for image, readings in images.items():
        if len({entry.patient_id for entry in readings}) > 1:
            cases = ", ".join(sorted(entry.case_id for entry in readings))
            raise DatasetError(
                f"the image_id {image} stands in cases of several patients ({cases}): give each image one of its own "
                "in the manifest, and prepare the dataset again"
            )
    by_reader = {
        image: sorted(readings, key=lambda entry: (entry.reader, entry.case_id))
        for image, readings in sorted(images.items())
    }
    return {image: readings for image, readings in by_reader.items() if len({entry.reader for entry in readings}) > 1}


def compare_readers(
    model: Model, dataset: Dataset, images: Mapping[str, list[Entry]], settings: EvaluationSettings
) -> tuple[Comparisons, dict[str, str]]:
    """Score the model against each reader, and each reader against each other one, each pair on the images of both.

    A second reading of one reader is compared as one of its own, `NAME (2)`; a reader who is called as the model is
    stands as `reader model`. A pair that shares no structure on any image is left out. Where not every reader read
    every image, pairs stand on different images: the model against A on all of A's, A against B on those of both.

    Args:
        model: Segments each image once.
        dataset: That the readings are of.
        images: As `read_more_than_once` gives them.
        settings: surface_tolerance_mm is used.

    Returns:
        The comparisons; and by image, why it was set aside.
    """
    found: defaultdict[tuple[str, str], list[Score]] = defaultdict(list)
    failed: dict[str, str] = {}
    for image, readings in images.items():
        of_image = attempt(image, partial(_compare, model, dataset, image, readings, settings), kind="image")
        if isinstance(of_image, SetAside):
            failed[image] = of_image.reason
            continue
        for pair, scores in of_image.items():
            if scores:
                found[pair] += scores
    return found, failed


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
    tolerance_mm = settings.surface_tolerance_mm
    rows = [[*pair, *score_row(score, tolerance_mm)] for pair, scores in comparisons.items() for score in scores]
    return csv_text([["compared", "reference", *score_columns(tolerance_mm)], *rows])


def _compare(
    model: Model, dataset: Dataset, image: str, readings: Sequence[Entry], settings: EvaluationSettings
) -> Comparisons:
    """All pairs on one image, under its name."""
    zones = model.segment_and_clean_up(dataset.slices(readings[0].case_id))
    drawn = {name: (dataset.reference(entry.case_id), entry.codes) for name, entry in _named(readings).items()}
    given = {MODEL: (zones.labels, zones.codes), **drawn}
    found: dict[tuple[str, str], list[Score]] = {}
    for one, other in combinations(given, 2):
        labels, codes = given[one]
        reference, reference_codes = given[other]
        found[one, other] = score_case(
            image,
            readings[0].patient_id,
            reference,
            reference_codes,
            labels,
            codes,
            tolerance_mm=settings.surface_tolerance_mm,
        )
    return found


def _named(readings: Sequence[Entry]) -> dict[str, Entry]:
    """The readings by their readers' names, of which each is used once and none is the model's."""
    named: dict[str, Entry] = {}
    for entry in readings:
        reader = f"reader {MODEL}" if entry.reader == MODEL else entry.reader
        name, number = reader, 1
        while name in named:
            number += 1
            name = f"{reader} ({number})"
        named[name] = entry
    return named
