"""Everybody who may be learnt from, in one manifest that says whom to cite."""

import csv
from collections.abc import Iterable
from pathlib import Path

from zonate.dataset.importers.nci_isbi import NCI_ISBI
from zonate.dataset.importers.prostatex import PROSTATEX
from zonate.io.files import write_text
from zonate.metrics.tables import csv_text

LABELLED = {"nci-isbi-2013": NCI_ISBI.citation, "prostatex-seg-zones": PROSTATEX.citation}
"""The folders of DATA with zones drawn by experts, and how they want to be cited."""
COLUMNS = (
    "case_id",
    "patient_id",
    "t2w",
    "dwi",
    "adc",
    "labels",
    "label_codes",
    "dataset",
    "licence",
    "split",
    "citation",
)
_PATHS = ("t2w", "dwi", "adc", "labels")


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
    """The rows that may be learnt from, with whole paths."""
    with manifest.open(encoding="utf-8", newline="") as text:
        rows = [row for row in csv.DictReader(text) if row.get("use") != "evaluation"]
    for row in rows:
        row |= {name: str((manifest.parent / row[name]).resolve()) for name in _PATHS if row.get(name)}
        row["citation"] = row.get("citation") or citation
        row["split"] = "train"
    return rows
