"""Everybody who may be learnt from, in one manifest that says whom to cite."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.accuracy.folds import ALWAYS_TRAINS, COMPARED, learnable_rows
from zonate.dataset.importers.manifest import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from zonate.dataset.importers.nci_isbi import NCI_ISBI
from zonate.dataset.importers.prostatex import PROSTATEX
from zonate.io.files import write_text
from zonate.metrics.tables import csv_text

LABELLED = {COMPARED: NCI_ISBI.citation, ALWAYS_TRAINS: PROSTATEX.citation}
"""The folders of DATA with zones drawn by experts, and how they want to be cited."""
COLUMNS = (*REQUIRED_COLUMNS, *(name for name in OPTIONAL_COLUMNS if name not in ("use", "reader", "image_id")))


def write_cases(data: Path, others: Iterable[Path], output: Path) -> Path:
    """Write the manifest.

    Args:
        data: Holds the folders of LABELLED, each with a manifest.csv; rows for evaluation are left out.
        others: Further manifests, whose cases train only.
        output: The manifest.

    Returns:
        The manifest.
    """
    rows = [row for name, citation in LABELLED.items() for row in _rows(data / name / "manifest.csv", citation)]
    rows += [row for manifest in others for row in _rows(manifest)]
    table = [COLUMNS, *([row.get(column, "") for column in COLUMNS] for row in rows)]
    write_text(output, csv_text(table))
    return output


def _rows(manifest: Path, citation: str = "") -> list[dict[str, str]]:
    """The rows that may be learnt from, which all train, with whom to cite."""
    rows = learnable_rows(manifest)
    return [{**row, "citation": row.get("citation") or citation, "split": "train"} for row in rows]
