"""The apparent diffusion coefficient of each structure."""

import numpy as np

from zonate.case import NO_ALIGNMENT, Case
from zonate.geometry import Volume
from zonate.measurements import AdcStatistics
from zonate.zones import STRUCTURES, LabelCode, structure_codes

MINIMUM_COVERAGE = 0.5
"""With less of a structure measured, its figures would be those of another region."""
MINIMUM_ML = 0.1
"""Less than this is a handful of voxels of an ADC map (2 × 2 × 3 mm each), and mostly border."""

_NO_MAP = "there is no ADC map"


def adc_statistics(
    case: Case, labels: Volume, codes: tuple[LabelCode, ...]
) -> tuple[dict[str, AdcStatistics], dict[str, str]]:
    """Measure ADC over each structure, where the map is known to be aligned with T2W.

    Args:
        case: With ADC on the T2W grid.
        labels: Label codes (S, H, W) uint8 on the same grid.
        codes: Those that the annotator or model could have drawn, disjoint.

    Returns:
        The figures by name in STRUCTURES; and what is not among them with the reason: `adc` where there is none at
        all, `adc.PZ` and so on where there is too little of a structure or the map has too little of it. A structure
        that the codes cannot express is in neither.
    """
    obstacle = _obstacle(case)
    if case.adc is None or obstacle is not None:
        return {}, {"adc": obstacle or _NO_MAP}
    statistics, missing = {}, {}
    for structure in STRUCTURES:
        members = structure_codes(structure, codes)
        if members is None:
            continue
        values = case.adc.values[np.isin(labels.values, members)].astype(np.float64)
        measured = values[np.isfinite(values) & (values > 0)]  # 0: a scanner computed none
        coverage = len(measured) / max(len(values), 1)
        volume_ml = len(values) * labels.grid.voxel_volume_ml
        if len(values) == 0:
            missing[f"adc.{structure}"] = "nothing of it was found"
        elif volume_ml < MINIMUM_ML:
            missing[f"adc.{structure}"] = f"only {volume_ml:.2g} ml of it was found"
        elif coverage < MINIMUM_COVERAGE:
            missing[f"adc.{structure}"] = f"the ADC map has values above 0 in only {coverage:.0%} of it"
        else:
            tenth = float(np.percentile(measured, 10))
            statistics[structure] = AdcStatistics(float(measured.mean()), tenth, coverage)
    return statistics, missing


def _obstacle(case: Case) -> str | None:
    """Why no ADC value can be said to be of the tissue beneath it; None where it can.

    The estimated error decides, not what was chosen: `bspline` and `rigid` are chosen only where it is small, but
    `given` and a `header` that the settings ask for are kept whatever it is.
    """
    record = case.alignment
    if case.adc is None:
        return _NO_MAP if record == NO_ALIGNMENT or record.chosen != "none" else record.reason
    error, limit = record.figures.get("estimated_error_mm"), record.figures.get("error_limit_mm")
    if error is None or limit is None:
        return f"how well the ADC map is aligned with T2W is not known (alignment: {record.chosen})"
    if error > limit:
        return (
            f"the ADC map is off by about {error:.1f} mm against T2W, more than {limit:.1f} mm "
            f"(alignment: {record.chosen})"
        )
    return None
