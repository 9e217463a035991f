"""`zonate check`: what stands out in a dataset, as a table, and every case in a picture.

check.csv           a row a case: its findings and its figures
check.json          the same for programs
contact-01.png, …   every case, those with findings first
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.geometry import Crop
from zonate.io.files import atomic_folder, check_output_folder, write_json, write_text
from zonate.pictures.contact import CASES_PER_SHEET, ContactRow, draw_contact_sheet
from zonate.progress import Progress, silent
from zonate.zones import GLAND, ZONES_OF_CODE

FAR_OUT = 3.5
"""Limit of the modified z-score; Iglewicz and Hoaglin, How to detect and handle outliers, 1993."""
ENOUGH_CASES = 8
"""With fewer values of a figure, none stands out."""
LEAST_SPREAD = 0.05
"""Of the median: cases that are alike but for rounding, or share one protocol, do not make the others outliers."""
CUT_OFF = 0.98
"""At least this share of the gland lies within the slices that the network sees."""

_WITH_LIMITS = {
    "gland_inside_slices", "gland_width_by_depth", "pz_share_left",
    "fit_mirrored_ratio", "fit_shifted_ratio", "fit_slices_ratio",
}  # fmt: skip
"""Figures that are judged by a limit of their own."""
_OF_ACQUISITION = {"slices", "slice_spacing_mm", "pixel_spacing_mm", "field_of_view_mm", "t2w_mean"}
"""Figures that follow a data set's scanner and protocol: compared within each data set, the others among all cases."""
_IN_WORDS = {
    "slices": ("the number of slices", ""),
    "slice_spacing_mm": ("the slice spacing", " mm"),
    "pixel_spacing_mm": ("the pixel spacing", " mm"),
    "field_of_view_mm": ("the field of view", " mm"),
    "t2w_mean": ("the mean of T2W", ""),
    "gland_ml": ("the volume of what is drawn of the gland", " ml"),
    "gland_from_centre_mm": ("the gland's distance from the middle of the image", " mm"),
    "pz_behind_central_gland_mm": ("how far PZ lies behind the central gland", " mm"),
    "pz_share": ("PZ's share of the gland", ""),
    "pz_share_apex": ("PZ's share of the gland's lower third", ""),
    "pz_share_base": ("PZ's share of the gland's upper third", ""),
    "afs_before_gland_mm": ("how far AFS lies before the gland's middle", " mm"),
    "urethra_below_gland_mm": ("how far the distal urethra lies below the gland's middle", " mm"),
    "edge_strength_per_mm": ("the strength of edges along the gland's border", " a mm"),
}
"""What a figure is, and its unit; one that is not here is said by its name."""


@dataclass(frozen=True)
class CheckedCase:
    """A case and what was found about it.

    Attributes:
        case_id: As in the dataset.
        dataset: The public name of its data set.
        split: Its side.
        findings: What a person should look at, each a sentence; empty where nothing stands out.
        figures: By name, with units.
    """

    case_id: str
    dataset: str
    split: str
    findings: tuple[str, ...]
    figures: Mapping[str, float]


@dataclass(frozen=True)
class CheckResult:
    """What `check` found.

    Attributes:
        output: Folder of check.csv, check.json and the contact sheets.
        cases: All cases, those with findings first.
        sheets: Names of the contact sheets.
    """

    output: Path
    cases: tuple[CheckedCase, ...]
    sheets: tuple[str, ...]

    @property
    def outliers(self) -> tuple[CheckedCase, ...]:
        """The cases about which something was found."""
        return tuple(case for case in self.cases if case.findings)


def check(
    dataset: Path | str, output: Path | str, *, overwrite: bool = False, progress: Progress = silent
) -> CheckResult:
    """Look for cases that stand out: by anatomy, by the gland's place in the slices, and among the other cases.

    What follows from the acquisition (slices, spacing, field of view, grey level) is compared among the cases of one
    data set, the anatomy among those of all; fewer than ENOUGH_CASES are not compared.

    Args:
        dataset: What `prepare` wrote.
        output: Folder for the results; it appears whole or not at all.
        overwrite: Whether an output that holds something may be replaced.
        progress: Told of each case.

    Raises:
        DatasetError: The dataset cannot be opened.
        OutputError: The output holds something already.
    """
    dataset, output = Path(dataset), Path(output)
    check_output_folder(output, overwrite=overwrite, inputs=[dataset])
    opened = Dataset.open(dataset)
    figures = {entry.case_id: _figures(opened, entry) for entry in opened.entries}
    findings = {entry.case_id: _findings(opened, entry, figures[entry.case_id]) for entry in opened.entries}
    for case_id, sentence in _far_out(figures, {entry.case_id: entry.dataset for entry in opened.entries}):
        findings[case_id].append(sentence)
    cases = [
        CheckedCase(entry.case_id, entry.dataset, entry.split, tuple(findings[entry.case_id]), figures[entry.case_id])
        for entry in opened.entries
    ]
    cases.sort(key=lambda case: (not case.findings, case.case_id))
    with atomic_folder(output, overwrite=overwrite, inputs=[dataset]) as folder:
        sheets = _draw(folder, opened, cases, progress)
        write_text(folder / "check.csv", _table(cases))
        write_json(folder / "check.json", _to_json(opened, cases, sheets))
    return CheckResult(output, tuple(cases), tuple(sheets))


