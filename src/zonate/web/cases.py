"""What the viewer shows of a case that `predict` has written: which files, which zones, in which colours."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zonate.errors import LabelError, OutputError, StudyError
from zonate.geometry import Grid, Volume
from zonate.io.nifti import read_volume, volume_shape
from zonate.measurements import INTERVAL, RANGE_OF_SAMPLES
from zonate.pictures.zones import RESEARCH_USE, code_colour
from zonate.zones import LabelCode, code_name, structure_name

VOLUMES = ("t2w", "adc", "dwi", "entropy")
"""The images that can be shown, by the stem of their file; T2W must be there."""
PREDICTED = "zones.nii.gz"
_EDITED = re.compile(r"zones\.edited(?:-(\d+))?\.nii\.gz")


@dataclass(frozen=True)
class ViewedCase:
    """One case's folder, looked through once.

    Attributes:
        folder: What `predict` wrote.
        report: The content of its `zones.json`.
        grid: Of `zones.nii.gz`; every volume lies on it.
        label_codes: What a label volume of it may hold: the model's codes, and those that the predicted labels hold.
        result: Which result it is: another one, even of the same study and on the same grid, has another hash.
    """

    folder: Path
    report: Mapping[str, Any]
    grid: Grid
    label_codes: frozenset[int]
    result: str

    @property
    def case_id(self) -> str:
        """As in `zones.json`."""
        return str(self.report["case_id"])

    def volume_file(self, name: str) -> Path | None:
        """The file of an image by its name in VOLUMES; None where there is none."""
        file = self.folder / f"{name}.nii.gz"
        return file if name in VOLUMES and file.is_file() else None

    def readings(self) -> tuple[str, ...]:
        """The names of the label files: as predicted, then every correction in the order of its saving.

        A file that holds nothing is none: its writer has only taken the name, or was killed.
        """
        numbers = {file.name: _number(file.name) or 0 for file in self.folder.iterdir() if _holds(file)}
        edited = sorted((number, name) for name, number in numbers.items() if number > 0)
        return (PREDICTED, *(name for _, name in edited))

    def saved_since(self, newest: str) -> tuple[str, ...]:
        """The corrections that are newer than a reading, which need not be there any longer.

        Raises:
            LabelError: No reading can have that name.
        """
        number = _number(newest)
        if number is None:
            raise LabelError(f"case {self.case_id}: {newest} is no name of a label volume: reload the page")
        return tuple(name for name in self.readings() if (_number(name) or 0) > number)

    def labels_from(self, raw: bytes) -> Volume:
        """The label volume that the page sends back.

        Args:
            raw: uint8 codes, a byte a voxel, in the order of the NIfTI file (W fastest, then H, then S).

        Returns:
            Codes (S, H, W) uint8 on the grid of the case.

        Raises:
            LabelError: Not one byte a voxel, or codes that no label volume of this case holds.
        """
        expected = math.prod(self.grid.shape)
        if len(raw) != expected:
            raise LabelError(
                f"case {self.case_id}: {len(raw)} voxels came, the T2W grid has {expected} {self.grid.shape}: "
                "reload the page and draw again"
            )
        values = np.frombuffer(raw, dtype=np.uint8).reshape(self.grid.shape)  # (S, H, W)
        unknown = sorted({int(code) for code in np.unique(values)} - self.label_codes)
        if unknown:
            raise LabelError(
                f"case {self.case_id}: the labels hold the codes {unknown}, the model's are {sorted(self.label_codes)}"
            )
        return Volume(values.copy(), self.grid)

    def manifest(self) -> dict[str, Any]:
        """Everything that the page needs besides the volumes, as JSON values."""
        of = self.report.get("uncertainty") or {}
        calibrated = of.get("calibrated", False)
        intervals = of.get("interval_ml" if calibrated else "range_of_samples_ml", {})
        spacing = self.grid.spacing_mm
        return {
            "case_id": self.case_id,
            "result": self.result,
            "note": note_of_correction(self.report),
            "research_use": RESEARCH_USE,
            "zonate_version": self.report.get("zonate_version"),
            "model": (self.report.get("model") or {}).get("name"),
            "shape_whs": list(self.grid.shape[::-1]),
            "spacing_mm_whs": [round(value, 6) for value in spacing[::-1]],
            "voxel_volume_ml": self.grid.voxel_volume_ml,
            "volumes": [{"name": name, **self._title(name)} for name in VOLUMES if self.volume_file(name)],
            "readings": list(self.readings()),
            "zones": [
                {
                    "code": int(code),
                    "abbreviation": code.name.replace("_", " ") if code <= LabelCode.AFS else code_name(code),
                    "name": code_name(code),
                    "colour_rgb": [round(channel * 255) for channel in code_colour(code)],
                    "interval_ml": intervals.get(structure_name(code)),
                    "not_validated": structure_name(code) in self.report.get("not_validated", ()),
                }
                for code in self._zone_codes()
            ],
            "gland_interval_ml": intervals.get("GLAND"),
            "interval_name": INTERVAL if calibrated else RANGE_OF_SAMPLES,
            "entropy_max_nats": math.log(max(2, len(self._zone_codes()) + 1)),
            "doubt": self.report.get("doubt", ""),
            "warnings": list(self.report.get("warnings", [])),
            "alignment": (self.report.get("alignment") or {}).get("reason"),
        }

    def _zone_codes(self) -> list[LabelCode]:
        return [LabelCode(int(code)) for code in self.report["codes"] if int(code) != LabelCode.BACKGROUND]

    def _title(self, name: str) -> dict[str, str]:
        b_value = self.report.get("dwi_b_value_s_mm2")
        return {
            "t2w": {"title": "T2W", "unit": ""},
            "adc": {"title": "ADC", "unit": "10⁻⁶ mm²/s"},
            "dwi": {"title": "DWI" if b_value is None else f"DWI b {b_value:g}", "unit": ""},
            "entropy": {"title": "uncertainty", "unit": "nats"},
        }[name]


def note_of_correction(report: Mapping[str, Any], began_from: str = PREDICTED) -> str:
    """What a correction's file is to say of itself: it does not make a doubtful result a sound one by itself.

    Args:
        report: The content of the `zones.json` of the result.
        began_from: The reading that was corrected.
    """
    origin = "" if began_from == PREDICTED else f" from {began_from.removesuffix('.nii.gz')}"
    doubt = report.get("doubt", "")
    return f"Corrected by a person{origin}{f'; was DOUBTFUL: {doubt}' if doubt else '. Research use only.'}"


def find_cases(output: Path, case_id: str | None = None) -> dict[str, Path]:
    """The case folders of an output: the folder itself where it is one, otherwise those in it.

    Args:
        output: What `predict` was given as OUT, or one case's folder in it.
        case_id: Only this case.

    Returns:
        From the folder's name to the folder, sorted by name.

    Raises:
        OutputError: There is none, or not the one that was asked for.
    """
    if not output.is_dir():
        raise OutputError(f"there is no folder {output}: give the output of `zonate predict`")
    single = (output / "zones.json").is_file()
    folders = (
        [output]
        if single
        else sorted(file.parent for file in output.glob("*/zones.json") if not file.parent.name.startswith("."))
    )
    cases = {folder.resolve().name: folder for folder in folders}
    if not cases:
        raise OutputError(f"{output} holds no result: there is no zones.json in it, nor in a folder in it")
    if case_id is None:
        return cases
    if case_id not in cases:
        raise OutputError(f"{output} holds no case {case_id}: there are {', '.join(cases)}")
    return {case_id: cases[case_id]}


def read_case(folder: Path) -> ViewedCase:
    """Look through one case's folder.

    Raises:
        OutputError: A file that the viewer needs is missing, damaged, or lies on another grid than the zones.
    """
    name = folder.resolve().name
    if not (folder / "t2w.nii.gz").is_file():
        raise OutputError(
            f"case {name}: there is no t2w.nii.gz: an older version made this result, predict the study again"
        )
    try:
        raw = (folder / "zones.json").read_bytes()
        report = json.loads(raw.decode("utf-8"))
        labels = read_volume(folder / PREDICTED)
        result = hashlib.sha256(raw + (folder / PREDICTED).read_bytes()).hexdigest()
        codes = {int(code) for code in report["codes"]}
        case = ViewedCase(
            folder, report, labels.grid, frozenset(codes | {int(code) for code in np.unique(labels.values)}), result
        )
        for volume in VOLUMES:
            file = case.volume_file(volume)
            if file is not None and volume_shape(file) != labels.grid.shape:
                raise OutputError(
                    f"case {name}: {file.name} has the shape {volume_shape(file)}, the zones have {labels.grid.shape}: "
                    "they are not of one result, predict the study again"
                )
    except (StudyError, ValueError, KeyError, TypeError) as error:
        reason = str(error) if isinstance(error, StudyError) else f"zones.json cannot be read ({type(error).__name__})"
        raise OutputError(f"case {name}: {reason}; predict the study again") from None
    return case


def _number(name: str) -> int | None:
    """0 of the prediction, 1 of the first correction; None of any other file."""
    if name == PREDICTED:
        return 0
    match = _EDITED.fullmatch(name)
    return int(match.group(1) or 1) if match else None


def _holds(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:  # it has just gone
        return False
