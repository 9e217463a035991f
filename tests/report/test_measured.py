from dataclasses import replace
from typing import Any

import pytest

from tests.report.cases import coarse_zones, nothing_found, uncertainty, zones
from zonate.measurements import AdcStatistics, Ellipsoid, Measurements, PsaDensity, Uncertainty
from zonate.report.content import KeyFigure
from zonate.report.measured import (
    dice_figure,
    measurement_facts,
    psa_figure,
    sector_table,
    volume_figure,
    volume_table,
)
from zonate.zones import LabelCode

COARSE = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
GLAND_ONLY = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)


def with_psa(psa: PsaDensity) -> Measurements:
    return Measurements({"GLAND": 7.2}, psa=psa)


def test_the_table_holds_volumes_intervals_dice_and_adc() -> None:
    table = volume_table(zones())
    assert table.headings == (
        "Structure",
        "Volume (ml)",
        "95 % interval (ml)",
        "Expected Dice",
        "ADC mean (10⁻⁶\u00a0mm²/s)",
        "ADC 10th percentile (10⁻⁶\u00a0mm²/s)",
    )
    assert [(row.name, row.cells) for row in table.rows] == [
        ("Whole gland", ("7.2", "3.6 to 10.8", "0.91", "1200", "1151")),
        ("Peripheral zone (PZ)", ("2.9", "1.4 to 4.3", "0.71", "1200", "1151")),
        ("Central gland", ("4.3", "2.2 to 6.5", "0.71", "1200", "1151")),
        ("Transition zone (TZ)", ("3.5", "1.8 to 5.3", "0.71", "1200", "1151")),
        ("Distal urethra (DPU)", ("0.1", "< 0.1 to 0.1", "0.71", "1200", "1151")),
        ("Anterior stroma (AFS)", ("0.7", "0.4 to 1.1", "0.71", "1200", "1151")),
    ]
    assert [row.part for row in table.rows] == [False, False, False, True, True, True]
    assert table.rows[1].colour == (86, 180, 233)
    assert table.rows[2].colour is None  # it is no colour in the pictures
    assert "the middle 95 % of 20 repeated segmentations" in " ".join(table.notes)


def test_without_samples_and_adc_the_table_holds_volumes_alone() -> None:
    table = volume_table(zones(uncertainty=None, measurements=None))
    assert table.headings == ("Structure", "Volume (ml)")
    assert table.rows[0].cells == ("7.2",)


def test_without_a_calibration_the_range_of_the_samples_is_called_that() -> None:
    of = uncertainty(calibrated=False, interval_ml={}, expected_dice={}, range_ml={"GLAND": (7.0, 7.5)})
    bare = zones(uncertainty=of)
    assert volume_figure(bare).note == "range of samples 7.0 to 7.5 ml"
    table = volume_table(bare)
    assert table.headings[2] == "Range of samples (ml)"
    assert [row.cells[1] for row in table.rows] == ["7.0 to 7.5", "–", "–", "–", "–", "–"]
    assert not any("95 % interval" in text for text in (*table.headings, *table.notes))


@pytest.mark.parametrize(
    ("of", "note"),
    [
        (uncertainty(interval_ml={}, doubtful=True, reason="it is torn"), "no interval: the result is doubtful"),
        (uncertainty(interval_ml={}), "no interval was estimated"),
        (None, "no interval was estimated"),
    ],
)
def test_why_a_volume_has_no_interval(of: Uncertainty | None, note: str) -> None:
    assert volume_figure(zones(uncertainty=of, doubt="it is torn")).note == note


def test_bare_agreement_is_not_called_expected_dice() -> None:
    table = volume_table(zones(uncertainty=uncertainty(calibrated=False)))
    assert table.headings[3] == "Agreement (Dice)"
    assert table.rows[0].cells[2] == "0.93"
    assert "no calibration" in " ".join(table.notes)


@pytest.mark.parametrize(
    ("codes", "told_apart"),
    [(COARSE, {"Whole gland", "Peripheral zone (PZ)", "Central gland"}), (GLAND_ONLY, {"Whole gland"})],
)
def test_what_a_model_cannot_tell_apart_is_said(codes: tuple[LabelCode, ...], told_apart: set[str]) -> None:
    rows = volume_table(coarse_zones(codes)).rows
    assert {row.name for row in rows if row.cells != ("not told apart by this model",)} == told_apart
    assert rows[0].cells == ("7.2",)


