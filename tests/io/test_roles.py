"""Which series plays which role: the rules, their order, and what is refused."""

from pathlib import Path

import pytest

from tests import dicom_factory as factory
from zonate.errors import AmbiguousSeriesError, CorruptSeriesError, MissingSeriesError, StudyError
from zonate.io.dicom import scan
from zonate.io.roles import Roles, absent, choose_roles, is_of_absence
from zonate.io.series import series_of
from zonate.settings.data import ReadingSettings
from zonate.study import Sequence

T2W, DWI, ADC = Sequence


def choose(
    folder: Path, *plans: factory.Plan, overrides: dict[Sequence, int] | None = None, **kwargs: Sequence
) -> Roles:
    factory.write(folder, *plans)
    return choose_roles(series_of(scan(folder).frames), "case X", ReadingSettings(), overrides or {}, **kwargs)


def numbers(roles: Roles) -> dict[Sequence, int | None]:
    return {role: chosen.series_number for role, chosen in roles.roles.items()}


def test_a_whole_study(tmp_path: Path) -> None:
    found = choose(
        tmp_path,
        factory.t2w(1, description="t2_localizer"),
        factory.t2w(3, orientation=factory.SAGITTAL),
        factory.t2w(4),
        factory.t2w(5, orientation=factory.CORONAL),
        factory.trace(6),
        factory.adc(7),
        factory.calculated(8),
        factory.t2w(9, scanning="GR", echo_time_ms=1.5, description="PD ref"),
    )
    assert numbers(found) == {T2W: 4, DWI: 6, ADC: 7}
    assert found.roles[DWI].b_value_s_mm2 == 800
    assert found.warnings == []


class TestT2W:
    def test_best_coverage(self, tmp_path: Path) -> None:
        found = choose(tmp_path, factory.t2w(4, slices=9), factory.t2w(5, slices=5, time="130000"))
        assert numbers(found) == {T2W: 4}

    def test_of_repeats_the_later_by_time_then_by_number(self, tmp_path: Path) -> None:
        early, late = factory.t2w(10, time="120000"), factory.t2w(6, time="120500")
        found = choose(tmp_path / "time", early, late)
        assert numbers(found) == {T2W: 6}
        assert "repeated later by series 6" in found.reasons[1]
        assert numbers(choose(tmp_path / "number", factory.t2w(6), factory.t2w(10))) == {T2W: 10}

    def test_one_that_is_aimed_at_the_prostate_comes_before_one_of_the_pelvis(self, tmp_path: Path) -> None:
        pelvis = factory.t2w(9, slices=6, spacing_mm=(5.0, 60.0, 60.0), time="130000")
        assert numbers(choose(tmp_path, factory.t2w(4), pelvis)) == {T2W: 4}
        assert numbers(choose(tmp_path / "alone", pelvis)) == {T2W: 9}

    def test_diffusion_that_says_spin_echo_is_not_taken_for_it(self, tmp_path: Path) -> None:
        """Philips: the b-values are series of their own, and nothing but their headers says diffusion."""
        philips = {"vendor": "philips", "scanning": "SE", "image_type": ("ORIGINAL", "PRIMARY", "M_SE"), "slices": 7}
        found = choose(
            tmp_path,
            factory.t2w(4, slices=7),
            factory.trace(6, (0.0,), description="DWI low", **philips),
            factory.trace(7, (1500.0,), description="DWI high", **philips),
        )
        assert numbers(found) == {T2W: 4, DWI: 7}

    def test_a_demoted_one_is_used_and_told_where_there_is_no_other(self, tmp_path: Path) -> None:
        found = choose(tmp_path, factory.t2w(4, extra={"ScanOptions": "FS"}))
        assert numbers(found) == {T2W: 4}
        assert found.warnings == [
            "series 4, which is T2W for want of another, is with fat suppression: look at the zones"
        ]

    def test_one_that_is_given_is_taken_whatever_it_is(self, tmp_path: Path) -> None:
        suppressed = factory.t2w(4, extra={"ScanOptions": "FS"})
        found = choose(tmp_path, suppressed, factory.t2w(5), overrides={T2W: 4})
        assert (numbers(found), found.reasons[0], found.warnings) == ({T2W: 4}, "given by the user", [])

    def test_nothing_decides(self, tmp_path: Path) -> None:
        with pytest.raises(AmbiguousSeriesError, match="give the T2W by its series number"):
            choose(tmp_path, factory.t2w(4, description="a"), factory.t2w(4, description="b"))

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(MissingSeriesError) as error:
            choose(tmp_path, factory.t2w(3, orientation=factory.SAGITTAL), factory.trace(6), factory.t2w(4, slices=2))
        for text in (
            "case X",
            "series 3: sagittal, 5 slices, T2 TSE",
            "series 6: axial, 5 slices, acquired",
            "series 4",
        ):
            assert text in str(error.value)
        with pytest.raises(MissingSeriesError, match="holds no MR image"):
            choose(tmp_path / "empty")


