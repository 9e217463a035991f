"""The patients and their folds: one manifest, one dataset for each slicing, the same division in all of them."""

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from zonate.config import Settings
from zonate.dataset.splits import Split
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.io.files import write_text
from zonate.metrics.tables import csv_text
from zonate.settings.data import AlignmentSettings, SlicingSettings, SplitSettings
from zonate.verbs.prepare import prepare

COMPARED, ALWAYS_TRAINS = "nci-isbi-2013", "prostatex-seg-zones"
"""The folders of DATA whose patients are divided into folds, and whose patients train in every fold."""
_PATHS = ("t2w", "dwi", "adc", "labels")


def prepare_cases(data: Path, work: Path, slicing: SlicingSettings) -> Path:
    """Prepare the patients as a recipe slices them, once.

    Args:
        data: Holds COMPARED and ALWAYS_TRAINS, each a folder with a manifest.csv.
        work: Where the dataset is kept.
        slicing: Of the recipe.

    Raises:
        DatasetError: A case could not be prepared.
    """
    manifest = work / "cases.csv"
    text = csv_text(_rows(data))
    if not manifest.is_file() or manifest.read_text(encoding="utf-8") != text:
        write_text(manifest, text)
    return prepared(
        dataset_folder(work, slicing),
        [manifest],
        Settings(slicing=slicing, split=SplitSettings(validation_fraction=0.1)),
    )


def prepare_simulated(manifest: Path, work: Path, slicing: SlicingSettings) -> Path:
    """Prepare simulated studies of T2W, DWI and ADC, aligned by their headers, once.

    Args:
        manifest: As `zonate simulate` writes it.
        work: Where the dataset is kept.
        slicing: Of the recipe.

    Raises:
        DatasetError: A study could not be prepared.
    """
    output = work / "datasets" / f"simulated-{_named(slicing)}"
    return prepared(output, [manifest], Settings(slicing=slicing, alignment=AlignmentSettings(method="header")))


def sides(dataset: Dataset, fold: int) -> dict[str, Split]:
    """Where each patient stands in a fold."""
    return {entry.patient_id: entry.split for entry in dataset.folded(fold).entries}


def check_same_folds(datasets: Iterable[Dataset]) -> None:
    """Make sure that every patient stands on the same side of every fold in all datasets.

    Raises:
        DatasetError: Names the first patient and fold of which this is not so.
    """
    first, *others = datasets
    n_folds = first.splitting.folds
    for other in others:
        if other.splitting.folds != n_folds:
            raise DatasetError(f"{first.path.name} has {n_folds} folds, {other.path.name} {other.splitting.folds}")
        for fold in range(n_folds):
            expected, found = sides(first, fold), sides(other, fold)
            for patient in sorted(expected.keys() | found.keys()):
                if expected.get(patient) != found.get(patient):
                    raise DatasetError(
                        f"fold {fold}: patient {patient} stands on {expected.get(patient)} in {first.path.name} and on "
                        f"{found.get(patient)} in {other.path.name}: prepare both anew from the same manifests"
                    )


def dataset_folder(work: Path, slicing: SlicingSettings) -> Path:
    """Where `prepare_cases` writes."""
    return work / "datasets" / _named(slicing)


def _named(slicing: SlicingSettings) -> str:
    return f"{slicing.size_px}px-{slicing.spacing_mm:g}mm"


def prepared(output: Path, manifests: Sequence[Path], settings: Settings) -> Path:
    """Prepare cases, once.

    Args:
        output: The dataset's folder.
        manifests: Of the cases.
        settings: Of slicing, alignment and split.

    Raises:
        DatasetError: A case could not be prepared.
    """
    result = prepare(output, manifests=manifests, settings=settings)
    if result.failed:
        raise DatasetError("; ".join(result.failed.values()))
    print(f"{output.name}: {len(result.done)} cases prepared, {len(result.skipped)} kept", file=sys.stderr)
    return output


def _rows(data: Path) -> list[list[str]]:
    """One manifest of the two, with whole paths and, for those who always train, their side."""
    rows = [
        {**row, "split": side}
        for folder, side in ((COMPARED, ""), (ALWAYS_TRAINS, "train"))
        for row in learnable_rows(data / folder / "manifest.csv")
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [columns, *([row.get(name, "") for name in columns] for row in rows)]


def learnable_rows(manifest: Path) -> list[dict[str, str]]:
    """The rows of a manifest that may be learnt from, with whole paths.

    Raises:
        DatasetError: There is no such manifest.
    """
    if not manifest.is_file():
        raise DatasetError(f"there is no {manifest}: docs/how-to/reproduce-the-benchmark.md says what DATA holds")
    with manifest.open(encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row.get("use") != "evaluation"]
    for row in rows:
        row |= {name: str((manifest.parent / row[name]).resolve()) for name in _PATHS if row.get(name)}
    return rows
