"""`inspect`: which series a study has, which role each got, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zonate.config import Settings
from zonate.load import open_study
from zonate.study import Sequence, Study

_DEFAULT_SETTINGS = Settings()


def inspect(
    study: Path | str,
    settings: Settings = _DEFAULT_SETTINGS,
    *,
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
) -> Study:
    """Read the headers of a study and settle the roles, without reading any voxel.

    Args:
        study: A folder or zip of DICOM files, or of NIfTI, MHA or NRRD volumes.
        settings: The tree; its section `reading` is used.
        case_id: The folder's or archive's name where None.
        overrides: Series numbers that the user gives for roles.

    Returns:
        The study; the files of one that came as a zip are gone.

    Raises:
        StudyError: As `zonate.load.open_study`.
    """
    with open_study(study, settings.reading, case_id=case_id, overrides=overrides) as found:
        return found


def study_to_json(study: Study) -> dict[str, Any]:
    """A study as JSON values, as `zonate inspect --json` prints it.

    A series that serves two roles (DWI, and the ADC fitted from it) carries the first in `series`;
    `roles` names it for both.
    """
    return {
        "case_id": study.case_id,
        "series": [
            {
                "series_number": series.series_number,
                "description": series.description,
                "slices": series.slices,
                "b_values_s_mm2": list(series.b_values_s_mm2),
                "role": None if series.role is None else series.role.name,
                "reason": series.reason,
            }
            for series in study.series
        ],
        "roles": {role.name: _role_to_json(study, role) for role in sorted(study.roles)},
        "warnings": list(study.warnings),
    }


def _role_to_json(study: Study, role: Sequence) -> dict[str, Any]:
    chosen = study.roles[role]
    figures: dict[str, Any] = {"series_number": chosen.series_number}
    if role is Sequence.DWI:
        figures["b_value_s_mm2"] = chosen.b_value_s_mm2
    if chosen.derived is not None:
        figures["derived"] = chosen.derived
    if chosen.series_number is None:
        figures["file"] = study.files[chosen.series_uid][0].name
    return figures