def test_adc_that_covers_a_part_of_a_structure_is_said() -> None:
    measured = Measurements({}, adc={"PZ": AdcStatistics(1500.4, 1100.6, 0.8)})
    table = volume_table(zones(measurements=measured))
    assert table.rows[1].cells[-2:] == ("1500", "1101")
    assert table.rows[0].cells[-2:] == ("–", "–")
    assert "ADC, peripheral zone (PZ): the map has values above 0 in 80% of it." in table.notes


def test_the_key_figures_of_a_whole_result() -> None:
    whole = zones()
    assert volume_figure(whole) == KeyFigure("Gland volume", "7.2 ml", "95 % interval 3.6 to 10.8 ml")
    assert psa_figure(whole) == KeyFigure(
        "PSA density",
        "0.15 ng/ml²",
        "95 % interval 0.10 to 0.30 ng/ml²; reaches 0.10 ng/ml²; 0.15 and 0.20 lie within its interval",
    )
    assert dice_figure(whole) == KeyFigure("Expected Dice, gland", "0.91", "with a reader; 1 is identical")


def test_the_key_figures_of_a_bare_result() -> None:
    bare = nothing_found()
    assert volume_figure(bare) == KeyFigure("Gland volume", "0.0 ml", "no interval was estimated")
    assert psa_figure(bare) == KeyFigure("PSA density", "–", "no PSA value was given")
    assert dice_figure(bare) == KeyFigure("Expected Dice, gland", "–", "not estimated")
    uncalibrated = zones(uncertainty=uncertainty(calibrated=False))
    assert dice_figure(uncalibrated).name == "Agreement of samples, gland"


def test_a_model_without_a_gland_has_no_gland_volume() -> None:
    only_pz = replace(coarse_zones(COARSE), codes=(LabelCode.BACKGROUND, LabelCode.PZ))
    assert volume_figure(only_pz) == KeyFigure("Gland volume", "–", "not told apart by this model")


@pytest.mark.parametrize(
    ("density", "reached", "shown", "said"),
    [
        (0.08, (), "0.08", "below 0.10 ng/ml²"),
        (0.15, (0.10, 0.15), "0.15", "reaches 0.15, below 0.20 ng/ml²"),
        (0.1496, (0.10,), "0.1496", "reaches 0.10, below 0.15 ng/ml²"),  # 0.15 would seem to reach it
        (0.148, (0.10,), "0.148", "reaches 0.10, below 0.15 ng/ml²"),
        (0.63, (0.10, 0.15, 0.20), "0.63", "reaches 0.20 ng/ml²"),
        (0.099999, (), "0.0999", "below 0.10 ng/ml²"),
        (0.14999, (0.10,), "0.1499", "reaches 0.10, below 0.15 ng/ml²"),
    ],
)
def test_a_rounded_density_reaches_no_cut_off_that_it_does_not_reach(
    density: float, reached: tuple[float, ...], shown: str, said: str
) -> None:
    figure = psa_figure(zones(measurements=with_psa(PsaDensity(6.0, density, reached))))
    assert (figure.value, figure.note) == (f"{shown} ng/ml²", said)


@pytest.mark.parametrize(
    ("density", "interval", "note"),
    [
        (0.28, (0.19, 0.32), "0.19 to 0.32 ng/ml²; reaches 0.15 ng/ml²; 0.20 lies within its interval"),
        (0.12, (0.11, 0.14), "0.11 to 0.14 ng/ml²; reaches 0.10, below 0.15 ng/ml²"),
        (0.12, (0.09, 0.14), "0.09 to 0.14 ng/ml²; below 0.15 ng/ml²; 0.10 lies within its interval"),
        (0.12, (0.09, 0.25), "0.09 to 0.25 ng/ml²; 0.10, 0.15 and 0.20 lie within its interval"),
        (
            0.17,
            (0.1499, 0.1999),
            "0.1499 to 0.1999 ng/ml²; reaches 0.10, below 0.20 ng/ml²; 0.15 lies within its interval",
        ),
    ],
)
def test_a_cut_off_within_the_interval_is_neither_reached_nor_missed(
    density: float, interval: tuple[float, float], note: str
) -> None:
    figure = psa_figure(zones(measurements=with_psa(PsaDensity(6.0, density, (), interval))))
    assert figure.note == f"95 % interval {note}"


