from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.imitations import (
    IMITATIONS,
    canonical,
    contrast,
    dark_border,
    empty_bladder,
    endorectal_coil,
    field_of_view,
    full_bladder,
    matrix,
    off_centre,
    slice_distance,
)
from tests.dataset_factory import a_case
from zonate.case import Case
from zonate.geometry import Volume
from zonate.zones import LabelCode


def case_of(slices: int = 6, size: int = 160) -> Case:
    """Pixels of 0.5 mm, 3 mm slices; a gland of 20 mm radius in the middle of slices 1 to 3."""
    case = a_case("toy", seed=0, slices=slices, size=size)
    assert case.labels is not None
    labels = case.labels.values.copy()
    labels[0], labels[4:] = 0, 0
    return canonical(replace(case, labels=case.labels.with_values(labels)))


def gland_of(case: Case) -> Volume:
    assert case.labels is not None
    return case.labels.with_values(case.labels.values != LabelCode.BACKGROUND)


def middle_mm(volume: Volume) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(volume.grid.to_mm(np.argwhere(volume.values)).mean(axis=0))


@pytest.mark.parametrize("how", IMITATIONS)
def test_the_gland_stays_where_it_is_in_the_patient(how: str) -> None:
    case = case_of(size=320)
    changed = IMITATIONS[how](case)
    assert changed.labels is not None
    assert changed.t2w.grid.same_as(changed.labels.grid)
    assert changed.t2w.values.dtype == np.float32
    assert np.linalg.norm(middle_mm(gland_of(changed)) - middle_mm(gland_of(case))) <= 1.5  # half a slice


def test_a_field_of_view_is_cut_and_widened() -> None:
    case = case_of()
    narrow, wide = field_of_view(60)(case), field_of_view(100)(case)
    assert narrow.t2w.grid.shape == (6, 120, 120)
    np.testing.assert_array_equal(narrow.t2w.values, case.t2w.values[:, 20:140, 20:140])
    assert wide.t2w.grid.shape == (6, 200, 200)
    np.testing.assert_array_equal(wide.t2w.values[:, 20:180, 20:180], case.t2w.values)
    assert not wide.t2w.values[:, :20].any()
    np.testing.assert_allclose(wide.t2w.grid.centre_mm, case.t2w.grid.centre_mm)


def test_a_dark_border_is_dark_and_may_be_noisy() -> None:
    case = case_of()
    plain, noisy = dark_border(1.25)(case), dark_border(1.25, noisy=True)(case)
    assert plain.t2w.grid.shape == noisy.t2w.grid.shape == (6, 200, 200)
    assert not plain.t2w.values[:, :, :20].any()
    border = noisy.t2w.values[:, :, :20]
    assert 0 < border.mean() < 0.1 * case.t2w.values.max()
    assert border.std() > 0


def test_off_centre_by_what_is_cut_off_the_other_side() -> None:
    """15 mm are 30 px: 60 rows less, and the middle lies 30 px from the gland's."""
    case = case_of(size=320)
    before = middle_mm(gland_of(case)) - case.t2w.grid.centre_mm
    for down, right, expected in ((15, 0, (0, 15, 0)), (-15, 0, (0, -15, 0)), (0, 15, (15, 0, 0))):
        changed = off_centre(down, right)(case)
        after = middle_mm(gland_of(changed)) - changed.t2w.grid.centre_mm
        np.testing.assert_allclose(after - before, expected, atol=1e-6)


def test_another_matrix_shows_the_same_field() -> None:
    case = case_of()
    fine = matrix(320)(case)
    assert fine.t2w.grid.shape == (6, 320, 320)
    assert fine.t2w.grid.spacing_mm == pytest.approx((3, 0.25, 0.25))
    np.testing.assert_allclose(fine.t2w.grid.centre_mm, case.t2w.grid.centre_mm)
    volume = gland_of(case).values.sum() * 0.25
    assert gland_of(fine).values.sum() * 0.0625 == pytest.approx(volume, rel=0.01)


def test_other_slices_cover_the_same_stack() -> None:
    case = case_of()
    thin, thick = slice_distance(1.5)(case), slice_distance(9)(case)
    assert thin.t2w.grid.shape == (12, 160, 160)
    assert thick.t2w.grid.shape == (2, 160, 160)
    np.testing.assert_allclose(thin.t2w.grid.centre_mm, case.t2w.grid.centre_mm)
    np.testing.assert_array_equal(gland_of(thin).values.any(axis=(1, 2)), np.repeat([0, 1, 1, 1, 0, 0], 2))


def test_a_power_of_one_leaves_the_contrast() -> None:
    case = case_of()
    same = contrast(1.0)(case).t2w.values
    inside = case.t2w.values > np.percentile(case.t2w.values, 1)
    np.testing.assert_allclose(same[inside], case.t2w.values[inside], rtol=1e-4)


def test_a_coil_lights_the_back_of_the_gland_most() -> None:
    case = case_of()
    gain = endorectal_coil(case).t2w.values / case.t2w.values
    assert gain[2, 120, 80] > gain[2, 80, 80] > gain[2, 40, 80] > 1


def test_bladders_spare_the_gland_and_stand_on_its_base() -> None:
    case = case_of(slices=12)
    gland = gland_of(case).values
    full = full_bladder(case)
    np.testing.assert_array_equal(full.t2w.values[gland], case.t2w.values[gland])
    urine = np.percentile(case.t2w.values, 98)
    assert full.t2w.values[6, 70:80, 75:85].mean() == pytest.approx(urine, rel=0.05)
    assert case.t2w.values[6, 70:80, 75:85].mean() < 1.3 * urine
    emptied = empty_bladder(full).t2w.values
    assert emptied[6, 70:80, 75:85].mean() < 0.6 * urine
    np.testing.assert_array_equal(emptied[gland], case.t2w.values[gland])
