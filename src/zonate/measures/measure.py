"""Everything that is known of a gland in figures, from its label map."""

from collections.abc import Mapping

import numpy as np

from zonate.case import Case
from zonate.errors import GeometryError
from zonate.geometry import Volume
from zonate.measurements import Ellipsoid, Interval, Measurements, PsaDensity
from zonate.measures.adc import adc_statistics
from zonate.measures.axes import Gland
from zonate.measures.ellipsoid import ellipsoid
from zonate.measures.gland import NO_GLAND
from zonate.measures.psa import check_psa, psa_density
from zonate.sectors import SECTORS
from zonate.zonemap import structure_volumes_ml
from zonate.zones import LabelCode

_NOT_TOLD_APART = "the model was trained on labels that do not tell it apart"
USUAL_DIFFERENCE_PERCENT = 30.0
"""Of ellipsoid and planimetry, either way: the mean of 63 glands drawn by experts and two standard deviations more are
+31 %, the least is -22 %, the most +46 %, see `benchmarks/measurements.md`."""


def measure(
    case: Case,
    labels: Volume,
    codes: tuple[LabelCode, ...],
    *,
    gland: Gland | None = None,
    psa_ng_ml: float | None = None,
    intervals_ml: Mapping[str, Interval] | None = None,
) -> Measurements:
    """Measure volumes, diameters, ADC and PSA density.

    Args:
        case: What was segmented.
        labels: Label codes (S, H, W) uint8 on the T2W grid.
        codes: Those that the model can tell apart, disjoint.
        gland: That of the labels, where it has been found already.
        psa_ng_ml: Serum PSA.
        intervals_ml: Of volumes, by name in STRUCTURES.

    Returns:
        Figures; what is not among them stands in `not_given` with the reason.

    Raises:
        ValueError: The PSA cannot be one.
        GeometryError: The labels do not lie on the T2W grid.
    """
    if psa_ng_ml is not None:
        check_psa(psa_ng_ml)
    if not labels.grid.same_as(case.t2w.grid):
        raise GeometryError(
            f"case {case.case_id}: the labels, of shape {labels.grid.shape}, do not lie on the T2W grid, of shape "
            f"{case.t2w.grid.shape}: measure them with the images that they were drawn on"
        )
    volumes = structure_volumes_ml(labels, codes)
    not_given = {f"volume_ml.{name}": _NOT_TOLD_APART for name, volume in volumes.items() if volume is None}

    gland = gland or Gland.find(labels, codes)
    diameters = None if gland is None else ellipsoid(gland)
    if diameters is None:
        not_given["ellipsoid"] = "nothing of the gland lies in its midline" if volumes["GLAND"] else _no_gland(volumes)
    ratio = _pz_tz_ratio(volumes)
    if ratio is None:
        not_given["pz_tz_ratio"] = _without_ratio(volumes)
    adc, without_adc = adc_statistics(case, labels, codes)
    psa = _psa(psa_ng_ml, volumes["GLAND"], (intervals_ml or {}).get("GLAND"))
    if psa is None:
        not_given["psa"] = "no PSA value was given" if psa_ng_ml is None else _no_gland(volumes)
    remarks = (*(() if gland is None else gland.axes.remarks), *_difference_remarks(diameters))
    return Measurements(volumes, diameters, ratio, adc, psa, not_given | without_adc, remarks)


def sector_volumes_ml(sectors: Volume) -> dict[str, float]:
    """Volume of each sector in ml.

    Args:
        sectors: Numbers of `SECTORS` (S, H, W) uint8.

    Returns:
        By abbreviation, in the order of `SECTORS`; 0 for one that is empty.
    """
    counts = np.bincount(sectors.values.ravel(), minlength=len(SECTORS) + 1)
    return {sector.abbreviation: int(counts[sector.number]) * sectors.grid.voxel_volume_ml for sector in SECTORS}


def _difference_remarks(diameters: Ellipsoid | None) -> tuple[str, ...]:
    """The two ways to a volume check each other."""
    if diameters is None or abs(diameters.difference_percent) <= USUAL_DIFFERENCE_PERCENT:
        return ()
    more = "more" if diameters.difference_percent > 0 else "less"
    difference = f"{abs(diameters.difference_percent):.0f} % {more} than planimetry"
    return (f"the ellipsoid formula gives {difference}, which is unusual: look at the outline",)


def _pz_tz_ratio(volumes_ml: Mapping[str, float | None]) -> float | None:
    pz, tz = volumes_ml["PZ"], volumes_ml["TZ"]
    return pz / tz if pz and tz else None


def _without_ratio(volumes_ml: Mapping[str, float | None]) -> str:
    pz, tz = volumes_ml["PZ"], volumes_ml["TZ"]
    if pz is None or tz is None:
        return "the model does not tell both apart"
    return f"no {'peripheral' if tz else 'transition'} zone was found"


def _psa(psa_ng_ml: float | None, gland_ml: float | None, interval_ml: Interval | None) -> PsaDensity | None:
    return None if psa_ng_ml is None or gland_ml is None else psa_density(psa_ng_ml, gland_ml, interval_ml)


def _no_gland(volumes_ml: Mapping[str, float | None]) -> str:
    return _NOT_TOLD_APART if volumes_ml["GLAND"] is None else NO_GLAND
