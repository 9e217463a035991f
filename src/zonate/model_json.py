"""Which model it was: what every result says of the model that made it."""

import hashlib
from pathlib import Path
from typing import Any

from zonate.measurements import rounded
from zonate.model import Model, model_file
from zonate.provenance import not_validated, terms_of_use

_PATIENTS = ("images_sha256", "earlier_images_sha256", "training_patients", "validation_patients")
_SAID_APART = ("licences", "not_validated", *_PATIENTS)


def model_to_json(model: Model, path: Path) -> dict[str, Any]:
    """Name, file, hash, codes, what is not validated (None: it does not say), licences, terms, calibration, provenance.

    The terms follow from what is known of licences now, and say where the model does not record its sources; None
    where nothing restricts its use.

    Whom it was trained on stays in the model file: a patient's report names no other patient.

    Args:
        model: As read from the path.
        path: The model file or run folder.

    Raises:
        ModelError: What it calls not validated is no structure.
    """
    file = model_file(path)
    return {
        "name": model.settings.name,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "codes": [code.name for code in model.codes],
        "not_validated": list(not_validated(model.provenance, model.codes))
        if "not_validated" in model.provenance
        else None,
        "licences": model.provenance.get("licences", []),
        "terms_of_use": terms_of_use(model.provenance, model.calibrated_under),
        "calibration": _calibration(model),
        "provenance": {key: value for key, value in model.provenance.items() if key not in _SAID_APART},
    }


def _calibration(model: Model) -> dict[str, Any] | None:
    """What a model's expected Dice was learnt from, without the patients' names; None where it was not calibrated."""
    if model.calibration is None:
        return None
    about = {key: value for key, value in model.calibration.about.items() if key != "patients"}
    return {**about, "doubtful_below": rounded(model.calibration.doubtful_below)}
