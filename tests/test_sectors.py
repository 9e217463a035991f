from pathlib import Path

import numpy as np
import pytest
from pydicom.sr._cid_dict import cid_concepts
from pydicom.sr._concepts_dict import concepts

from zonate.sectors import LEVELS, PARTS, SECTORS, SIDES, Sector
from zonate.zones import Zone

NOT_SEGMENTED = {
    "Central zone of right half prostate",
    "Central zone of left half prostate",
    "Right seminal vesicle",
    "Left seminal vesicle",
    "Male external urethral sphincter",
}


def cid_6304() -> dict[str, str]:
    """Code value to meaning, as the standard has them."""
    keywords = cid_concepts[6304]["SCT"]
    return {code: meaning for keyword in keywords for code, (meaning, _) in concepts["SCT"][keyword].items()}


def touching() -> list[tuple[Sector, Sector]]:
    """Sectors of one zone that are next to each other: another side, the next level, or the next part."""
    pairs = []
    for a in SECTORS:
        for b in SECTORS[a.number :]:
            differences = (
                abs(LEVELS.index(a.level) - LEVELS.index(b.level)),
                abs(PARTS[a.zone].index(a.part) - PARTS[b.zone].index(b.part)) if a.zone is b.zone else 9,
                int(a.side != b.side),
            )
            if a.zone is b.zone and sum(differences) == 1:
                pairs.append((a, b))
    return pairs


def test_codes_and_meanings_are_those_of_cid_6304() -> None:
    standard = cid_6304()
    assert len(standard) == 41
    assert {sector.snomed_code: sector.meaning for sector in SECTORS}.items() <= standard.items()
    rest = set(standard) - {sector.snomed_code for sector in SECTORS}
    assert {standard[code] for code in rest} == NOT_SEGMENTED


def test_36_sectors_are_numbered_from_one() -> None:
    assert [sector.number for sector in SECTORS] == list(range(1, 37))
    of = [sector.zone for sector in SECTORS]
    assert (of.count(Zone.PZ), of.count(Zone.TZ), of.count(Zone.AFS)) == (18, 12, 6)
    assert len({(s.zone, s.level, s.part, s.side) for s in SECTORS}) == 36
    assert len({sector.abbreviation for sector in SECTORS}) == len({sector.name for sector in SECTORS}) == 36


@pytest.mark.parametrize(
    ("number", "abbreviation", "name", "code", "meaning"),
    [
        (
            1,
            "PZa-base-R",
            "right anterior peripheral zone, base",
            "716904003",
            "Right anterior basal peripheral zone of prostate",
        ),
        (
            10,
            "PZpl-mid-L",
            "left posterolateral peripheral zone, mid",
            "716922000",
            "Left posterolateral middle peripheral zone of prostate",
        ),
        (
            18,
            "PZpm-apex-L",
            "left posteromedial peripheral zone, apex",
            "716941002",
            "Left posteromedial apical peripheral zone of prostate",
        ),
        (
            29,
            "TZp-apex-R",
            "right posterior transition zone, apex",
            "716932007",
            "Right posterior apical transition zone of prostate",
        ),
        (
            34,
            "AFS-mid-L",
            "left anterior fibromuscular stroma, mid",
            "716910003",
            "Left middle anterior fibromuscular stroma of prostate",
        ),
    ],
)
def test_sectors_by_hand(number: int, abbreviation: str, name: str, code: str, meaning: str) -> None:
    sector = SECTORS[number - 1]
    assert (sector.abbreviation, sector.name, sector.snomed_code, sector.meaning) == (abbreviation, name, code, meaning)


def test_the_meaning_says_what_the_fields_say() -> None:
    """So that a code can't stand in another's row."""
    for sector in SECTORS:
        words = sector.meaning.lower().split()
        assert words[0] == sector.side
        assert {"base": "basal", "mid": "middle", "apex": "apical"}[sector.level] in words
        assert sector.part == "whole" or sector.part in words
        assert ("peripheral" in words, "transition" in words) == (sector.zone is Zone.PZ, sector.zone is Zone.TZ)


def test_a_sector_has_another_colour_than_those_that_it_touches() -> None:
    pairs = touching()
    assert len(pairs) == 60  # across the midline, levels and parts: PZ 9 + 12 + 12, TZ 6 + 8 + 6, AFS 3 + 4
    assert len({sector.colour_rgb for sector in SECTORS}) == 36
    for a, b in pairs:
        distance = float(np.linalg.norm(np.subtract(a.colour_rgb, b.colour_rgb)))
        assert distance > 24, f"{a.abbreviation} and {b.abbreviation}"


def test_sides_are_right_then_left() -> None:
    assert SIDES == ("right", "left")
    assert [sector.side for sector in SECTORS[:4]] == ["right", "left", "right", "left"]


def test_every_sector_stands_in_the_documentation() -> None:
    page = Path(__file__).resolve().parents[1] / "docs" / "concepts" / "sectors.md"
    rows = page.read_text(encoding="utf-8").splitlines()
    for sector in SECTORS:
        assert f"| {sector.number} | `{sector.abbreviation}` | {sector.snomed_code} | {sector.meaning} |" in rows
