"""Which of several axial T2 TSE is the T2W: each preference by itself, and their order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zonate.errors import AmbiguousSeriesError
from zonate.io.frame import Frame
from zonate.io.series import Kind, SeriesHeaders
from zonate.io.t2w import choose_t2w

ORIGINAL = Frame(
    file=Path("i1"), name="i1", index=0, sop_uid="1", series_uid="1", study_uid="1", patient="", series_number=4,
    description="t2_tse_tra", instance_number=1, frame_of_reference="1", time_s=0.0,
    image_type=("ORIGINAL", "PRIMARY", "M"), shape=(384, 384), position_mm=(0.0, 0.0, 0.0),
    orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0), spacing_mm=(0.5, 0.5), thickness_mm=3.0, b_value_s_mm2=None,
    direction="", echo_time_ms=100.0, repetition_time_ms=5000.0, spin_echo=True, echo_planar=False, sequence_name="",
)  # fmt: skip


def t2w(number: int, slices: int = 20, step_mm: float = 3.0, description: str = "t2_tse_tra", **frame: Any) -> Any:
    """Twenty slices of 3 mm with pixels of 0.5 mm; the higher the number, the later."""
    return SeriesHeaders(
        uid=str(number), number=number, description=description, frames=(replace(ORIGINAL, **frame),), kind=Kind.T2,
        why="", plane="axial", b_values=(), slices=slices, extent_mm=slices * step_mm, time_s=60.0 * number, faults=(),
    )  # fmt: skip


GOOD = t2w(4)
DEMOTED = {
    "fat saturation": (t2w(5, fat_suppressed=True), "with fat suppression"),
    "fat saturation by name": (t2w(5, description="t2_tse_tra_fs"), "with fat suppression"),
    "STIR": (t2w(5, description="T2 STIR ax"), "with fat suppression"),
    "mDixon": (t2w(5, description="T2W_mDixon_TSE"), "with fat suppression"),
    "HASTE": (t2w(5, slices=30, description="t2_haste_tra"), "acquired in a single shot"),
    "thick": (t2w(5, slices=30, step_mm=6.0), "coarser than slices of 4.5 mm and pixels of 0.8 mm"),
    "nodes": (t2w(5, 40, 5.0, spacing_mm=(0.72, 0.72)), "coarser than slices of 4.5 mm and pixels of 0.8 mm"),
    "coarse": (t2w(5, spacing_mm=(1.0, 1.0), shape=(256, 256)), "coarser than slices of 4.5 mm and pixels of 0.8 mm"),
    "3D by its slices": (t2w(5, slices=80, step_mm=1.0), "3D"),
    "3D by its header": (t2w(5, dimensions="3D"), "3D"),
    "average": (t2w(5, image_type=("DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE")), "made of other images"),
    "filtered": (t2w(5, image_type=("DERIVED", "PRIMARY", "M")), "derived from other images"),
    "pelvis": (t2w(5, slices=30, shape=(640, 640)), "of a field of view beyond 300 mm"),
    "19 of 20 slices": (t2w(5, slices=19), "of fewer slices"),
    "broken off": (t2w(5, slices=9), "of a part of the prostate only"),
}


@pytest.mark.parametrize("rival", DEMOTED)
def test_a_later_series_does_not_displace_a_better_one(rival: str) -> None:
    other, what = DEMOTED[rival]
    choice = choose_t2w([GOOD, other], "case X")
    assert (choice.series.number, choice.why) == (4, "axial T2 TSE, 20 slices over 60 mm")
    assert choice.others == [(other, f"axial T2 TSE, but {what}: series 4 is preferred")]
    assert choice.warnings == []


@pytest.mark.parametrize("rival", DEMOTED)
def test_it_is_used_where_there_is_no_other(rival: str) -> None:
    other, what = DEMOTED[rival]
    choice = choose_t2w([other], "case X")
    assert choice.series is other
    told = {
        "with fat suppression": [
            "series 5, which is T2W for want of another, is with fat suppression: look at the zones"
        ],
        "made of other images": [
            "series 5, which is T2W for want of another, is made of other images: look at the zones"
        ],
    }
    assert choice.warnings == told.get(what, [])


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (t2w(4), t2w(5)),
        (t2w(4), t2w(5, slices=25)),
        (t2w(4, slices=25), t2w(5)),
        (t2w(4, slices=19), t2w(5, slices=20)),
        (t2w(4, spacing_mm=(0.3, 0.3)), t2w(5, spacing_mm=(0.7, 0.7))),
        (t2w(4, slices=80, step_mm=1.0), t2w(5, slices=80, step_mm=1.0)),
        (t2w(4, dimensions="3D"), t2w(5, slices=40, step_mm=1.5, dimensions="2D")),
    ],
)
def test_of_series_as_good_as_each_other_the_later(earlier: SeriesHeaders, later: SeriesHeaders) -> None:
    """Beyond the 60 mm of a prostate more coverage is no better."""
    assert choose_t2w([earlier, later], "case X").series is later


def test_a_preference_counts_before_those_below_it() -> None:
    """Each is spoilt by what is one preference lower than what spoils the one before."""
    worst_first = [
        t2w(12, slices=9),
        t2w(11, image_type=("DERIVED", "SECONDARY")),
        t2w(10, image_type=("DERIVED",)),
        t2w(9, fat_suppressed=True),
        t2w(8, description="t2 haste"),
        t2w(7, shape=(640, 640)),
        t2w(6, spacing_mm=(0.9, 0.9), shape=(200, 200)),
        t2w(5, dimensions="3D"),
        t2w(4, slices=18),
        t2w(3),
    ]
    for n in range(len(worst_first) - 1):
        assert choose_t2w(worst_first[: n + 2], "case X").series is worst_first[n + 1]


@pytest.mark.parametrize("description", ["t2_tse_tra no fs", "T2 ax without fatsat", "AX T2 NON-FS", "AX T2 nonFS"])
def test_what_says_that_fat_is_not_suppressed_is_believed(description: str) -> None:
    assert choose_t2w([t2w(4, description=description)], "case X").warnings == []


def test_repeats_are_told() -> None:
    choice = choose_t2w([t2w(4), t2w(6)], "case X")
    assert choice.why == "axial T2 TSE, 20 slices over 60 mm, the later of the repeats"
    assert choice.others[0][1] == "axial T2 TSE, repeated later by series 6"


def test_nothing_decides() -> None:
    with pytest.raises(AmbiguousSeriesError, match="give the T2W by its series number"):
        choose_t2w([t2w(4), t2w(4)], "case X")
