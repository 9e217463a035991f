import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.errors import LabelError
from zonate.zones import (
    ALL_ZONE_CODES,
    STRUCTURES,
    ZONE_INFO,
    ZONES_OF_CODE,
    LabelCode,
    Zone,
    codes_within,
    drawable,
    drawn_apart,
    drawn_within,
    membership,
    parse_label_codes,
    straddling_codes,
    structure_codes,
    structure_name,
    told_apart,
)

BG, PZ, TZ, DPU, AFS, CG, WG, NA = LabelCode


def test_the_order_of_the_zones_is_that_of_the_described_method() -> None:
    assert [(zone.name, int(zone)) for zone in Zone] == [
        ("BACKGROUND", 0),
        ("PZ", 1),
        ("TZ", 2),
        ("DPU", 3),
        ("AFS", 4),
    ]
    assert [int(LabelCode[zone.name]) for zone in Zone] == [0, 1, 2, 3, 4]
    assert (CG, WG, NA) == (5, 6, 255)


def test_every_zone_has_its_colour_and_code() -> None:
    assert len({info.colour_rgb for info in ZONE_INFO.values()}) == 5
    assert ZONE_INFO[Zone.PZ].snomed_code == "279706003"
    assert ZONE_INFO[Zone.TZ].snomed_code == "399384005"
    assert ZONE_INFO[Zone.DPU].snomed_code == "71553001"
    assert ZONE_INFO[Zone.AFS].snomed_code == "717025007"


def test_membership_has_ones_where_a_code_holds_a_zone() -> None:
    matrix = membership()
    assert matrix.shape == (256, 5)
    assert matrix[PZ].tolist() == [False, True, False, False, False]
    assert matrix[CG].tolist() == [False, False, True, True, True]
    assert matrix[WG].tolist() == [False, True, True, True, True]
    assert not matrix[NA].any()
    assert not matrix[7:].any()


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ((0, 1, 2, 3, 4), (BG, PZ, TZ, DPU, AFS)),
        ((0, 1, 5), (BG, PZ, CG)),
        ((0, 6), (BG, WG)),
        ((0, 1, 6), (BG, PZ, CG)),  # what of the gland is not PZ is the central gland
        ((0, 1, 5, 6, 255), (BG, PZ, CG)),
        ((0, 1, 2, 3, 4, 5, 6), (BG, PZ, TZ, DPU, AFS)),
        ((1, 5), (PZ, CG)),  # background never annotated
        ((), ()),
    ],
)
def test_the_finest_codes_that_annotations_tell_apart(
    declared: tuple[int, ...], expected: tuple[LabelCode, ...]
) -> None:
    assert told_apart(declared) == expected


def test_zones_that_nothing_tells_apart_need_a_code_of_their_own() -> None:
    with pytest.raises(LabelError, match=r"PZ\+DPU\+AFS"):
        told_apart((0, 2, 6))
    with pytest.raises(ValueError, match="9"):
        told_apart((0, 9))


@pytest.mark.parametrize(
    ("annotators", "expected"),
    [
        ([(0, 1, 2, 4, 5)], (BG, PZ, CG)),  # ProstateZones: the urethra is drawn as the central gland
        ([(0, 1, 6)], (BG, WG)),  # nobody says that no PZ is left in the rest of the gland
        ([(0, 6), (1, 255)], (BG, WG)),
        ([(0, 6), (0, 1, 5)], (BG, PZ, CG)),
        ([(0, 1, 5), (0, 1, 2, 3, 4)], ALL_ZONE_CODES),
        ([(0, 1, 2, 4, 5), (0, 1, 2, 3, 4)], ALL_ZONE_CODES),
        ([(0, 1, 2, 4, 5), (0, 1, 5), (0, 6)], (BG, PZ, CG)),
        ([(1, 5)], (PZ, CG)),  # background never annotated
        ([(255,)], ()),
        ([], ()),
    ],
)
def test_the_finest_codes_whose_borders_somebody_draws(
    annotators: list[tuple[int, ...]], expected: tuple[LabelCode, ...]
) -> None:
    assert drawn_apart(annotators) == expected


