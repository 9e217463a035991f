"""The signal equations, the noise of a magnitude image, the receive coil's shading, and the ADC fit."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def spin_echo(proton_density: Array, t1_ms: Array, t2_ms: Array, tr_ms: float, te_ms: float) -> Array:
    """Signal of a spin echo: PD · (1 - exp(-TR / T1)) · exp(-TE / T2).

    Source: Bernstein, King, Zhou, Handbook of MRI Pulse Sequences (2004), section 14.3, for TE much shorter than TR.
    """
    signal: Array = (proton_density * -np.expm1(-tr_ms / t1_ms) * np.exp(-te_ms / t2_ms)).astype(np.float32)
    return signal


def diffusion_weighted(s0: Array, adc_um2_s: Array, b_value_s_mm2: float) -> Array:
    """Signal under diffusion weighting: S0 · exp(-b · ADC), with ADC in 1e-6 mm²/s and b in s/mm²."""
    signal: Array = (s0 * np.exp(-b_value_s_mm2 * 1e-6 * adc_um2_s)).astype(np.float32)
    return signal


def fit_adc(signals: npt.NDArray[np.floating], b_values_s_mm2: Sequence[float], noise_floor: float = 0.0) -> Array:
    """Mono-exponential least-squares fit of ln S against b.

    Args:
        signals: (N, ...) one image per b-value, in arbitrary units.
        b_values_s_mm2: N b-values, at least two of them different.
        noise_floor: Where the first image lies at or below it there is nothing to fit.

    Returns:
        (...) ADC in 1e-6 mm²/s, never negative; 0 at the noise floor, as scanners write it.

    Raises:
        ValueError: There are not two different b-values, or not one image for each.
    """
    b = np.asarray(b_values_s_mm2, dtype=np.float64)
    if len(b) != len(signals) or len(set(b_values_s_mm2)) < 2:
        raise ValueError(f"an ADC fit needs an image for each of two b-values, found {len(signals)} and {b.tolist()}")
    centred = b - b.mean()
    logarithms = np.log(np.maximum(signals, 1e-6))
    slope = np.tensordot(centred, logarithms, axes=1) / (centred**2).sum()
    adc = np.maximum(-slope * 1e6, 0)
    return np.where(signals[0] > noise_floor, adc, 0).astype(np.float32)


def add_rician_noise(signal: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Magnitude of the signal with Gaussian noise of `sigma` in each of two channels.

    Source: Gudbjartsson and Patz, Magn Reson Med 34:910 (1995).
    """
    real = signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = sigma * rng.standard_normal(signal.shape, dtype=np.float32)
    magnitude: Array = np.hypot(real, imaginary).astype(np.float32)
    return magnitude


def coil_bias(points_mm: Array, strength: float, tilt: Sequence[float]) -> Array:
    """Receive sensitivity of a surface array: brighter towards the front and the back of the body.

    Args:
        points_mm: (..., 3) positions relative to the gland's centre, to left, posterior, superior.
        strength: How much brighter it is at the skin than at the centre, such as 0.5.
        tilt: Relative change per 100 mm along the three directions.

    Returns:
        (...) 1 at the gland's centre where there is no tilt; always positive.
    """
    depth = np.minimum((points_mm[..., 1] / 75.0) ** 2, 1.3)
    slope = np.tensordot(points_mm, np.asarray(tilt, dtype=np.float32) / 100.0, axes=1)
    sensitivity: Array = ((1.0 + strength * depth) * np.exp(slope)).astype(np.float32)
    return sensitivity
