"""Segment one study, without writing anything."""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from pathlib import Path

from zonate.load import load_case
from zonate.measures.psa import check_psa
from zonate.segmenter import Segmenter
from zonate.shipped import model_path
from zonate.study import Sequence
from zonate.zonemap import ZoneMap


def predict(
    study: Path | str,
    *,
    model: Path | str | None = None,
    settings: Items[str] = (),
    case_id: str | None = None,
    overrides: Mapping[Sequence, int] | None = None,
    psa_ng_ml: float | None = None,
) -> ZoneMap:
    """Find the zones of a study: what `predict_studies` writes into files, in memory.

    Args:
        study: A folder or zip of DICOM, or a folder of NIfTI, MHA or NRRD volumes.
        model: A model file or a run folder; None or `shipped`: the weights that ship with the package.
        settings: To be changed, such as `prediction.samples=20`; of the sections reading, alignment and prediction.
        case_id: In place of the study's name.
        overrides: Series numbers for roles.
        psa_ng_ml: Prostate-specific antigen, for its density.

    Returns:
        Labels and probabilities on the original T2W grid, volumes, measurements, sectors, uncertainty and warnings.

    Raises:
        StudyError: The study cannot be read, or is no axial volume.
        ModelError: The model cannot be read, or none ships with this installation.
        ConfigError: A setting is unknown, does not fit, or is part of what was trained; or MONAI, whose network it is,
            is not installed.
        ValueError: The PSA cannot be one.
    """
    if psa_ng_ml is not None:
        check_psa(psa_ng_ml)  # before the work, not after it
    segmenter = Segmenter.load(model_path(model), settings)
    case = load_case(Path(study), segmenter.settings, case_id=case_id, overrides=overrides)
    return segmenter.segment(case, psa_ng_ml=psa_ng_ml)
