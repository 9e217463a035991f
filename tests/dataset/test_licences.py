import pytest

from zonate.dataset.licences import restriction


@pytest.mark.parametrize(
    "licence",
    [
        "CC BY 3.0",
        "CC BY-SA 4.0",
        "CC-BY-SA-4.0",
        "CC-BY 4.0",
        "CC_BY_4.0",
        "CCBY4.0",
        "cc by",
        "CC BY 4.0 International",
        "CC0",
        "CC0-1.0",
        "Apache-2.0",
        "Apache License, Version 2.0",
        "MIT",
        "MIT licence",
        "BSD-3-Clause",
        "ODC-By 1.0",
        "ODbL",
        "PDDL",
        "Public domain",
    ],
)
def test_open_licences_restrict_nothing(licence: str) -> None:
    assert restriction(licence) is None


@pytest.mark.parametrize(
    "licence",
    [
        "CC BY-NC 4.0",
        "CC BY-NC-SA 4.0",
        "CC BY-NC-ND 4.0",
        "CC BY-NC4.0",
        "CC-BY-NC_4.0",
        "CC-BYNC 4.0",
        "cc_by_nc",
        "research use",
        "research_use",
        "for non-commercial use",
        "NonCommercial",
        "MIT, academic use",
    ],
)
def test_non_commercial_terms_are_known(licence: str) -> None:
    assert restriction(licence) == "non-commercial use only"


@pytest.mark.parametrize("licence", ["CC BY-ND 4.0", "CC-BY-ND", "CCBYND 4.0"])
def test_a_model_may_be_a_derivative(licence: str) -> None:
    assert restriction(licence) == "no derivatives, terms not known to allow a model"


@pytest.mark.parametrize(
    "licence",
    ["", "not stated", "ours", "NCI terms", "MITRE internal only", "MIT and ours", "CC BY 4.0 利用不可", "CC", "odcby"],
)
def test_what_is_not_known_is_not_taken_for_free(licence: str) -> None:
    assert restriction(licence) == "terms not known to allow commercial use"


@pytest.mark.parametrize(
    ("licences", "reason"),
    [
        ("CC BY 3.0; CC BY 4.0", None),
        ("CC BY 4.0;", None),
        ("CC BY 4.0; CC BY-NC 4.0", "non-commercial use only"),
        ("not stated; CC BY-NC 4.0", "non-commercial use only"),
        ("CC0; CC BY-ND 4.0", "no derivatives, terms not known to allow a model"),
        ("CC BY 4.0; not stated", "terms not known to allow commercial use"),
    ],
)
def test_of_several_licences_each_is_judged(licences: str, reason: str | None) -> None:
    assert restriction(licences) == reason
