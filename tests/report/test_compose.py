from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from tests.report.cases import ABOUT_MODEL, CREATED, case, coarse_zones, measurements, nothing_found, uncertainty, zones
from tests.verbs.standins import t2w
from zonate.case import Case
from zonate.geometry import Grid, Volume
from zonate.pictures import lettering
from zonate.report.compose import compose
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode

T2W_ALONE = Case("case-1", t2w())


def test_a_whole_result_is_composed_in_order() -> None:
    content = compose(case(), zones(), ABOUT_MODEL, created=CREATED)
    assert content.case_id == "case-1"
    assert content.made.startswith("2026-07-26 14:05 UTC by Zonate ")
    assert content.made.endswith(", model unet")
    assert content.doubt == ""
    assert content.warnings == ()
    assert [figure.value for figure in content.key_figures] == ["7.2 ml", "0.15 ng/ml²", "0.91", "good"]
    assert content.levels == ("Base, slice 7 of 8", "Mid, slice 5 of 8", "Apex, slice 3 of 8")
    assert content.legend[0] == ("peripheral zone (PZ)", (86, 180, 233))
    assert [figure.title for figure in content.figures] == ["ADC", "DWI, b 800 s/mm²", "Sectors", "Uncertainty"]
    assert content.not_given == ()


def test_the_time_is_shown_in_utc() -> None:
    in_tokyo = datetime(2026, 1, 1, 3, 30, tzinfo=timezone(timedelta(hours=9)))
    assert compose(case(), zones(), ABOUT_MODEL, created=in_tokyo).made.startswith("2025-12-31 18:30 UTC")


def test_a_time_without_its_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        compose(case(), zones(), ABOUT_MODEL, created=CREATED.replace(tzinfo=None))


def test_zones_on_another_grid_are_refused() -> None:
    elsewhere = Volume(np.zeros((2, 2, 2), dtype=np.uint8), Grid((2, 2, 2), np.eye(4)))
    wrong = replace(nothing_found(), labels=elsewhere)
    with pytest.raises(ValueError, match="do not lie on the T2W grid"):
        compose(case(), wrong, ABOUT_MODEL, created=CREATED)


@pytest.mark.parametrize(
    ("result", "doubt"),
    [
        (
            zones(doubt="the gland is in 14 pieces"),
            "This result is doubtful: the gland is in 14 pieces.",
        ),
        (
            zones(uncertainty=uncertainty(doubtful=True, reason="the expected Dice of the gland is 0.61")),
            "This result is doubtful: the expected Dice of the gland is 0.61.",
        ),
        (
            zones(uncertainty=uncertainty(doubtful=True)),
            "This result is doubtful: the repeated segmentations do not agree.",
        ),
        (nothing_found(), "This result is doubtful: no prostate was found."),
        (
            replace(nothing_found(), doubt="no prostate was found: every voxel is background"),
            "This result is doubtful: no prostate was found: every voxel is background.",
        ),
    ],
)
def test_doubt_is_said_with_its_reason(result: ZoneMap, doubt: str) -> None:
    assert compose(case(), result, ABOUT_MODEL, created=CREATED).doubt == doubt


def test_warnings_are_sentences_and_do_not_repeat_the_doubt() -> None:
    result = zones(doubt="the gland is in 14 pieces", warnings=("the gland is in 14 pieces", "DWI is absent"))
    content = compose(case(), result, ABOUT_MODEL, created=CREATED)
    assert content.warnings == ("DWI is absent.",)


def test_the_result_of_a_bare_network_carries_the_warnings_of_its_case() -> None:
    warned = replace(case(), warnings=("series 7 misses a slice",))
    content = compose(warned, nothing_found(), ABOUT_MODEL, created=CREATED)
    assert content.warnings == ("Series 7 misses a slice.",)


def test_without_a_gland_there_are_still_pictures_and_reasons() -> None:
    content = compose(T2W_ALONE, nothing_found(), ABOUT_MODEL, created=CREATED)
    assert content.levels == ("Slice 7 of 8", "Slice 5 of 8", "Slice 2 of 8")
    assert content.figures == ()
    assert dict(content.not_given) == {
        "Pictures of ADC and DWI": "The study has none that could be read.",
        "Sectors": "No prostate was found.",
        "Intervals, expected Dice": "No repeated segmentations were drawn: prediction.samples is 0, or the network "
        "has no dropout.",
    }