def _figures(dataset: Dataset, entry: Entry) -> dict[str, float]:
    """What is compared among the cases."""
    record = dataset.record(entry.case_id)
    depth_mm, row_mm, column_mm = record.original.spacing_mm
    figures: dict[str, float] = {
        "slices": float(entry.slices),
        "slice_spacing_mm": depth_mm,
        "pixel_spacing_mm": row_mm,
        "field_of_view_mm": column_mm * record.original.shape[2],
        "t2w_mean": entry.statistics.mean[0],
    }
    figures |= record.origin.provenance.get("anatomy", {}).get("figures", {})
    inside = _inside(dataset, entry, record.crop)
    if inside is not None:
        figures["gland_inside_slices"] = inside
    return figures


def _inside(dataset: Dataset, entry: Entry, crop: Crop) -> float | None:
    """The share of the drawn gland that lies within the slices; None where nothing of it is drawn."""
    codes = [code for code in entry.codes if ZONES_OF_CODE[code] <= GLAND]
    reference = dataset.reference(entry.case_id)
    whole_ml = int(np.isin(reference.values, codes).sum()) * reference.grid.voxel_volume_ml
    if not whole_ml:
        return None
    seen_ml = int(np.isin(dataset.labels(entry.case_id), codes).sum()) * crop.grid.voxel_volume_ml
    return min(1.0, seen_ml / whole_ml)


def _findings(dataset: Dataset, entry: Entry, figures: Mapping[str, float]) -> list[str]:
    """What can be said of a case alone."""
    found = list(dataset.record(entry.case_id).origin.provenance.get("anatomy", {}).get("doubts", []))
    inside = figures.get("gland_inside_slices", 1.0)
    if inside < CUT_OFF:
        found.append(f"only {inside:.0%} of the gland lies within the slices that the network sees")
    return found


def _far_out(figures: Mapping[str, Mapping[str, float]], data_sets: Mapping[str, str]) -> list[tuple[str, str]]:
    """Case id and sentence, for each figure that is far from those of the other cases (of its data set)."""
    found = []
    for name in dict.fromkeys(name for of in figures.values() for name in of if name not in _WITH_LIMITS):
        peers: dict[str, dict[str, float]] = {}
        for case_id, of in figures.items():
            if name in of:
                among = f"cases of {data_sets[case_id]}" if name in _OF_ACQUISITION else "cases"
                peers.setdefault(among, {})[case_id] = of[name]
        for among, known in peers.items():
            found += _far_among(name, known, among)
    return found


def _far_among(name: str, known: Mapping[str, float], among: str) -> list[tuple[str, str]]:
    """Case id and sentence, for each value that is far from the others.

    The modified z-score is 0.6745 times the distance from the median over the median of those distances, which is
    taken as LEAST_SPREAD of the median at least: what lies within 26 % of the median is never far.
    """
    values = np.array(list(known.values()))
    middle = float(np.median(values))
    spread = max(float(np.median(np.abs(values - middle))), LEAST_SPREAD * abs(middle))
    if len(known) < ENOUGH_CASES or spread == 0:
        return []
    z = {case_id: 0.6745 * (value - middle) / spread for case_id, value in known.items()}
    what, unit = _IN_WORDS.get(name, (name, ""))
    return [
        (case_id, f"{what} is {value:.3g}{unit}, among {among} about {middle:.3g} (z {z[case_id]:+.1f})")
        for case_id, value in known.items()
        if abs(z[case_id]) > FAR_OUT
    ]


def _draw(folder: Path, dataset: Dataset, cases: Sequence[CheckedCase], progress: Progress) -> list[str]:
    """Write the contact sheets, one after another, with no more cases in memory than a sheet holds."""
    names = []
    sheets = -(-len(cases) // CASES_PER_SHEET)
    for number in range(sheets):
        rows: list[ContactRow] = []
        for case in cases[number * CASES_PER_SHEET : (number + 1) * CASES_PER_SHEET]:
            progress(number * CASES_PER_SHEET + len(rows), len(cases), case.case_id)
            slices = dataset.slices(case.case_id)
            rows.append(
                ContactRow(
                    f"{case.case_id}   {case.dataset}, {case.split}",
                    case.findings,
                    slices.images[:, 0],
                    dataset.labels(case.case_id),
                    slices.crop.grid.spacing_mm,
                )
            )
        names.append(f"contact-{number + 1:02d}.png")
        draw_contact_sheet(folder / names[-1], rows, title=f"{dataset.path.name}: sheet {number + 1} of {sheets}")
    progress(len(cases), len(cases), "done")
    return names


def _table(cases: Sequence[CheckedCase]) -> str:
    names = list(dict.fromkeys(name for case in cases for name in case.figures))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["case_id", "dataset", "split", "findings", *names])
    for case in cases:
        cells = [f"{case.figures[name]:.6g}" if name in case.figures else "" for name in names]
        writer.writerow([case.case_id, case.dataset, case.split, "; ".join(case.findings), *cells])
    return text.getvalue()


def _to_json(dataset: Dataset, cases: Sequence[CheckedCase], sheets: Sequence[str]) -> dict[str, Any]:
    return {
        "dataset_fingerprint": dataset.fingerprint,
        "cases": [{**vars(case), "findings": list(case.findings), "figures": dict(case.figures)} for case in cases],
        "contact_sheets": list(sheets),
    }
