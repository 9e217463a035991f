from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import zonate.alignment.align as align_module
import zonate.alignment.candidates as candidates_module
from tests.alignment.phantom import acquisition, grid_of, rigid, shorten
from zonate.alignment import Alignment, align_to_t2w
from zonate.errors import AlignmentError
from zonate.geometry import Grid, Volume
from zonate.settings.data import AlignmentSettings
from zonate.study import Acquisition

RIGID = AlignmentSettings(method="rigid", region_mm=60)
MOVED = rigid(3.0, (3.0, -2.0, 1.0))


def stand_in(monkeypatch: pytest.MonkeyPatch, **found: sitk.Transform | Exception) -> None:
    """Let elastix find what the test says."""

    def register(*given: object, time_limit_s: float) -> sitk.Transform:
        assert time_limit_s == 120
        result = found[str(given[3])]
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(candidates_module, "register", register)


def stored(volume: Volume, order: tuple[int, int, int], flips: tuple[int, ...]) -> Volume:
    """The same voxels at the same places with their axes in another order, some of them flipped."""
    values = volume.values.transpose(order)
    affine = volume.grid.affine.copy()
    affine[:3, :3] = affine[:3, list(order)]
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
        affine[:3, axis] *= -1
    s, h, w = values.shape
    return Volume(np.flip(values, flips), Grid((s, h, w), affine, volume.grid.frame_of_reference))


def test_a_stage_that_is_lost_to_the_machine_is_told_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = AlignmentError("elastix's bspline stage did not end", repeatable=False)
    stand_in(monkeypatch, rigid=MOVED, bspline=lost)
    result = align_to_t2w(acquisition(MOVED), AlignmentSettings(region_mm=60))
    assert result.record.chosen == "rigid"
    assert not result.record.repeatable
    assert result.warnings == ("elastix's bspline stage did not end; a plainer alignment is used",)
    stand_in(monkeypatch, rigid=AlignmentError("elastix's rigid stage did not end", repeatable=False), bspline=MOVED)
    bent = align_to_t2w(acquisition(MOVED), AlignmentSettings(region_mm=60))
    assert (bent.record.chosen, bent.record.repeatable) == ("bspline", False)
    assert bent.warnings == ("elastix's rigid stage did not end; the B-spline is used without it",)
    stand_in(monkeypatch, rigid=lost, bspline=lost)
    header = align_to_t2w(acquisition(), AlignmentSettings(region_mm=60))
    monkeypatch.setattr(align_module, "judge_quality", lambda *_: None)
    none = align_to_t2w(acquisition(), AlignmentSettings(region_mm=60))
    for result, chosen in ((header, "header"), (none, "none")):
        assert (result.record.chosen, result.record.repeatable) == (chosen, False)
        (warning,) = result.warnings
        assert "elastix's bspline stage did not end" in warning


def folding() -> sitk.Transform:
    """A B-spline whose control points cross."""
    transform = sitk.BSplineTransformInitializer(sitk.Image(64, 64, 16, sitk.sitkFloat32), [4, 4, 2])
    transform = sitk.BSplineTransform(transform)
    transform.SetTransformDomainOrigin((-50.0, -60.0, -10.0))
    transform.SetTransformDomainPhysicalDimensions((110.0, 110.0, 60.0))
    rng = np.random.default_rng(0)
    transform.SetParameters((40 * rng.normal(size=len(transform.GetParameters()))).tolist())
    return transform


@pytest.fixture(scope="module")
def rigid_result() -> Alignment:
    return align_to_t2w(acquisition(MOVED), RIGID)


def test_a_known_movement_is_undone(rigid_result: Alignment) -> None:
    record = rigid_result.record
    assert record.chosen == "rigid"
    assert record.registered_on == "DWI b 50"
    assert record.similarity["rigid"] > record.similarity["header"]
    assert record.figures["rotation_deg"] == pytest.approx(3.0, abs=0.5)
    assert record.figures["translation_mm"] == pytest.approx(14**0.5, abs=0.5)
    assert rigid_result.displacement_mm is not None
    middle = rigid_result.displacement_mm[8, 32, 32]
    assert middle == pytest.approx([3.0, -2.0, 1.0], abs=0.5)


