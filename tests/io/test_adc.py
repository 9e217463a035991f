import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.errors import CorruptSeriesError
from zonate.io.adc import bias_of, fit_adc, fitted_b_values, in_micrometres


def signals(adc: float, b_values: list[float], s0: float = 1000.0) -> dict[float, npt.NDArray[np.float32]]:
    return {b: np.full((1, 2, 2), s0 * np.exp(-b * adc * 1e-6), dtype=np.float32) for b in b_values}


def test_two_points_by_hand() -> None:
    """ln(100/50) / (800 - 0) = 0.000866 mm²/s."""
    fitted = fit_adc({0.0: np.full((1, 1, 1), 100, np.float32), 800.0: np.full((1, 1, 1), 50, np.float32)})
    assert fitted.dtype == np.float32
    np.testing.assert_allclose(fitted, 866.434, atol=1e-3)


@given(adc=st.floats(1, 3500), s0=st.floats(10, 4000))
def test_a_mono_exponential_gives_itself(adc: float, s0: float) -> None:
    np.testing.assert_allclose(fit_adc(signals(adc, [50, 400, 800], s0)), adc, atol=0.5)


def test_degenerate_signals() -> None:
    rising = {0.0: np.array([[[10.0, 0.0, -1.0]]], np.float32), 500.0: np.array([[[20.0, 5.0, 5.0]]], np.float32)}
    np.testing.assert_array_equal(fit_adc(rising), [[[np.nan, np.nan, np.nan]]])
    with pytest.raises(ValueError, match="at least two"):
        fit_adc(signals(1000, [50]))


@pytest.mark.parametrize(
    ("b_values", "used"),
    [
        ((0, 50, 400, 800), (50, 400, 800)),
        ((50, 400, 800, 1400), (50, 400, 800)),
        ((0, 800), (0, 800)),
        ((0, 1400), (0, 1400)),
        ((0, 500, 1400), (0, 500)),
        ((0, 30, 800, 2000), (0, 30, 800)),
        ((0, 100, 2000), (0, 100, 2000)),
        ((50, 100, 2000), (50, 100, 2000)),
        ((0, 100, 300), (100, 300)),
    ],
)
def test_which_b_values_are_fitted(b_values: tuple[float, ...], used: tuple[float, ...]) -> None:
    assert fitted_b_values(b_values) == used


def test_a_fit_from_above_b_1000_says_that_it_is_low() -> None:
    assert bias_of((0, 50, 1000)) == ""
    assert bias_of((0, 1400)).startswith(
        ": b 1400 is above 1000 s/mm², where the signal falls more slowly, so that ADC"
    )


@pytest.mark.parametrize(("value", "factor"), [(1200.0, 1.0), (1.2, 1e3), (0.0012, 1e6)])
def test_the_unit_is_told_by_the_median(value: float, factor: float) -> None:
    scaled, warnings = in_micrometres(np.full((2, 8, 8), value, np.float32), None, "series 7")
    np.testing.assert_allclose(scaled, 1200, rtol=1e-6)
    assert scaled.dtype == np.float32
    assert bool(warnings) == (factor != 1.0)
    assert all("series 7" in warning and f"{value:g}" in warning for warning in warnings)


def test_a_declared_unit_is_believed() -> None:
    scaled, warnings = in_micrometres(np.full((2, 8, 8), 1.2, np.float32), 1e3, "series 7")
    np.testing.assert_allclose(scaled, 1200, rtol=1e-6)
    assert warnings == ()


def test_implausible_medians_are_said_with_the_figure() -> None:
    _, warnings = in_micrometres(np.full((2, 8, 8), 5000, np.float32), None, "series 7")
    assert "5000" in warnings[0]


@pytest.mark.parametrize("value", [0.0, -3.0, 30.0, 60000.0, np.nan])
def test_what_cannot_be_an_adc_map_is_refused(value: float) -> None:
    with pytest.raises(CorruptSeriesError, match="series 7"):
        in_micrometres(np.full((2, 8, 8), value, np.float32), None, "series 7")
