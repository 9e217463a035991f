"""What is measured on a person's correction, by the very measures of the prediction."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from zonate.case import NO_ALIGNMENT, AlignmentRecord, Case
from zonate.geometry import Volume
from zonate.io.files import write_json
from zonate.io.nifti import read_volume
from zonate.measurements import measurements_to_json, rounded
from zonate.measures.axes import Gland
from zonate.measures.measure import measure, sector_volumes_ml
from zonate.measures.sector_map import sector_map
from zonate.pictures.zones import RESEARCH_USE
from zonate.zones import LabelCode


def write_corrected_measurements(path: Path, labels: Volume, about: Mapping[str, Any]) -> None:
    """Measure corrected labels on the images beside them, and write the figures as JSON.

    Intervals are not among them: those of the prediction say how sure the model was, of other labels.

    Args:
        path: The file to write, in the folder of the result that was corrected; its labels are called alike.
        labels: Label codes (S, H, W) uint8 on the grid of the folder's `zones.nii.gz`.
        about: The folder's `zones.json`.

    Raises:
        StudyError: The folder lacks its T2W, or an image cannot be read.
        GeometryError: The labels do not lie on the T2W grid.
    """
    codes = tuple(LabelCode(int(code)) for code in about["codes"])
    adc = path.with_name("adc.nii.gz")
    case = Case(
        about["case_id"],
        read_volume(path.with_name("t2w.nii.gz")),
        adc=read_volume(adc) if adc.exists() else None,
        alignment=AlignmentRecord(**(NO_ALIGNMENT.to_json() | about.get("alignment", {}))),
    )
    gland = Gland.find(labels, codes)
    psa_ng_ml = (about.get("psa") or {}).get("psa_ng_ml")
    measured = measure(case, labels, codes, gland=gland, psa_ng_ml=psa_ng_ml)
    sectors = sector_map(labels, codes, gland)
    unknown = {} if psa_ng_ml is not None else {"psa": "zones.json names no PSA value"}
    write_json(
        path,
        {
            "case_id": about["case_id"],
            "zonate_version": version("zonate"),
            "intended_use": RESEARCH_USE,
            "labels": f"{path.stem}.nii.gz",
            "was_doubtful": about.get("doubt", ""),
            "not_validated": list(about.get("not_validated", ())),
            "codes": about["codes"],
            **measurements_to_json(measured),
            "sector_volume_ml": None
            if sectors is None
            else {name: rounded(ml) for name, ml in sector_volumes_ml(sectors).items()},
            "warnings": list(measured.remarks),
            "not_given": {**measured.not_given, **unknown},
        },
    )
