"""Smooth random fields over a patch: cubic B-splines through a coarse grid of random coefficients."""

import math
from functools import lru_cache

import torch
from torch import Tensor

_SPLINE_VARIANCE = 151 / 315  # of a cubic B-spline of coefficients of variance 1, the mean along an axis


def n_coefficients(size_px: int, cell_px: float) -> int:
    """How many coefficients a field needs along an axis of size_px pixels, cell_px apart."""
    return math.floor((size_px - 1) / cell_px) + 4


def smooth_field(coefficients: Tensor, size_px: int, cell_px: float) -> Tensor:
    """Evaluate fields at every pixel of a square patch.

    Args:
        coefficients: (..., N, N) float32 with N = `n_coefficients(size_px, cell_px)`.
        size_px: Side of the patch.
        cell_px: Distance of the coefficients.

    Returns:
        (..., size_px, size_px): twice continuously differentiable. Of standard deviation s, over the patch and many
        fields, where the coefficients are independent with standard deviation s and mean 0.

    Source: Rueckert et al., Nonrigid registration using free-form deformations, IEEE TMI 1999.
    """
    basis = _basis(size_px, cell_px, coefficients.device)  # (size_px, N)
    return basis @ coefficients @ basis.T / _SPLINE_VARIANCE


@lru_cache
def _basis(size_px: int, cell_px: float, device: torch.device) -> Tensor:
    """The weight (size_px, N) of each coefficient at each pixel along an axis; the weights of a pixel sum to 1."""
    place = torch.arange(size_px, dtype=torch.float64) / cell_px
    first = place.floor().long()
    t = place - first
    weights = torch.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3],
        dim=1,
    )  # (size_px, 4)
    basis = torch.zeros(size_px, n_coefficients(size_px, cell_px), dtype=torch.float64)
    return basis.scatter_(1, first[:, None] + torch.arange(4), weights / 6).float().to(device)