def test_dwi_and_adc_move_together_and_match_the_t2w(rigid_result: Alignment) -> None:
    pair = acquisition()
    assert rigid_result.adc is not None
    assert rigid_result.dwi is not None
    assert rigid_result.adc.grid.same_as(pair.t2w.grid)
    core = (slice(3, 13), slice(16, 48), slice(16, 48))
    # The phantom's ADC is twice the T2W.
    error = np.abs(rigid_result.adc.values[core] / 2 - pair.t2w.values[core])
    assert np.nanmedian(error) < 25  # the T2W's standard deviation is 200
    beyond = np.isnan(rigid_result.dwi.values)
    assert np.isnan(rigid_result.adc.values[beyond]).all()
    assert np.isnan(rigid_result.adc.values[~beyond]).mean() < 0.05  # the phantom's noise goes below 0


def test_an_adc_of_zero_is_not_mixed_with_its_neighbours() -> None:
    """Scanners write 0 where they computed none; between it and a neighbour nothing was measured either."""
    pair = acquisition()
    assert pair.adc is not None
    values = np.full(pair.adc.values.shape, 1500, dtype=np.float32)
    values[8, 16, 16] = 0
    found = align_to_t2w(replace(pair, adc=pair.adc.with_values(values)), AlignmentSettings(method="header"))
    assert found.adc is not None
    assert set(np.unique(found.adc.values[np.isfinite(found.adc.values)])) == {1500.0}
    about = found.adc.grid.to_index(pair.adc.grid.to_mm((8, 16, 16))).round().astype(int)
    assert np.isnan(found.adc.values[tuple(about)])


def test_the_transform_that_is_written_is_the_one_that_was_used(rigid_result: Alignment, tmp_path: Path) -> None:
    text = rigid_result.transforms["dwi_to_t2w.tfm"]
    path = tmp_path / "read.tfm"
    path.write_text(text)
    read = sitk.ReadTransform(str(path))
    point = acquisition().t2w.grid.to_mm((4, 10, 50))
    assert rigid_result.displacement_mm is not None
    moved = np.array(read.TransformPoint(point.tolist())) - point
    assert moved == pytest.approx(rigid_result.displacement_mm[4, 10, 50], abs=1e-3)


@pytest.mark.parametrize(("order", "flips"), [((1, 2, 0), ()), ((2, 0, 1), (0, 1, 2))])
def test_the_order_in_which_files_store_the_axes_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch, order: tuple[int, int, int], flips: tuple[int, ...]
) -> None:
    seen: list[tuple[Volume, Volume]] = []

    def register(fixed: Volume, moving: Volume, *_: object, **__: object) -> sitk.Transform:
        seen.append((fixed, moving))
        return MOVED

    monkeypatch.setattr(candidates_module, "register", register)
    pair = acquisition(MOVED)
    assert pair.dwi is not None
    assert pair.adc is not None
    assert pair.lowest_b is not None
    t2w, dwi, adc, lowest_b = (stored(of, order, flips) for of in (pair.t2w, pair.dwi, pair.adc, pair.lowest_b))
    other = replace(pair, t2w=t2w, dwi=dwi, adc=adc, lowest_b=lowest_b)
    plain, found = align_to_t2w(pair, RIGID), align_to_t2w(other, RIGID)
    for one, again in zip(*seen, strict=True):  # what elastix gets
        np.testing.assert_array_equal(one.values, again.values)
        assert one.grid.same_as(again.grid, 1e-9)
    assert found.record.chosen == plain.record.chosen == "rigid"
    # Rounding moves voxels between bins.
    assert found.record.figures == pytest.approx(plain.record.figures, rel=5e-3, abs=1e-5)
    assert plain.adc is not None
    assert found.adc is not None
    assert found.adc.grid.same_as(stored(pair.t2w, order, flips).grid)
    np.testing.assert_allclose(found.adc.values, stored(plain.adc, order, flips).values, rtol=1e-4)
    assert plain.displacement_mm is not None
    assert found.displacement_mm is not None
    for k in range(3):
        component = stored(pair.t2w.with_values(plain.displacement_mm[..., k]), order, flips)
        np.testing.assert_allclose(found.displacement_mm[..., k], component.values, atol=1e-4)


def test_volumes_on_the_t2w_grid_may_be_stored_in_another_order() -> None:
    t2w = acquisition().t2w
    adc = t2w.with_values(t2w.values - t2w.values.min() + 1)
    result = align_to_t2w(Acquisition("case", t2w, adc=stored(adc, (1, 2, 0), (1,))), RIGID)
    assert result.record.chosen == "given"
    assert result.adc is not None
    assert np.array_equal(result.adc.values, adc.values)


def test_the_same_input_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, rigid_too=True)
    settings = AlignmentSettings(method="bspline", region_mm=60)
    first, second = (align_to_t2w(acquisition(MOVED), settings) for _ in range(2))
    assert first.adc is not None
    assert second.adc is not None
    assert first.adc.values.tobytes() == second.adc.values.tobytes()
    assert first.record.similarity == second.record.similarity
    assert first.record.figures["minimum_jacobian"] > 0


