"""Datasets of a fold with more to learn from than its real patients: images made for shapes, or the unlabelled."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.accuracy.folds import dataset_folder, prepared
from benchmarks.accuracy.job import RUN_NAME
from benchmarks.accuracy.shapes import FOUR_ZONES, make_images
from benchmarks.accuracy.unlabelled import UNLABELLED, annotate
from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.model import BEST_NAME

IMAGES = 1
"""For each shape."""


def with_shapes(data: Path, work: Path, fold: int, recipe: Settings, *, four_zones_only: bool) -> Path:
    """The patients, and an image made for each shape by a patient who neither validates nor tests in the fold.

    Args:
        data: The folder of data sets.
        work: That of `prepare_cases`, which comes first.
        fold: Whose patients lend neither image nor shape.
        recipe: By which is sliced.
        four_zones_only: Whether the shapes of PZ and central gland are left out.

    Returns:
        The folder of the dataset.

    Raises:
        DatasetError: A case could not be prepared.
    """
    sides = Dataset.open(dataset_folder(work, recipe.slicing)).folded(fold)
    unseen = tuple(sorted({entry.patient_id for side in ("test", "validation") for entry in sides.split(side)}))
    only = FOUR_ZONES if four_zones_only else None
    made = make_images(data, work / "shapes" / f"fold{fold}-{IMAGES}-each", leave_out=unseen, n=IMAGES, only=only)
    name = f"{'four-zone-' if four_zones_only else ''}shapes-fold{fold}"
    return _joined(work, name, made, fold, recipe)


def with_unlabelled(data: Path, work: Path, fold: int, recipe: Settings, teacher: Path) -> Path:
    """The patients, and those whom nobody annotated with the zones that a model of the fold gives them.

    Args:
        data: The folder of data sets.
        work: That of `prepare_cases`, which comes first.
        fold: Of the teacher, whose test patients it has not seen.
        recipe: By which is sliced.
        teacher: A job folder of that fold, which is done.

    Returns:
        The folder of the dataset.

    Raises:
        DatasetError: A case could not be prepared.
    """
    run = teacher / RUN_NAME
    taught = f"{teacher.name}-{hashlib.sha256((run / BEST_NAME).read_bytes()).hexdigest()[:8]}"
    manifest = work / "unlabelled" / taught / "manifest.csv"
    if not manifest.is_file():
        annotate(data / UNLABELLED, [run], manifest.parent)
    return _joined(work, f"unlabelled-{taught}", [manifest], fold, recipe)


def _joined(work: Path, name: str, further: Sequence[Path], fold: int, recipe: Settings) -> Path:
    plain = Dataset.open(dataset_folder(work, recipe.slicing))
    splitting = plain.splitting.model_copy(update={"fold": fold})  # the dataset's own split has some hosts test
    settings = recipe.model_copy(update={"split": splitting})
    folder = plain.path.with_name(f"{plain.path.name}-{name}")
    return prepared(folder, [work / "cases.csv", *further], settings)