class TestPairs:
    def test_the_pair_with_the_most_b_values(self, tmp_path: Path) -> None:
        found = choose(
            tmp_path,
            factory.t2w(4),
            factory.trace(6, (50.0, 400.0, 800.0), time="120300"),
            factory.adc(7, time="120301"),
            factory.trace(8, (50.0, 1400.0), time="121300"),
            factory.adc(9, time="121301"),
        )
        assert numbers(found) == {T2W: 4, DWI: 6, ADC: 7}

    def test_of_equal_pairs_the_later(self, tmp_path: Path) -> None:
        found = choose(
            tmp_path,
            factory.t2w(4),
            factory.trace(6, time="120300"),
            factory.adc(7, time="120301"),
            factory.trace(8, time="121300"),
            factory.adc(9, time="121301"),
        )
        assert numbers(found) == {T2W: 4, DWI: 8, ADC: 9}

    def test_each_map_belongs_to_the_source_nearest_in_time(self, tmp_path: Path) -> None:
        """The source with more b-values has no map of its own: it is no pair."""
        found = choose(
            tmp_path,
            factory.t2w(4),
            factory.trace(6, (50.0, 400.0, 800.0), time="120300"),
            factory.trace(8, (50.0, 800.0), time="121300"),
            factory.adc(9, time="121301"),
        )
        assert numbers(found) == {T2W: 4, DWI: 8, ADC: 9}

    def test_of_several_maps_the_nearest_in_time(self, tmp_path: Path) -> None:
        plans = factory.t2w(4), factory.trace(6), factory.adc(7, time="120400"), factory.adc(9, time="120301")
        assert numbers(choose(tmp_path, *plans))[ADC] == 9

    @pytest.mark.parametrize(
        "change",
        [
            {"origin_mm": (5.0, 0.0, 10.0)},
            {"spacing_mm": (3.0, 1.9, 1.9)},
            {"frame_of_reference": "1.2.3"},
            {"shape": (9, 6)},
        ],
    )
    def test_a_map_of_another_geometry_or_frame_is_no_partner(self, tmp_path: Path, change: dict[str, object]) -> None:
        found = choose(tmp_path, factory.t2w(4), factory.trace(6), factory.adc(7, **change))
        assert numbers(found) == {T2W: 4, DWI: 6, ADC: 6}
        assert found.roles[ADC].derived == "fitted from b-values 50, 400, 800"

    def test_without_a_map_it_is_fitted(self, tmp_path: Path) -> None:
        found = choose(tmp_path, factory.t2w(4), factory.trace(6, (0.0, 50.0, 800.0)))
        assert numbers(found) == {T2W: 4, DWI: 6, ADC: 6}
        assert found.roles[ADC].derived == "fitted from b-values 50, 800"

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({}, True),
            ({"description": "eADC"}, False),
            ({"image_type": ("ORIGINAL", "PRIMARY")}, False),
            ({"origin_mm": (0.0, 0.0, 50.0)}, False),
        ],
    )
    def test_a_derived_series_on_the_planes_of_the_dwi_may_be_the_map(
        self, tmp_path: Path, change: dict[str, object], told: bool
    ) -> None:
        settings = {"description": "D_map", "image_type": ("DERIVED", "SECONDARY"), "b_values": (None,), **change}
        found = choose(tmp_path, factory.t2w(4), factory.trace(6), factory.adc(7, **settings))
        warning = (
            "series 7 is derived and lies on the planes of the DWI (series 6), but nothing says that it is an ADC map: "
            "if it is one, give it by its number as ADC"
        )
        assert found.warnings == ([warning] if told else [])
        assert choose(tmp_path, factory.adc(9), overrides={ADC: 9}).warnings == []

    def test_one_b_value_gives_no_map(self, tmp_path: Path) -> None:
        assert numbers(choose(tmp_path, factory.t2w(4), factory.trace(6, (800.0,)))) == {T2W: 4, DWI: 6}

    def test_a_map_alone(self, tmp_path: Path) -> None:
        assert numbers(choose(tmp_path, factory.t2w(4), factory.adc(7))) == {T2W: 4, ADC: 7}

    def test_nothing_decides(self, tmp_path: Path) -> None:
        with pytest.raises(AmbiguousSeriesError, match="which diffusion series is the DWI"):
            choose(tmp_path, factory.t2w(4), factory.trace(6, description="a"), factory.trace(6, description="b"))

    def test_another_frame_of_reference_than_t2w_is_said(self, tmp_path: Path) -> None:
        found = choose(tmp_path, factory.t2w(4), factory.trace(6, frame_of_reference="1.2.3"))
        assert numbers(found)[DWI] == 6
        assert "DWI (series 6) has another frame of reference than T2W (series 4)" in found.warnings[0]