def test_a_deformation_that_folds_is_refused_and_the_rigid_one_used(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, rigid=MOVED, bspline=folding())
    result = align_to_t2w(acquisition(MOVED), AlignmentSettings(region_mm=60, max_displacement_mm=1000))
    assert result.record.chosen == "rigid"
    assert "folds" in result.record.reason
    assert result.record.figures["bspline_folded_fraction"] > 0
    assert result.record.figures["folded_fraction"] == 0


def test_what_moves_too_far_is_refused_and_the_header_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    far = sitk.TranslationTransform(3, (16.0, 0.0, 0.0))
    stand_in(monkeypatch, rigid=far, bspline=AlignmentError("no"))
    result = align_to_t2w(acquisition(), AlignmentSettings(region_mm=60))
    assert result.record.chosen == "header"
    assert "moves a point by 16.0 mm" in result.record.reason
    assert result.warnings
    assert result.transforms == {}
    assert result.displacement_mm is None


def test_what_does_not_improve_on_the_header_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, rigid=MOVED, bspline=MOVED)
    result = align_to_t2w(acquisition(), AlignmentSettings(region_mm=60))
    assert result.record.chosen == "header"
    assert result.dwi is not None
    assert np.isfinite(result.dwi.values).any()


def test_a_gain_below_the_minimum_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, rigid=MOVED)
    settings = AlignmentSettings(method="rigid", region_mm=60, minimum_gain=0.99, max_error_mm=10)
    assert align_to_t2w(acquisition(MOVED), settings).record.chosen == "header"


def test_a_failing_stage_falls_back_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, rigid=MOVED, bspline=AlignmentError("elastix's bspline stage failed: no samples"))
    result = align_to_t2w(acquisition(MOVED), AlignmentSettings(region_mm=60))
    assert result.record.chosen == "rigid"
    assert "no samples" in result.record.reason
    assert result.warnings == ()
    assert result.record.repeatable
    stand_in(monkeypatch, rigid=AlignmentError("one"), bspline=AlignmentError("two"))
    assert align_to_t2w(acquisition(), AlignmentSettings(region_mm=60)).record.chosen == "header"
    # There the header is 4 mm off, which is seen: better no DWI than one that belongs elsewhere.
    nothing = align_to_t2w(acquisition(MOVED), AlignmentSettings(region_mm=60))
    assert (nothing.record.chosen, nothing.dwi, nothing.adc) == ("none", None, None)
    assert "one; two; header: the estimated error of" in nothing.record.reason
    assert nothing.warnings == (nothing.record.reason,)


def test_an_alignment_of_a_large_estimated_error_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        monkeypatch, rigid=MOVED, bspline=sitk.CompositeTransform([MOVED, sitk.TranslationTransform(3, (6, 0, 0))])
    )
    result = align_to_t2w(acquisition(MOVED), AlignmentSettings(region_mm=60))
    assert result.record.chosen == "rigid"
    assert result.record.figures["rigid_estimated_error_mm"] < 1
    assert 4 < result.record.figures["bspline_estimated_error_mm"] < 9
    assert result.record.figures["estimated_error_mm"] == result.record.figures["rigid_estimated_error_mm"]
    assert result.record.figures["error_limit_mm"] == 1.93


def test_the_header_is_kept_where_the_settings_ask_for_it_but_not_in_silence() -> None:
    result = align_to_t2w(acquisition(MOVED), AlignmentSettings(method="header", region_mm=60))
    assert result.record.chosen == "header"
    assert "looks wrong" in result.warnings[0]
    assert align_to_t2w(acquisition(), AlignmentSettings(method="header", region_mm=60)).warnings == ()


def test_registered_on_what_resembles_t2w_most() -> None:
    header = AlignmentSettings(method="rigid", region_mm=60, max_displacement_mm=0.001, max_error_mm=100)
    pair = acquisition()
    high = replace(pair, lowest_b=None)
    for given, expected in (
        (pair, "DWI b 50"),
        (high, "ADC"),
        (replace(high, adc=None), "DWI b 800"),
        (replace(high, dwi_b_value_s_mm2=50), "DWI b 50"),
        (replace(pair, lowest_b_value_s_mm2=500), "ADC"),
    ):
        assert align_to_t2w(given, header).record.registered_on == expected


def test_t2w_alone_has_nothing_to_align() -> None:
    result = align_to_t2w(Acquisition("case", acquisition().t2w), RIGID)
    assert (result.record.chosen, result.dwi, result.adc) == ("none", None, None)


