import numpy as np
import pytest

from zonate.simulation.physics import add_rician_noise, coil_bias, diffusion_weighted, fit_adc, spin_echo


def _array(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_spin_echo_with_half_the_relaxation_each_way() -> None:
    # TR = T1 ln 2 recovers a half, TE = T2 ln 2 leaves a half.
    signal = spin_echo(_array(0.8), _array(1000), _array(100), tr_ms=693.147, te_ms=69.3147)
    assert signal == pytest.approx(0.8 * 0.5 * 0.5, rel=1e-4)


def test_diffusion_weighting_of_the_peripheral_zone() -> None:
    # b · ADC = 800 · 1680e-6 = 1.344
    assert diffusion_weighted(_array(100), _array(1680), 800) == pytest.approx(100 * 0.26080, rel=1e-4)


def test_adc_fit_gives_back_the_adc_without_noise() -> None:
    adc = _array(0, 500, 1030, 1680, 3000)
    signals = np.stack([diffusion_weighted(_array(*[700] * 5), adc, b) for b in (50, 400, 800)])
    assert fit_adc(signals, (50, 400, 800)) == pytest.approx(adc, abs=0.1)


def test_adc_fit_gives_0_at_the_noise_floor_and_where_the_signal_rises() -> None:
    signals = np.array([[4.0, 10.0], [2.0, 20.0]])
    assert fit_adc(signals, (0, 1000), noise_floor=5.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("b_values", [(0, 400, 800), (800, 800)])
def test_adc_fit_refuses_what_is_no_pair_of_b_values(b_values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="two b-values"):
        fit_adc(np.ones((2, 3)), b_values)


def test_rician_noise_has_the_mean_of_a_rayleigh_distribution_where_there_is_no_signal() -> None:
    noisy = add_rician_noise(np.zeros(200_000, np.float32), 2.0, np.random.default_rng(0))
    assert noisy.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=5e-3)
    assert noisy.min() >= 0


def test_rician_noise_leaves_a_strong_signal_in_place() -> None:
    noisy = add_rician_noise(np.full(200_000, 100, np.float32), 2.0, np.random.default_rng(0))
    # Mean of a Rice distribution at high signal: S + sigma² / 2S.
    assert noisy.mean() == pytest.approx(100.02, abs=0.02)
    assert noisy.std() == pytest.approx(2.0, rel=1e-2)


def test_coil_is_brighter_in_front_and_behind() -> None:
    points = np.array([[0, 0, 0], [0, 75, 0], [0, -75, 0], [10, 0, 0]], dtype=np.float32)
    assert coil_bias(points, 0.5, (0, 0, 0)) == pytest.approx([1.0, 1.5, 1.5, 1.0])
    assert coil_bias(points, 0.0, (0.1, 0, 0))[3] == pytest.approx(np.exp(0.01))