@pytest.mark.parametrize(
    "doubtful",
    [
        {"doubt": "the gland is in 14 pieces", "uncertainty": None},
        {"uncertainty": uncertainty(interval_ml={}, doubtful=True, reason="it is torn")},
    ],
)
def test_the_density_of_a_doubtful_volume_reaches_no_cut_off(doubtful: dict[str, Any]) -> None:
    result = zones(measurements=with_psa(PsaDensity(6.0, 0.28, (0.10, 0.15, 0.20))), **doubtful)
    assert psa_figure(result) == KeyFigure("PSA density", "0.28 ng/ml²", "the volume is doubtful")
    assert measurement_facts(result) == (
        ("PSA density", "0.28 ng/ml²: PSA 6 ng/ml over 7.2 ml; the volume is doubtful"),
    )


@pytest.mark.parametrize(
    ("warning", "density", "sectors"),
    [
        (
            "the gland reaches the first or the last slice: it may go on outside the volume",
            "; a part of the gland may be missing, see the warnings",
            ("Base and apex are thirds of what was imaged: see the warnings.",),
        ),
        (
            "the gland is only 0.71 times as wide as it is deep: half of it may be missing, and right and left in the "
            "sector table are not to be trusted",
            "; a part of the gland may be missing, see the warnings",
            ("Right and left are not to be trusted: see the warnings.",),
        ),
        (
            "98% of the peripheral zone lies on the left of the gland's midline: a side of it may be missing, and "
            "right and left in the sector table are not to be trusted",
            "",
            ("Right and left are not to be trusted: see the warnings.",),
        ),
        ("DWI is absent", "", ()),
    ],
)
def test_what_makes_a_figure_wrong_is_said_beside_it(warning: str, density: str, sectors: tuple[str, ...]) -> None:
    result = zones(measurements=with_psa(PsaDensity(6.0, 0.63, (0.10, 0.15, 0.20))), warnings=(warning,))
    assert psa_figure(result).note == f"reaches 0.20 ng/ml²{density}"
    assert result.sectors is not None
    assert sector_table(result.sectors, result.codes, (), result.warnings).notes == sectors


def test_the_measurements_in_words() -> None:
    measured = Measurements(
        {"GLAND": 45.3},
        ellipsoid=Ellipsoid(38.2, 51.9, 41.4, 42.98, -5.1),
        pz_tz_ratio=0.617,
        psa=PsaDensity(6.3, 0.139, (0.10,), (0.128, 0.151)),
    )
    assert measurement_facts(zones(measurements=measured)) == (
        (
            "Gland by the ellipsoid formula",
            "43.0 ml = 38 (AP) × 52 (T) × 41 (CC) mm × π/6; 5 % less than planimetry",
        ),
        ("PZ : TZ ratio", "0.62"),
        (
            "PSA density",
            "0.14 ng/ml² (95 % interval 0.13 to 0.15): PSA 6.3 ng/ml over 45.3 ml; reaches 0.10, below 0.20 ng/ml²; "
            "0.15 lies within its interval",
        ),
    )
    assert measurement_facts(nothing_found()) == ()


def test_what_is_to_be_known_of_the_ellipsoid_stands_beside_it() -> None:
    remark = "the gland's length would be tilted by 35°, more than 30°: the scanner's superior is used"
    measured = Measurements({}, ellipsoid=Ellipsoid(38.2, 51.9, 41.4, 42.98, -5.1), remarks=(remark,))
    (_, diameters), noted = measurement_facts(zones(measurements=measured))
    assert "less than planimetry" in diameters
    assert noted == ("To be known of it", f"T{remark[1:]}.")


@pytest.mark.parametrize(("percent", "words"), [(31.2, "31 % more than planimetry"), (-0.4, "as planimetry")])
def test_how_the_ellipsoid_differs(percent: float, words: str) -> None:
    measured = Measurements({}, ellipsoid=Ellipsoid(40.0, 50.0, 40.0, 41.9, percent))
    ((_, said),) = measurement_facts(zones(measurements=measured))
    assert said.endswith(f"; {words}")


def test_sectors_add_up_to_their_zones() -> None:
    whole = zones()
    assert whole.sectors is not None
    table = sector_table(whole.sectors, whole.codes)
    assert table.headings == ("ml", "Base R", "Base L", "Mid R", "Mid L", "Apex R", "Apex L")
    assert [row.name for row in table.rows] == ["PZa", "PZpl", "PZpm", "TZa", "TZp", "AFS"]
    # AFS: 4 × 40 × 6 voxels of 0.75 µl in six equal sectors of 0.12 ml.
    assert table.rows[-1].cells == ("0.1",) * 6


def test_sectors_of_zones_that_are_not_told_apart_have_no_row() -> None:
    whole = zones()
    assert whole.sectors is not None
    assert [row.name for row in sector_table(whole.sectors, COARSE).rows] == ["PZa", "PZpl", "PZpm"]