def test_volumes_on_the_t2w_grid_are_given_back_untouched() -> None:
    t2w = acquisition().t2w
    t2w = t2w.with_values(t2w.values - t2w.values.min() + 1)
    result = align_to_t2w(Acquisition("case", t2w, adc=t2w.with_values(2 * t2w.values)), RIGID)
    assert result.record.chosen == "given"
    assert result.record.similarity["header"] == pytest.approx(2.0)
    assert result.adc is not None
    assert np.array_equal(result.adc.values, 2 * t2w.values)
    assert result.dwi is None
    assert result.warnings == ()


def test_an_adc_of_0_is_not_measured_on_the_t2w_grid_either() -> None:
    t2w = acquisition().t2w
    adc = np.where(np.arange(t2w.values.size).reshape(t2w.values.shape) % 7, 1000.0, 0.0)
    result = align_to_t2w(Acquisition("case", t2w, adc=t2w.with_values(adc)), RIGID)
    assert result.record.chosen == "given"
    assert result.adc is not None
    assert np.array_equal(np.isnan(result.adc.values), adc == 0)


def test_given_volumes_that_say_nothing_get_a_warning() -> None:
    t2w = acquisition().t2w
    result = align_to_t2w(Acquisition("case", t2w, dwi=t2w.with_values(0 * t2w.values)), RIGID)
    assert result.record.chosen == "given"
    assert "constant or empty" in result.warnings[0]


def test_another_frame_of_reference_is_registered_with_a_warning() -> None:
    result = align_to_t2w(acquisition(MOVED, frame="9.9"), RIGID)
    assert result.record.chosen == "rigid"
    assert "another frame of reference" in result.warnings[0]
    assert result.dwi is not None
    assert result.dwi.grid.frame_of_reference == "1.2.3"


def test_another_frame_of_reference_has_no_header_to_fall_back_to() -> None:
    result = align_to_t2w(acquisition(frame="9.9"), AlignmentSettings(method="header", region_mm=60))
    assert (result.record.chosen, result.dwi, result.adc) == ("none", None, None)
    assert "not usable" in result.warnings[-1]


def test_an_adc_in_another_frame_than_the_dwi_is_left_out() -> None:
    pair = acquisition(MOVED)
    assert pair.adc is not None
    elsewhere = Volume(pair.adc.values, replace(pair.adc.grid, frame_of_reference="9.9"))
    result = align_to_t2w(replace(pair, adc=elsewhere), RIGID)
    assert result.adc is None
    assert result.dwi is not None
    assert "ADC lies in another frame" in result.warnings[0]


def test_fields_of_view_that_do_not_meet_leave_nothing_usable() -> None:
    pair = acquisition()
    assert pair.dwi is not None
    affine = pair.dwi.grid.affine.copy()
    affine[2, 3] += 500
    away = Volume(pair.dwi.values, replace(pair.dwi.grid, affine=affine))
    result = align_to_t2w(Acquisition("case", pair.t2w, dwi=away), RIGID)
    assert (result.record.chosen, result.dwi) == ("none", None)
    assert result.record.figures == {"overlap_fraction": 0.0}


def test_a_constant_dwi_is_not_usable() -> None:
    pair = acquisition()
    assert pair.dwi is not None
    flat = pair.dwi.with_values(np.ones_like(pair.dwi.values))
    result = align_to_t2w(Acquisition("case", pair.t2w, dwi=flat), RIGID)
    assert (result.record.chosen, result.dwi) == ("none", None)
    assert "constant" in result.record.reason


def test_a_dwi_of_one_slice_is_not_usable() -> None:
    pair = acquisition()
    slice_ = Volume(np.random.default_rng(0).random((1, 40, 40), np.float32), grid_of((1, 40, 40), (3.0, 2.0, 2.0)))
    result = align_to_t2w(Acquisition("case", pair.t2w, dwi=slice_), RIGID)
    assert (result.record.chosen, result.dwi) == ("none", None)
    assert "single slice" in result.record.reason


def test_a_dwi_with_nan_is_registered_on_what_was_measured() -> None:
    pair = acquisition(MOVED)
    assert pair.lowest_b is not None
    values = pair.lowest_b.values.copy()
    values[:, :6] = np.nan
    result = align_to_t2w(replace(pair, lowest_b=pair.lowest_b.with_values(values)), RIGID)
    assert result.record.chosen == "rigid"
    assert result.record.figures["translation_mm"] == pytest.approx(14**0.5, abs=0.6)