@given(st.lists(st.frozensets(st.sampled_from(list(LabelCode)), min_size=1), max_size=4))
def test_no_code_is_among_them_that_nobody_draws(annotators: list[frozenset[LabelCode]]) -> None:
    try:
        finest = told_apart({code for codes in annotators for code in codes})
    except LabelError:
        return
    found = drawn_apart(annotators)
    zones = [zone for code in found for zone in ZONES_OF_CODE[code]]
    assert sorted(zones) == sorted({zone for code in finest for zone in ZONES_OF_CODE[code]})  # each zone once
    for code in set(found) - {BG}:
        assert any(drawable(structure_name(code), codes) for codes in annotators)


@pytest.mark.parametrize(
    ("structure", "codes", "expected"),
    [
        ("GLAND", (BG, PZ, CG), (PZ, CG)),
        ("GLAND", (BG, WG), (WG,)),
        ("GLAND", ALL_ZONE_CODES, (PZ, TZ, DPU, AFS)),
        ("CENTRAL_GLAND", ALL_ZONE_CODES, (TZ, DPU, AFS)),
        ("CENTRAL_GLAND", (BG, PZ, CG), (CG,)),
        ("PZ", (BG, PZ, CG), (PZ,)),
        ("TZ", (BG, PZ, CG), None),  # the code straddles its border
        ("PZ", (BG, WG), None),
        ("GLAND", (BG, PZ, TZ), None),  # DPU and AFS were never annotated
    ],
)
def test_which_codes_make_up_a_structure(
    structure: str, codes: tuple[LabelCode, ...], expected: tuple[LabelCode, ...] | None
) -> None:
    assert structure_codes(structure, codes) == expected


@pytest.mark.parametrize(
    ("structure", "within", "straddling"),
    [
        ("PZ", (PZ,), (WG,)),
        ("TZ", (TZ,), (CG, WG)),
        ("CENTRAL_GLAND", (TZ, DPU, AFS, CG), (WG,)),
        ("GLAND", (PZ, TZ, DPU, AFS, CG, WG), ()),
    ],
)
def test_which_codes_draw_parts_of_a_structure_and_which_leave_it_open(
    structure: str, within: tuple[LabelCode, ...], straddling: tuple[LabelCode, ...]
) -> None:
    assert codes_within(structure, LabelCode) == within
    assert straddling_codes(structure, LabelCode) == straddling
    assert codes_within(structure, (BG, NA)) == straddling_codes(structure, (BG, NA)) == ()


@pytest.mark.parametrize(
    ("codes", "drawn"),
    [
        (ALL_ZONE_CODES, ["PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND"]),
        ((BG, PZ, CG), ["PZ", "CENTRAL_GLAND", "GLAND"]),
        ((BG, WG), ["GLAND"]),
        ((BG, PZ, WG), ["GLAND"]),  # what is left of the gland may be PZ that nobody drew
        ((*ALL_ZONE_CODES, CG), ["PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND"]),  # coarse where unsure
        ((BG, PZ, TZ), ["PZ", "TZ"]),
        ((BG, 255), []),
    ],
)
def test_a_structure_is_drawn_where_both_sides_of_its_border_are(
    codes: tuple[LabelCode, ...], drawn: list[str]
) -> None:
    assert [name for name in STRUCTURES if drawable(name, codes)] == drawn


def test_zones_are_drawn_by_codes_that_stand_for_nothing_beyond_them() -> None:
    gland = ZONES_OF_CODE[WG]
    assert drawn_within(gland, (BG, PZ, TZ, 255)) == {Zone.PZ, Zone.TZ}
    assert drawn_within(ZONES_OF_CODE[CG], (PZ, WG)) == frozenset()
    assert drawn_within(gland, (PZ, CG)) == gland


def test_the_structures_are_the_zones_the_central_gland_and_the_gland() -> None:
    assert list(STRUCTURES) == ["PZ", "TZ", "DPU", "AFS", "CENTRAL_GLAND", "GLAND"]
    assert STRUCTURES["GLAND"] == ZONES_OF_CODE[WG]


def test_label_codes_are_read_from_a_manifest() -> None:
    assert parse_label_codes("0=BACKGROUND;1=PZ;2=CENTRAL_GLAND") == {0: BG, 1: PZ, 2: CG}
    assert parse_label_codes(" 10 = TZ ; 255=NOT_ANNOTATED") == {10: TZ, 255: NA}


@pytest.mark.parametrize("text", ["", "1", "1=XZ", "x=PZ", "-1=PZ", "1=PZ;1=TZ", "1=PZ;", "1=pz", "1.0=PZ"])
def test_label_codes_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(LabelError, match="label_codes"):
        parse_label_codes(text)
