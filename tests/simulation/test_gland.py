from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from zonate.simulation.gland import Gland, draw_gland
from zonate.simulation.tissue import zone_of_tissue
from zonate.zones import Zone


def _zones(gland: Gland, step: float = 1.0) -> tuple[npt.NDArray[Any], ...]:
    """Zones on a lattice of `step` mm, and its u, v, w."""
    axes = [np.arange(-1.3 * h, 1.3 * h, step, dtype=np.float32) for h in gland.half_widths_mm]
    u, v, w = np.meshgrid(*axes, indexing="ij")
    zones = np.where(gland.level(u, v, w) < 1, zone_of_tissue()[gland.tissues(u, v, w)], 0)
    return zones, u, v, w


@pytest.mark.parametrize(("volume_ml", "fraction"), [(25, 0.35), (45, 0.5), (100, 0.7)])
def test_volume_and_transition_fraction_are_what_was_asked_for(volume_ml: float, fraction: float) -> None:
    zones, *_ = _zones(draw_gland(np.random.default_rng(5), volume_ml, fraction))
    measured = (zones > 0).sum() / 1000
    assert measured == pytest.approx(volume_ml, rel=0.03)
    assert (zones == Zone.TZ).sum() / 1000 / measured == pytest.approx(fraction, abs=0.03)


@pytest.mark.parametrize("seed", range(6))
def test_zones_lie_as_they_do_in_a_body(seed: int) -> None:
    gland = draw_gland(np.random.default_rng(seed), 45, 0.5)
    zones, u, v, w = _zones(gland)
    assert set(np.unique(zones)) == {0, 1, 2, 3, 4}
    centre = {zone: np.array([axis[zones == zone].mean() for axis in (u, v, w)]) for zone in Zone if zone}
    assert centre[Zone.PZ][1] > centre[Zone.TZ][1] + 3  # posterior
    assert centre[Zone.AFS][1] < centre[Zone.TZ][1] - 3  # anterior
    assert centre[Zone.DPU][2] < centre[Zone.TZ][2] - 5  # inferior
    assert w[zones == Zone.DPU].max() < 0  # apical only
    assert w[zones == Zone.DPU].min() < -0.85 * gland.half_widths_mm[2]
    assert abs(centre[Zone.DPU][0]) < 0.5  # in the midline


def test_a_huge_transition_zone_leaves_a_thin_peripheral_zone() -> None:
    zones, u, v, _ = _zones(draw_gland(np.random.default_rng(1), 100, 0.74))
    middle = zones.shape[2] // 2
    column = zones[np.abs(u[:, 0, 0]).argmin() + 10, :, middle]
    behind = (column == Zone.PZ) & (v[0, :, 0] > 0)
    assert 0.5 <= behind.sum() <= 5  # mm
