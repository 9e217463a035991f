"""What a series is, by its headers alone: every trap of real studies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import dicom_factory as factory
from zonate.io.dicom import scan
from zonate.io.series import Kind, SeriesHeaders, series_of

ADC_WORDS = ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")
TSE_DWI = factory.trace(
    b_values=(1000.0,), vendor="standard", description="dw_tse", image_type=("ORIGINAL", "PRIMARY", "M_SE"),
    scanning="SE", echo_time_ms=75.0,
)  # fmt: skip


def only(tmp_path: Path, plan: factory.Plan) -> SeriesHeaders:
    factory.write(tmp_path, plan)
    (series,) = series_of(scan(tmp_path).frames)
    return series


@pytest.mark.parametrize(
    ("plan", "kind", "b_values"),
    [
        (factory.t2w(), Kind.T2, ()),
        (factory.trace(), Kind.TRACE, (50, 400, 800)),
        (factory.trace(b_values=(0.0, 800.0), image_type=("ORIGINAL", "PRIMARY"), vendor="ge"), Kind.TRACE, (0, 800)),
        (factory.trace(image_type=("ORIGINAL", "PRIMARY"), vendor="philips"), Kind.TRACE, (50, 400, 800)),
        (factory.trace(vendor="standard"), Kind.TRACE, (50, 400, 800)),
        (factory.trace(vendor="sequence_name"), Kind.TRACE, (50, 400, 800)),
        (factory.trace(b_values=(1400.0,), vendor="description"), Kind.TRACE, (1400,)),
        # Siemens ADC maps carry b=800; ImageType comes first
        (factory.adc(), Kind.ADC, ()),
        (factory.adc(image_type=("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "ND", "ADC")), Kind.ADC, ()),
        (factory.adc(image_type=("DERIVED", "SECONDARY"), description="Apparent Diffusion (mm2/s)"), Kind.ADC, ()),
        (factory.adc(image_type=("ORIGINAL", "PRIMARY", "ADC_UNSPECIFIED")), Kind.ADC, ()),
        (factory.trace(description="ep2d_diff_ADC"), Kind.TRACE, (50, 400, 800)),
        # calculated images are TRACEW as well
        (factory.calculated(b_value=1000.0), Kind.CALCULATED, (1000,)),
        (factory.calculated(b_value=1600.0), Kind.CALCULATED, (1600,)),
        (factory.calculated(description="x", extra={"SequenceName": "*ep_b50_800"}), Kind.CALCULATED, (1000,)),
        (factory.calculated(description="", image_type=("DERIVED", "CALC_BVALUE")), Kind.CALCULATED, (1000,)),
        # a b-value above 0 is diffusion whatever the sequence says that it is
        (TSE_DWI, Kind.TRACE, (1000,)),
        (replace(TSE_DWI, vendor="philips", description="DWI high", b_values=(1500.0,)), Kind.TRACE, (1500,)),
        (replace(TSE_DWI, vendor="sequence_name"), Kind.TRACE, (1000,)),
        (replace(TSE_DWI, b_values=(0.0,), extra={"PulseSequenceName": "DwiSE"}), Kind.TRACE, (0,)),
        (replace(TSE_DWI, b_values=(None,), extra={"PulseSequenceName": "*ep_b800t"}), Kind.TRACE, (800,)),
        (factory.adc(image_type=("DERIVED", "SECONDARY"), description="ADCmap", vendor="ge"), Kind.ADC, ()),
        (factory.adc(image_type=("DERIVED", "SECONDARY"), description="ax_adc_map", vendor="ge"), Kind.ADC, ()),
        (factory.t2w(echo_time_ms=50), Kind.T2, ()),
        # nothing that a role can use
        (factory.t2w(echo_time_ms=49), Kind.OTHER, ()),
        (factory.t2w(description="T2 map"), Kind.OTHER, ()),
        (factory.t2w(image_type=("DERIVED", "PRIMARY", "M", "T2 MAP")), Kind.OTHER, ()),
        (factory.t2w(description="t2_localizer"), Kind.OTHER, ()),
        (factory.t2w(description="t2_loc sag"), Kind.OTHER, ()),
        (factory.t2w(scanning="GR", echo_time_ms=1.5, repetition_time_ms=4), Kind.OTHER, ()),
        (factory.t2w(description="PD tra", echo_time_ms=15), Kind.OTHER, ()),
        (factory.t2w(description="T1 tra", echo_time_ms=10, repetition_time_ms=600), Kind.OTHER, ()),
        (factory.trace(image_type=("DERIVED", "PRIMARY", "DIFFUSION", "FA"), b_values=(800.0,)), Kind.OTHER, ()),
        (factory.trace(image_type=("ORIGINAL", "PRIMARY", "DIFFUSION", "MOSAIC")), Kind.OTHER, ()),
        (factory.adc(image_type=("DERIVED", "PRIMARY", "EADC"), description="eADC"), Kind.OTHER, ()),
        (factory.adc(image_type=("DERIVED", "SECONDARY"), description="eADC"), Kind.OTHER, ()),
        (factory.trace(b_values=(None,)), Kind.OTHER, ()),
        (factory.trace(image_type=("ORIGINAL", "PRIMARY", "DIFFUSION"), vendor="standard",
                       extra={"DiffusionDirectionality": "DIRECTIONAL"}), Kind.OTHER, ()),
    ],
)  # fmt: skip
def test_kinds(tmp_path: Path, plan: factory.Plan, kind: Kind, b_values: tuple[float, ...]) -> None:
    series = only(tmp_path, plan)
    assert (series.kind, series.b_values) == (kind, b_values), series.why
    assert series.faults == ()
    assert series.slices == 5


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [(factory.AXIAL, "axial"), (factory.SAGITTAL, "sagittal"), (factory.CORONAL, "coronal"),
     ((1.0, 0.0, 0.0, 0.0, 0.9484, -0.3171), "axial")],
)  # fmt: skip
def test_planes(tmp_path: Path, orientation: tuple[float, ...], plane: str) -> None:
    assert only(tmp_path, factory.t2w(orientation=orientation)).plane == plane


def test_ge_writes_b_0_into_t2w(tmp_path: Path) -> None:
    series = only(tmp_path, factory.t2w(b_values=(0.0,), vendor="ge"))
    assert (series.kind, series.b_values) == (Kind.T2, ())


def test_a_small_number_where_ge_writes_the_b_value_is_no_diffusion(tmp_path: Path) -> None:
    factory.write(tmp_path, factory.t2w(4, b_values=(4.0,), vendor="ge"), factory.t2w(5, b_values=(4.0,), vendor="ge"))
    assert [series.kind for series in series_of(scan(tmp_path).frames)] == [Kind.T2, Kind.T2]


class TestBesideDiffusion:
    """A series that by itself is a T2 TSE, of the very pixels of one with b 1000."""

    @pytest.mark.parametrize(
        ("change", "kind", "b_values"),
        [
            ({}, Kind.TRACE, (0,)),
            ({"scanning": "EP"}, Kind.TRACE, (0,)),
            ({"b_values": (None,), "image_type": ("DERIVED", "SECONDARY")}, Kind.OTHER, ()),
            ({"echo_time_ms": 100.0}, Kind.T2, ()),
            ({"shape": (16, 12)}, Kind.T2, ()),
            ({"origin_mm": (0.0, 0.0, 50.0)}, Kind.T2, ()),
        ],
    )
    def test_b_0_and_maps(
        self, tmp_path: Path, change: dict[str, Any], kind: Kind, b_values: tuple[float, ...]
    ) -> None:
        b_0 = replace(TSE_DWI, number=5, **{"b_values": (0.0,), "description": "low", **change})
        factory.write(tmp_path, b_0, TSE_DWI)
        first, second = series_of(scan(tmp_path).frames)
        assert (first.number, first.kind, first.b_values) == (5, kind, b_values), first.why
        assert (second.kind, second.b_values) == (Kind.TRACE, (1000,))


def test_several_echoes_are_no_t2w(tmp_path: Path) -> None:
    plan = factory.t2w(slices=3)
    for i, echo in enumerate((60.0, 120.0)):
        for s in range(3):
            dataset = factory.classic(plan, s, None, 3 * i + s + 1)
            dataset.EchoTime = echo
            factory.save(dataset, tmp_path / f"{i}{s}")
    assert series_of(scan(tmp_path).frames)[0].kind is Kind.OTHER


def test_three_planes_are_a_localizer_and_no_fault(tmp_path: Path) -> None:
    plans = [factory.t2w(orientation=o, slices=2) for o in (factory.AXIAL, factory.SAGITTAL, factory.CORONAL)]
    for i, plan in enumerate(plans):
        for s in range(2):
            factory.save(factory.classic(plan, s, None, 10 * i + s + 1), tmp_path / f"{i}{s}")
    (series,) = series_of(scan(tmp_path).frames)
    assert (series.kind, series.plane, series.faults, series.slices) == (Kind.OTHER, None, (), 6)


def test_a_dynamic_series_repeats_its_positions_without_fault(tmp_path: Path) -> None:
    plan = factory.t2w(scanning="GR", slices=3, echo_time_ms=1.5, repetition_time_ms=4, description="dynamic")
    for t in range(7):
        for s in range(3):
            factory.save(factory.classic(plan, s, None, 3 * t + s + 1), tmp_path / f"{t}{s}")
    (series,) = series_of(scan(tmp_path).frames)
    assert (series.slices, series.faults, series.kind) == (3, (), Kind.OTHER)


def test_an_adc_map_inside_its_diffusion_series_stands_by_itself(tmp_path: Path) -> None:
    source = factory.trace(slices=3)
    factory.write(tmp_path, source)
    for s in range(3):
        dataset = factory.classic(factory.adc(slices=3), s, 800.0, 90 + s)
        dataset.SeriesInstanceUID, dataset.SeriesNumber = source.uid, 6
        factory.save(dataset, tmp_path / f"adc{s}")
    trace, adc = sorted(series_of(scan(tmp_path).frames), key=lambda s: s.kind is Kind.ADC)
    assert (trace.kind, len(trace.frames), adc.kind, len(adc.frames)) == (Kind.TRACE, 9, Kind.ADC, 3)


def test_a_trace_among_single_directions_is_used_alone(tmp_path: Path) -> None:
    """As Philips writes it: three directions and their trace at each b-value but 0."""
    from zonate.io.stacks import by_b_value

    plan = factory.trace(image_type=("ORIGINAL", "PRIMARY"), slices=3, b_values=(None,))
    n = 0
    for b, directions in ((0.0, [""]), (800.0, ["P", "M", "S", "I"])):
        for direction in directions:
            for s in range(3):
                n += 1
                dataset = factory.classic(plan, s, None, n)
                factory.put_b_value(dataset, b, "philips")
                if direction:
                    block = dataset.private_block(0x2001, "Philips Imaging DD 001", create=True)
                    block.add_new(0x04, "CS", direction)
                factory.save(dataset, tmp_path / str(n))
    (series,) = series_of(scan(tmp_path).frames)
    assert (series.kind, series.b_values, series.faults) == (Kind.TRACE, (0, 800), ())
    volumes = by_b_value(series.frames)
    assert [len(volumes[b]) for b in (0.0, 800.0)] == [3, 3]
    assert {frame.direction for frame in volumes[800.0]} == {"isotropic"}


def test_the_later_of_two_is_told_by_time_then_number_and_what_is_unknown_is_earliest(tmp_path: Path) -> None:
    series = only(tmp_path, factory.t2w())
    unknown, numbered, early, late = (
        replace(series, time_s=time_s, number=number)
        for time_s, number in ((None, None), (None, 7), (60.0, None), (61.0, 2))
    )
    assert sorted([late, early, numbered, unknown], key=lambda s: s.when) == [unknown, numbered, early, late]


def test_three_axial_slices_are_a_volume(tmp_path: Path) -> None:
    series = only(tmp_path, factory.t2w())
    assert [replace(series, slices=slices).is_axial_volume for slices in (2, 3)] == [False, True]
    assert not replace(series, plane="coronal").is_axial_volume
