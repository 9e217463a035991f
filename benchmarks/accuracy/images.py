"""Cases with their readings straight from a manifest, as `predict` would load them, without a dataset between."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from zonate.case import Case
from zonate.dataset.annotation import read_annotation
from zonate.dataset.importers import Source, read_manifest
from zonate.geometry import Volume
from zonate.load import load_case


@dataclass(frozen=True)
class Reading:
    """What one reader drew."""

    source: Source
    reference: Volume


@dataclass(frozen=True)
class Image:
    """A case, and everything that was drawn on it."""

    case: Case
    readings: tuple[Reading, ...]

    @property
    def patient_id(self) -> str:
        """Whose it is."""
        return self.readings[0].source.patient_id


def read_images(manifest: Path, use: Iterable[str] = ("any", "evaluation")) -> Iterator[Image]:
    """Load each image of a manifest once.

    Args:
        manifest: As `prepare` takes it.
        use: The rows that are wanted.
    """
    wanted = [source for source in read_manifest(manifest) if source.use in set(use)]
    ordered = sorted(wanted, key=lambda source: (source.patient_id, str(source.files["t2w"])))
    for (patient_id, _), group in groupby(ordered, key=lambda source: (source.patient_id, source.files["t2w"])):
        sources = list(group)
        case = load_case(sources[0].inputs, case_id=patient_id)
        readings = (Reading(source, read_annotation(source, case.t2w.grid)[0]) for source in sources)
        yield Image(case, tuple(readings))