class TestCalculated:
    def test_not_where_one_from_400_on_was_acquired(self, tmp_path: Path) -> None:
        found = choose(
            tmp_path, factory.t2w(4), factory.trace(6, (50.0, 400.0)), factory.adc(7), factory.calculated(8, 1600)
        )
        assert (numbers(found)[DWI], found.roles[DWI].b_value_s_mm2, found.roles[DWI].derived) == (6, 400, None)

    def test_where_none_was(self, tmp_path: Path) -> None:
        found = choose(
            tmp_path,
            factory.t2w(4),
            factory.trace(6, (0.0, 200.0)),
            factory.adc(7),
            factory.calculated(8, 1000),
            factory.calculated(9, 1600),
        )
        assert numbers(found) == {T2W: 4, DWI: 9, ADC: 7}
        assert (found.roles[DWI].b_value_s_mm2, found.roles[DWI].derived) == (1600, "calculated by the scanner")

    def test_where_there_is_nothing_else(self, tmp_path: Path) -> None:
        found = choose(tmp_path, factory.t2w(4), factory.adc(7), factory.calculated(8))
        assert numbers(found) == {T2W: 4, DWI: 8, ADC: 7}


class TestOverrides:
    PLANS = (
        factory.t2w(4),
        factory.t2w(5, slices=3),
        factory.trace(6, (50.0, 800.0)),
        factory.adc(7),
        factory.calculated(8),
        factory.trace(9, (0.0, 400.0), time="130000"),
        factory.adc(10, time="130001"),
    )

    @pytest.mark.parametrize(
        ("overrides", "roles", "b"),
        [
            ({T2W: 5}, {T2W: 5, DWI: 9, ADC: 10}, 400),
            ({DWI: 6}, {T2W: 4, DWI: 6, ADC: 7}, 800),
            ({ADC: 7}, {T2W: 4, DWI: 6, ADC: 7}, 800),
            ({DWI: 8}, {T2W: 4, DWI: 8, ADC: 10}, 1000),
            ({DWI: 6, ADC: 6}, {T2W: 4, DWI: 6, ADC: 6}, 800),
            ({DWI: 6, ADC: 10}, {T2W: 4, DWI: 6, ADC: 10}, 800),
        ],
    )
    def test_by_number(
        self, tmp_path: Path, overrides: dict[Sequence, int], roles: dict[Sequence, int], b: float
    ) -> None:
        found = choose(tmp_path, *self.PLANS, overrides=overrides)
        assert numbers(found) == roles
        assert found.roles[DWI].b_value_s_mm2 == b

    @pytest.mark.parametrize("role", list(Sequence))
    def test_a_number_that_there_is_not(self, tmp_path: Path, role: Sequence) -> None:
        with pytest.raises(
            MissingSeriesError, match=f"no series 99 to be {role.name}; the series are 4, 5, 6, 7, 8, 9, 10"
        ):
            choose(tmp_path, *self.PLANS, overrides={role: 99})

    def test_a_series_that_is_several_volumes_cannot_be_t2w(self, tmp_path: Path) -> None:
        with pytest.raises(CorruptSeriesError, match=r"series 6, which is T2W.*same position"):
            choose(tmp_path, *self.PLANS, overrides={T2W: 6})


