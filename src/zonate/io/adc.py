"""The ADC map: fitted from b-values where the scanner made none, and brought to 1e-6 mm²/s."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from zonate.errors import CorruptSeriesError

FIT_B_VALUES_S_MM2 = (50.0, 1000.0)
"""Below, blood flow adds to the decay; above, it is no longer mono-exponential and sinks into noise.

Source: PI-RADS v2.1, section III.B: lowest b-value 50 to 100, highest for the ADC map 800 to 1000 s/mm².
"""
_LOWEST_TOP_S_MM2 = 400.0
"""A fit whose highest b-value is lower is of blood flow and noise: a higher one is the lesser evil."""
_PLAUSIBLE = (300.0, 4000.0)
"""Medians of the pelvis's tissue in 1e-6 mm²/s beyond these are reported: muscle is about 1200, urine about 3000."""
_SCALES: tuple[tuple[float, float, str], ...] = (
    (100.0, 1.0, "1e-6 mm²/s"),
    (0.1, 1e3, "1e-3 mm²/s"),
    (1e-4, 1e6, "mm²/s"),
)
"""Lowest median that a unit can have, its factor to 1e-6 mm²/s, its name; the highest median is 100 times that."""


def fitted_b_values(b_values: tuple[float, ...]) -> tuple[float, ...]:
    """Which b-values the fit uses: those in FIT_B_VALUES_S_MM2 where they are at least two.

    Else those up to its highest, from 0 on; where these are not two either, or all lie low and there are higher ones,
    all of them: `bias_of` says what that does.
    """
    low, high = FIT_B_VALUES_S_MM2
    for lowest in (low, 0.0):
        inside = tuple(b for b in b_values if lowest <= b <= high)
        if len(inside) > 1 and (max(inside) >= _LOWEST_TOP_S_MM2 or max(b_values) <= high):
            return inside
    return b_values


def bias_of(fitted: tuple[float, ...]) -> str:
    """What a warning adds of b-values above those of FIT_B_VALUES_S_MM2; empty where there are none."""
    if max(fitted) <= FIT_B_VALUES_S_MM2[1]:
        return ""
    return (
        f": b {max(fitted):g} is above {FIT_B_VALUES_S_MM2[1]:g} s/mm², where the signal falls more slowly, so that "
        "ADC comes out lower (by a tenth to a quarter)"
    )


def fit_adc(signals: Mapping[float, npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Fit S(b) = S(0)·exp(-b·ADC) in each voxel by least squares on the logarithm.

    Args:
        signals: From b-value in s/mm² to trace-weighted intensities (S, H, W) of one scale; at least two.

    Returns:
        (S, H, W) float32 in 1e-6 mm²/s; NaN where the signal does not fall with b, or a signal is not positive.

    Raises:
        ValueError: Fewer than two b-values.

    Source: Le Bihan et al., Radiology 1986 (mono-exponential model).
    """
    if len(signals) < 2:
        raise ValueError(f"an ADC fit needs at least two b-values, found {len(signals)}")
    b = np.array(sorted(signals))
    weights = -(b - b.mean()) / ((b - b.mean()) ** 2).sum()  # slope of a least-squares line
    adc = np.zeros(next(iter(signals.values())).shape, dtype=np.float64)  # (S, H, W)
    for value, weight in zip(b, weights, strict=True):
        signal = signals[float(value)].astype(np.float64)
        adc += weight * np.log(np.where(signal > 0, signal, np.nan))
    return np.where(adc > 0, adc * 1e6, np.nan).astype(np.float32)


def in_micrometres(
    values: npt.NDArray[np.float32], declared: float | None, label: str
) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """Bring an ADC map to 1e-6 mm²/s (= µm²/s) and check that it can be one.

    A unit that the header declares is believed. Otherwise the median of the tissue (positive voxels in
    the middle half of the image) tells: tissue lies between 100 and 10000 in 1e-6 mm²/s, so the units
    1e-6, 1e-3 and 1 mm²/s cannot be mistaken for each other.

    Args:
        values: (S, H, W) after slope and intercept.
        declared: How many 1e-6 mm²/s the declared unit is; None where nothing is declared.
        label: How messages name the map, such as `series 7`.

    Returns:
        The map in 1e-6 mm²/s, and warnings with the figures.

    Raises:
        CorruptSeriesError: No unit makes it an ADC map.
    """
    median = _tissue_median(values)
    if median is None:
        raise CorruptSeriesError(f"{label}: the ADC map has no positive value in the middle of its images: it is empty")
    warnings: list[str] = []
    factor = declared
    if factor is None:
        units = [(f, name) for lowest, f, name in _SCALES if lowest <= median <= 100 * lowest]
        if not units:
            raise CorruptSeriesError(
                f"{label}: the median of its tissue is {median:g}, which is no ADC in 1e-6, 1e-3 or 1 mm²/s: "
                "check which series is the ADC map, or name another"
            )
        factor, name = units[0]
        if factor != 1.0:
            warnings.append(f"{label}: the ADC map seems to be in {name} (median {median:g}): scaled to 1e-6 mm²/s")
    median *= factor
    if not 10 <= median <= 20000:
        raise CorruptSeriesError(f"{label}: the median of its tissue is {median:g} e-6 mm²/s, which no tissue has")
    if not _PLAUSIBLE[0] <= median <= _PLAUSIBLE[1]:
        warnings.append(
            f"{label}: the median ADC of the tissue is {median:.0f} e-6 mm²/s, outside {_PLAUSIBLE[0]:.0f} to "
            f"{_PLAUSIBLE[1]:.0f}: check the map"
        )
    return (values * np.float32(factor)).astype(np.float32), tuple(warnings)


def _tissue_median(values: npt.NDArray[np.float32]) -> float | None:
    rows, columns = values.shape[1:]
    middle = values[:, rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]
    tissue = middle[np.isfinite(middle) & (middle > 0)]
    return float(np.median(tissue)) if tissue.size else None
