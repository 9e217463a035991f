import pytest

from zonate.dataset.licences import restriction


@pytest.mark.parametrize("licence", ["CC BY 3.0", "CC BY-SA 4.0", "CC-BY 4.0", "CC0-1.0", "Apache-2.0"])
def test_open_licences_restrict_nothing(licence: str) -> None:
    assert restriction(licence) is None


@pytest.mark.parametrize("licence", ["CC BY-NC 4.0", "CC BY-NC-SA 4.0", "research use", "for non-commercial use"])
def test_non_commercial_terms_are_known(licence: str) -> None:
    assert restriction(licence) == "non-commercial use only"


@pytest.mark.parametrize("licence", ["not stated", "ours", "NCI terms"])
def test_what_is_not_known_is_not_taken_for_free(licence: str) -> None:
    assert restriction(licence) == "terms not known to allow commercial use"