class TestFaults:
    def test_in_a_series_with_a_role(self, tmp_path: Path) -> None:
        factory.write(tmp_path, factory.t2w(4), factory.trace(6), factory.adc(7))
        for number, role in ((4, "T2W"), (7, "ADC"), (6, "DWI")):
            file = tmp_path / f"x{number}" / "i003"
            kept = file.read_bytes()
            file.unlink()
            with pytest.raises(CorruptSeriesError, match=f"case X: series {number}, which is {role}.*x{number}/i00"):
                choose(tmp_path)
            file.write_bytes(kept)

    def test_a_late_start_is_refused_unless_the_user_gives_the_series(self, tmp_path: Path) -> None:
        for s in range(5):
            factory.save(factory.classic(factory.t2w(4), s, None, s + 2), tmp_path / f"i{s}")
        late = "is the first of the series and has instance number 2: a slice is missing"
        with pytest.raises(CorruptSeriesError, match=f"file i0 {late}.*give it by its number as T2W to use it"):
            choose(tmp_path)
        found = choose(tmp_path, overrides={T2W: 4})
        assert numbers(found) == {T2W: 4}
        assert found.warnings == [f"series 4, which is T2W, is used as it is given, but file of instance 2 {late}"]
        (tmp_path / "i2").unlink()
        with pytest.raises(CorruptSeriesError, match="1 slice is missing between"):
            choose(tmp_path, overrides={T2W: 4})

    def test_in_a_series_without_one_it_is_a_warning(self, tmp_path: Path) -> None:
        factory.write(tmp_path, factory.calculated(8))
        (tmp_path / "x8" / "i003").unlink()
        found = choose(tmp_path, factory.t2w(4), factory.trace(6), factory.adc(7))
        missing = (
            "series 8 has no role: 1 slice is missing of b-value 1000 between files of instance 2 and of instance 4"
        )
        assert found.warnings[0].startswith(missing)

    @pytest.mark.parametrize("last", ["x4/i005", "x7/i005"])
    def test_the_last_slice_is_missed_by_its_partner(self, tmp_path: Path, last: str) -> None:
        factory.write(tmp_path, factory.t2w(4), factory.trace(6), factory.adc(7))
        (tmp_path / last).unlink()
        with pytest.raises(CorruptSeriesError, match=f"series {last[1]}.*lacks 1 at an end: 4 of 5 slices"):
            choose(tmp_path)
        found = choose(tmp_path, overrides={T2W: 4, ADC: 7})
        assert "(file of instance 1 and others)" in found.warnings[0]
        assert "lacks 1 at an end" in found.warnings[0]


class TestSeveralPatients:
    @pytest.mark.parametrize("other", [factory.t2w(9, patient="Other"), factory.adc(9, patient="Other")])
    def test_are_refused_without_their_names(self, tmp_path: Path, other: factory.Plan) -> None:
        with pytest.raises(StudyError, match="case X holds images of 2 patients: series 9, file x9/i001") as error:
            choose(tmp_path, factory.t2w(4, slices=7), factory.trace(6), other)
        assert "Other" not in str(error.value)
        assert "Secret" not in str(error.value)

    def test_in_one_series(self, tmp_path: Path) -> None:
        dataset = factory.classic(factory.t2w(4), 5, None, 6)
        dataset.PatientID = dataset.PatientName = "Other"
        factory.save(dataset, tmp_path / "x4" / "i006")
        with pytest.raises(StudyError, match="2 patients: series 4, file x4/i006"):
            choose(tmp_path, factory.t2w(4))

    def test_a_series_that_can_have_no_role_is_a_warning(self, tmp_path: Path) -> None:
        found = choose(tmp_path, factory.t2w(4), factory.t2w(2, description="localizer", patient="Other", slices=3))
        assert found.warnings == ["series 2 has no role and is of another patient: file of instance 1"]

    def test_two_examinations_of_one_patient_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StudyError, match="2 examinations"):
            choose(tmp_path, factory.t2w(4, slices=7), factory.t2w(5, study="1.2.3.4"))


def test_one_role_alone(tmp_path: Path) -> None:
    found = choose(tmp_path, factory.adc(7), only=ADC)
    assert numbers(found) == {ADC: 7}
    with pytest.raises(MissingSeriesError, match="so DWI is missing"):
        choose(tmp_path, only=DWI)


def test_absent() -> None:
    assert absent([T2W, DWI, ADC]) == ()
    assert absent([T2W]) == ("DWI and ADC are absent",)
    assert absent([T2W, DWI]) == ("ADC is absent",)


@pytest.mark.parametrize("roles", [[T2W], [T2W, DWI], [T2W, ADC]])
def test_a_warning_of_absence_is_known(roles: list[Sequence]) -> None:
    (warning,) = absent(roles)
    assert is_of_absence(warning)
    assert not is_of_absence(f"series 4: {warning}")
