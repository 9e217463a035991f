from tests.verbs.standins import two_sets
from zonate.provenance import sources_of, terms_of_use


def test_each_data_set_is_counted_and_credited() -> None:
    first, second = sources_of(two_sets())
    assert (first["dataset"], first["cases"], first["patients"], first["citation"]) == ("A", 2, 1, "Doe 2020")
    assert (second["licence"], second["codes"]) == ("CC BY-NC 4.0", ["BACKGROUND", "WHOLE_GLAND"])
    assert (first["restriction"], second["restriction"]) == (None, "non-commercial use only")


def test_one_restricted_set_restricts_the_model() -> None:
    assert terms_of_use({"sources": sources_of(two_sets()[:2])}) is None
    assert terms_of_use({"sources": sources_of(two_sets())}) == (
        "the model learns from B (CC BY-NC 4.0: non-commercial use only): its use is restricted as theirs is"
    )


def test_what_a_model_was_calibrated_on_restricts_it_too() -> None:
    free = {"sources": sources_of(two_sets()[:2])}
    assert terms_of_use(free, ["CC BY 4.0"]) is None
    said = terms_of_use(free, ["CC BY 4.0", "CC BY-NC 4.0"])
    assert said is not None
    assert said.startswith("the model is calibrated on data under CC BY-NC 4.0 (")
    assert "CC BY 4.0" not in said
