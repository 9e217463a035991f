from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from zonate.simulation.scan import Examination, slice_points
from zonate.simulation.study import draw_study
from zonate.simulation.tissue import Tissue, column, zone_of_tissue
from zonate.zones import Zone

Mask = npt.NDArray[np.bool_]


@pytest.fixture(scope="module", params=[1, 2, 3], ids=["full bladder", "small field of view", "huge zone"])
def examination(request: pytest.FixtureRequest) -> Examination:
    return draw_study(0, request.param, "siemens").examination


def _best_interval_dice(values: npt.NDArray[np.float32], mask: Mask) -> float:
    """The highest Dice of any interval [lo, hi] of intensities, bounds among 256 quantiles."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 257)))
    inside = np.concatenate([[0], np.histogram(values[mask], edges)[0].cumsum()])
    every = np.concatenate([[0], np.histogram(values, edges)[0].cumsum()])
    overlap, size = inside[None] - inside[:, None], every[None] - every[:, None]
    return float(np.triu(2 * overlap / np.maximum(size + mask.sum(), 1)).max())


def test_no_interval_of_intensities_finds_the_gland(examination: Examination) -> None:
    rng = np.random.default_rng(0)
    gland = examination.labels().values > 0
    assert _best_interval_dice(examination.t2w(examination.t2w_grid, rng).values, gland) < 0.5
    diffusion = examination.diffusion((50, 800), rng)
    in_dwi = _gland_in_dwi(examination)
    assert _best_interval_dice(diffusion[800].values, in_dwi) < 0.5
    assert _best_interval_dice(examination.adc(diffusion).values, in_dwi) < 0.5


def test_the_gland_is_whole_plausible_and_inside_the_images(examination: Examination) -> None:
    labels = examination.labels()
    counts = [int((labels.values == zone).sum()) for zone in Zone]
    assert min(counts) > 0
    gland_ml = sum(counts[1:]) * labels.grid.voxel_volume_ml
    assert 20 < gland_ml < 120
    assert 0.02 < counts[Zone.AFS] / sum(counts[1:]) < 0.15
    assert 0.4 < counts[Zone.DPU] * labels.grid.voxel_volume_ml < 4
    edges = [labels.values[0], labels.values[-1], labels.values[:, 0], labels.values[:, :, 0], labels.values[:, -1]]
    assert not any(edge.any() for edge in edges)


def test_adc_without_noise_is_the_tissues_adc(examination: Examination) -> None:
    clean = replace(examination, noise=1e-9)
    diffusion = clean.diffusion((50, 400, 800), np.random.default_rng(0))
    adc = clean.adc(diffusion).values
    urine = _tissue_in_dwi(clean) == Tissue.URINE
    expected = column("adc_um2_s")[Tissue.URINE]
    # Away from the bladder's wall; urine varies by 2 %.
    core = urine & np.roll(urine, 3, 1) & np.roll(urine, -3, 1) & np.roll(urine, 3, 2) & np.roll(urine, -3, 2)
    assert core.sum() >= 20
    assert np.median(adc[core]) == pytest.approx(expected, rel=0.02)
    pz = _tissue_in_dwi(clean) == Tissue.PERIPHERAL_ZONE
    assert np.median(adc[pz]) == pytest.approx(1680, rel=0.12)


def test_grids_are_those_of_the_protocol(examination: Examination) -> None:
    assert examination.t2w_grid.spacing_mm == pytest.approx((3.0, 0.5, 0.5))
    assert examination.dwi_grid.spacing_mm == pytest.approx((3.0, 2.0, 2.0))
    slices_run_up, rows_run_back = examination.t2w_grid.direction[:, 0], examination.t2w_grid.direction[:, 1]
    assert 0.93 < slices_run_up[2] < 1
    assert 0.93 < rows_run_back[1] < 1
    assert slices_run_up[0] == pytest.approx(0)


def _tissue_in_dwi(examination: Examination) -> npt.NDArray[np.uint8]:
    """(S, H, W): the tissue that lies at each DWI voxel's centre."""
    tissues = []
    for s in range(examination.dwi_grid.shape[0]):
        source = examination.displacement.source_of(slice_points(examination.dwi_grid, s))
        local = ((source - examination.centre_mm) @ examination.pose).astype(np.float32)
        tissues.append(examination.pelvis.tissues(local, examination.pelvis.unevenness(local, regular=False)))
    return np.stack(tissues)


def _gland_in_dwi(examination: Examination) -> Mask:
    zones = zone_of_tissue()[_tissue_in_dwi(examination)]
    inside: Mask = zones > 0
    return inside
