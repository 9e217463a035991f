"""PSA density: prostate-specific antigen over the gland's volume."""

import math

from zonate.measurements import Interval, PsaDensity

CUT_OFFS_NG_ML2 = (0.10, 0.15, 0.20)
"""Between the groups of risk by which a biopsy is decided on.

Source: Schoots and Padhani, BJU International 2021 (0.10, 0.15, 0.20); 0.15 alone goes back to Benson et al. 1992.
"""
HIGHEST_PSA_NG_ML = 10_000.0
"""Above it a value is taken for a slip of the keyboard or of the unit."""


def psa_density(psa_ng_ml: float, gland_ml: float, gland_interval_ml: Interval | None = None) -> PsaDensity | None:
    """Divide PSA by the gland's volume.

    Args:
        psa_ng_ml: Serum PSA in ng/ml (the same as µg/l).
        gland_ml: By planimetry.
        gland_interval_ml: Lower and upper bound of it.

    Returns:
        None where the gland is empty. A density without an interval where there is none for the volume, or it
        reaches down to nothing.

    Raises:
        ValueError: The PSA cannot be one.
    """
    check_psa(psa_ng_ml)
    if gland_ml <= 0:
        return None
    density = psa_ng_ml / gland_ml
    interval = None
    if gland_interval_ml is not None and gland_interval_ml[0] > 0:
        interval = psa_ng_ml / gland_interval_ml[1], psa_ng_ml / gland_interval_ml[0]
    return PsaDensity(psa_ng_ml, density, cut_offs_reached(density), interval)


def cut_offs_reached(density_ng_ml2: float) -> tuple[float, ...]:
    """Those of the cut-offs that a density reaches; 6 ng/ml over 40 ml reach 0.15, whatever the last bit says."""
    return tuple(cut_off for cut_off in CUT_OFFS_NG_ML2 if round(density_ng_ml2, 9) >= cut_off)


def check_psa(psa_ng_ml: float) -> None:
    """Refuse what is no PSA in ng/ml.

    Raises:
        ValueError: It is not finite, not above 0, or above 10000 ng/ml.
    """
    if not math.isfinite(psa_ng_ml) or not 0 < psa_ng_ml <= HIGHEST_PSA_NG_ML:
        raise ValueError(
            f"a PSA of {psa_ng_ml:g} ng/ml cannot be: give the serum value in ng/ml (µg/l), "
            f"above 0 and at most {HIGHEST_PSA_NG_ML:g}"
        )
