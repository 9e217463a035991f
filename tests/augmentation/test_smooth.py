import pytest
import torch

from zonate.augmentation.smooth import n_coefficients, smooth_field


def test_equal_coefficients_give_a_flat_field() -> None:
    n = n_coefficients(33, 8.0)
    assert n == 8  # pixels 0 to 32 lie in cells 0 to 4, the last of which needs coefficients 4 to 7
    field = smooth_field(torch.ones(n, n), 33, 8.0)
    assert torch.allclose(field, torch.full((33, 33), (315 / 151)), rtol=1e-6)


def test_a_single_coefficient_gives_a_cubic_spline() -> None:
    coefficients = torch.zeros(n_coefficients(9, 2.0), n_coefficients(9, 2.0))
    coefficients[3] = 1.0  # of a whole row: a spline downward, flat to the right
    field = smooth_field(coefficients, 9, 2.0) * 151 / 315
    expected = torch.tensor([0, 1 / 48, 1 / 6, 23 / 48, 2 / 3, 23 / 48, 1 / 6, 1 / 48, 0])
    assert torch.allclose(field[:, 4], expected, atol=1e-6)


def test_the_standard_deviation_is_that_of_the_coefficients() -> None:
    generator = torch.Generator().manual_seed(0)
    n = n_coefficients(60, 6.0)
    fields = smooth_field(3 * torch.randn(200, n, n, generator=generator), 60, 6.0)
    assert fields.std().item() == pytest.approx(3.0, rel=0.03)
