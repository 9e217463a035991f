from dataclasses import replace

import numpy as np
import pytest

from zonate.case import NO_ALIGNMENT, AlignmentRecord, Case, Chosen
from zonate.geometry import Grid, Volume
from zonate.measures.adc import adc_statistics
from zonate.zones import ALL_ZONE_CODES, LabelCode

GRID = Grid((1, 2, 12), np.diag([5.0, 4.0, 2.0, 1.0]))  # voxels of 0.04 ml
T2W = Volume(np.zeros(GRID.shape, dtype=np.float32), GRID)


def labels() -> Volume:
    """Eleven voxels of PZ, four of TZ."""
    values = np.zeros(GRID.shape, dtype=np.uint8)
    values[0, 0, :11] = LabelCode.PZ
    values[0, 1, :4] = LabelCode.TZ
    return Volume(values, GRID)


def adc() -> Volume:
    """100, 200, ... 1100 over PZ; 2000 over one voxel of TZ and nothing measured over the others."""
    values = np.full(GRID.shape, np.nan, dtype=np.float32)
    values[0, 0, :11] = 100 * np.arange(1, 12)
    values[0, 1, 0] = 2000
    return Volume(values, GRID)


def record(chosen: Chosen, error_mm: float | None) -> AlignmentRecord:
    figures = {} if error_mm is None else {"estimated_error_mm": error_mm, "error_limit_mm": 1.93}
    return AlignmentRecord(chosen, "because", None, {}, figures, 0.0)


CASE = Case("c", T2W, adc=adc(), alignment=record("bspline", 0.5))


def test_mean_and_tenth_percentile_by_hand() -> None:
    statistics, missing = adc_statistics(CASE, labels(), ALL_ZONE_CODES)
    pz = statistics["PZ"]
    assert (pz.mean_1e_6_mm2_s, pz.percentile_10_1e_6_mm2_s, pz.coverage) == (600.0, 200.0, 1.0)
    gland = statistics["GLAND"]  # 100 … 1100 and 2000: 8600 over twelve of fifteen voxels
    assert gland.mean_1e_6_mm2_s == pytest.approx(8600 / 12)
    assert gland.percentile_10_1e_6_mm2_s == pytest.approx(210.0)
    assert gland.coverage == pytest.approx(0.8)
    assert missing == {
        "adc.TZ": "the ADC map has values above 0 in only 25% of it",
        "adc.DPU": "nothing of it was found",
        "adc.AFS": "nothing of it was found",
        "adc.CENTRAL_GLAND": "the ADC map has values above 0 in only 25% of it",
    }


def test_what_the_scanner_did_not_compute_is_no_measurement() -> None:
    """Zeros in three of eleven voxels, of a tissue that is 1500 everywhere."""
    values = np.full(GRID.shape, 1500, dtype=np.float32)
    values[0, 0, [2, 5, 8]] = (0, 0, -1)
    pz = adc_statistics(replace(CASE, adc=Volume(values, GRID)), labels(), ALL_ZONE_CODES)[0]["PZ"]
    assert (pz.mean_1e_6_mm2_s, pz.percentile_10_1e_6_mm2_s, pz.coverage) == (1500.0, 1500.0, 8 / 11)
    values[0, 0, :6] = 0
    assert adc_statistics(replace(CASE, adc=Volume(values, GRID)), labels(), ALL_ZONE_CODES)[1]["adc.PZ"] == (
        "the ADC map has values above 0 in only 36% of it"
    )


def test_a_few_voxels_have_no_figures() -> None:
    values = labels().values.copy()
    values[0, 0, 9:11] = LabelCode.AFS
    statistics, missing = adc_statistics(CASE, Volume(values, GRID), ALL_ZONE_CODES)
    assert "AFS" not in statistics
    assert missing["adc.AFS"] == "only 0.08 ml of it was found"


def test_only_structures_that_the_codes_can_express() -> None:
    values = np.where(labels().values == LabelCode.TZ, LabelCode.CENTRAL_GLAND, labels().values).astype(np.uint8)
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    statistics, missing = adc_statistics(CASE, Volume(values, GRID), codes)
    assert set(statistics) | {name.removeprefix("adc.") for name in missing} == {"PZ", "CENTRAL_GLAND", "GLAND"}


@pytest.mark.parametrize("chosen", ["bspline", "rigid", "header", "given"])
def test_the_estimated_error_decides_not_what_was_chosen(chosen: Chosen) -> None:
    good, _ = adc_statistics(replace(CASE, alignment=record(chosen, 1.93)), labels(), ALL_ZONE_CODES)
    assert "PZ" in good
    bad, why = adc_statistics(replace(CASE, alignment=record(chosen, 3.2)), labels(), ALL_ZONE_CODES)
    assert bad == {}
    assert why == {
        "adc": f"the ADC map is off by about 3.2 mm against T2W, more than 1.9 mm (alignment: {chosen})",
    }
    unknown, why = adc_statistics(replace(CASE, alignment=record(chosen, None)), labels(), ALL_ZONE_CODES)
    assert unknown == {}
    assert why == {"adc": f"how well the ADC map is aligned with T2W is not known (alignment: {chosen})"}


def test_no_adc_and_an_adc_that_was_left_out() -> None:
    absent = Case("c", T2W, alignment=NO_ALIGNMENT)
    assert adc_statistics(absent, labels(), ALL_ZONE_CODES) == ({}, {"adc": "there is no ADC map"})
    dwi_alone = Case("c", T2W, dwi=adc(), alignment=record("rigid", 0.5))
    assert adc_statistics(dwi_alone, labels(), ALL_ZONE_CODES) == ({}, {"adc": "there is no ADC map"})
    left_out = Case("c", T2W, alignment=record("none", None))
    assert adc_statistics(left_out, labels(), ALL_ZONE_CODES) == ({}, {"adc": "because"})
