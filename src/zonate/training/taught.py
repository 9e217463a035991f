"""What a dataset can teach: the codes that its labels draw apart, the channels of its images, and whom they show."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zonate.dataset.store import Dataset
from zonate.errors import DatasetError
from zonate.provenance import sources_of
from zonate.zones import LabelCode, drawn_apart


@dataclass(frozen=True)
class Taught:
    """What a model that learns from a dataset comes to know.

    Attributes:
        codes: What it tells apart: no border that nobody drew is among theirs.
        channels: Of T2W, DWI and ADC, those that a training case has.
        provenance: Of the model (JSON values): data sets, licences and sources, patients, counts and images of those
            who train and of those who choose the epoch, and the dataset's fingerprint.
    """

    codes: tuple[LabelCode, ...]
    channels: tuple[bool, bool, bool]
    provenance: Mapping[str, Any]


def taught_by(dataset: Dataset) -> Taught:
    """What the training cases of a dataset teach, and the validation cases choose by.

    Raises:
        DatasetError: Nobody trains, or the training labels do not tell BACKGROUND apart.
    """
    entries = dataset.split("train")
    if not entries:
        raise DatasetError(f"the dataset {dataset.where} has no training patient: prepare it with more cases")
    codes = drawn_apart(entry.codes for entry in entries)
    if LabelCode.BACKGROUND not in codes:
        raise DatasetError(
            f"the training labels of {dataset.where} tell apart {', '.join(code.name for code in codes)} but no "
            "BACKGROUND: declare it among the label codes"
        )
    t2w, dwi, adc = (any(entry.channels_present[c] for entry in entries) for c in range(3))
    validation = dataset.split("validation")
    used = (*entries, *validation)
    provenance = {
        "datasets": sorted({entry.dataset for entry in used}),
        "licences": sorted({entry.licence for entry in used}),
        "sources": sources_of(used),
        "training_cases": len(entries),
        "training_slices": sum(entry.slices for entry in entries),
        "training_patients": sorted({patient for entry in entries for patient in entry.patients}),
        "validation_cases": len(validation),
        "validation_patients": sorted({patient for entry in validation for patient in entry.patients}),
        "images_sha256": sorted({dataset.image_digest(entry.case_id) for entry in used}),
        "dataset_fingerprint": dataset.fingerprint,
    }
    return Taught(codes, (t2w, dwi, adc), provenance)