def test_images_that_could_not_be_aligned_point_to_the_alignment() -> None:
    unusable = replace(case(), dwi=None, adc=None, alignment=replace(case().alignment, chosen="none"))
    content = compose(
        unusable,
        zones(measurements=measurements(not_given={"adc": "the ADC map is off by about 5.0 mm"})),
        ABOUT_MODEL,
        created=CREATED,
    )
    assert [figure.title for figure in content.figures] == ["Sectors", "Uncertainty"]
    assert dict(content.not_given)["Pictures of ADC and DWI"] == "Not usable, see the alignment."
    assert dict(content.not_given)["ADC of the zones"] == "The ADC map is off by about 5.0 mm."


def test_what_a_structure_has_no_adc_for_is_named() -> None:
    measured = measurements(not_given={"adc.DPU": "nothing of it was found", "psa": "no PSA was given"})
    content = compose(case(), zones(measurements=measured), ABOUT_MODEL, created=CREATED)
    assert content.not_given == (("ADC, distal urethra (DPU)", "Nothing of it was found."),)


def test_a_model_of_the_gland_alone_is_reported() -> None:
    gland_only = coarse_zones((LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND))
    content = compose(T2W_ALONE, gland_only, {**ABOUT_MODEL, "codes": ["BACKGROUND", "WHOLE_GLAND"]}, created=CREATED)
    assert content.legend == (("whole gland", (0, 158, 115)),)
    assert dict(content.not_given)["Sectors"] == "The model tells none of PZ, TZ, AFS apart."
    assert dict(content.model)["Tells apart"] == "whole gland."


def test_control_characters_of_a_name_are_left_out() -> None:
    content = compose(case("case\x00\n\x1b[31m1"), zones(), ABOUT_MODEL, created=CREATED)
    assert content.case_id == "case [31m1"
    assert compose(case(), zones(), {**ABOUT_MODEL, "name": "u\tnet"}, created=datetime.now(UTC)).made.endswith(
        "model u net"
    )


def test_what_is_not_validated_is_marked_wherever_it_stands() -> None:
    content = compose(case(), zones(not_validated=("DPU", "AFS")), ABOUT_MODEL, created=CREATED)
    assert [name for name, _ in content.legend] == [
        "peripheral zone (PZ)",
        "transition zone (TZ)",
        "distal prostatic urethra (DPU), not validated",
        "anterior fibromuscular stroma (AFS), not validated",
    ]
    assert [row.name for row in content.volumes.rows if "not validated" in row.name] == [
        "Distal urethra (DPU), not validated",
        "Anterior stroma (AFS), not validated",
    ]
    assert content.volumes.notes[-1] == "Not validated: too few patients showed how well they are found."
    (sectors,) = (figure.table for figure in content.figures if figure.title == "Sectors")
    assert sectors is not None
    assert sectors.notes == ("AFS: not validated.",)


def test_what_depends_on_a_zone_that_is_not_validated_is_marked_too() -> None:
    content = compose(case(), zones(not_validated=("TZ", "GLAND")), ABOUT_MODEL, created=CREATED)
    assert dict(content.measurements)["PZ : TZ ratio"] == "0.82, not validated"
    assert [figure.name for figure in content.key_figures][:2] == [
        "Gland volume, not validated",
        "PSA density, not validated",
    ]
    (sectors,) = (figure.table for figure in content.figures if figure.title == "Sectors")
    assert sectors is not None
    assert sectors.notes == ("TZa, TZp: not validated.",)


def test_a_case_id_that_cannot_be_lettered_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_other_fonts", lambda: ())
    lettering._font_of.cache_clear()
    content = compose(case("患者1"), zones(warnings=("DWI is absent",)), ABOUT_MODEL, created=CREATED)
    lettering._font_of.cache_clear()
    assert content.case_id == "患者1"
    assert content.warnings == (
        "DWI is absent.",
        "No font here shows every character of the case id: in the PDF or the pictures some stand as their Unicode "
        "numbers.",
    )
