"""Glands of plain shape for the tests: an ellipsoid whose back is PZ."""

import numpy as np

from zonate.geometry import Grid, Volume
from zonate.zones import LabelCode


def grid(slices: int = 10, size: int = 96, spacing_mm: tuple[float, float, float] = (3.0, 1.0, 1.0)) -> Grid:
    """Canonical: S to superior, H to posterior, W to left."""
    affine = np.eye(4)
    affine[:3, :3] = np.diag(spacing_mm)[[2, 1, 0]]
    return Grid((slices, size, size), affine)


def zones(
    on: Grid, half_mm: tuple[float, float, float] = (12.0, 15.0, 20.0), central: LabelCode = LabelCode.CENTRAL_GLAND
) -> Volume:
    """An ellipsoid in the middle of the grid; what lies more than 2 mm behind its middle is PZ."""
    s, h, w = (
        (index - (n - 1) / 2) * mm
        for index, n, mm in zip(np.indices(on.shape, dtype=np.float64), on.shape, on.spacing_mm, strict=True)
    )
    inside = (s / half_mm[0]) ** 2 + (h / half_mm[1]) ** 2 + (w / half_mm[2]) ** 2 < 1
    return Volume(np.where(inside, np.where(h > 2, LabelCode.PZ, central), 0).astype(np.uint8), on)


def t2w(of: Volume) -> Volume:
    """Surroundings 100, PZ 400, the rest of the gland 200; each with noise of 5."""
    brightness = np.array([100.0, 400.0, 200.0, 200.0, 200.0, 200.0])
    values = brightness[of.values] + np.random.default_rng(0).normal(0, 5, of.values.shape)
    return of.with_values(values.astype(np.float32))
