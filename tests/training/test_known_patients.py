from typing import Any

import pytest

from tests.verbs.standins import StandInDataset, entry
from zonate.dataset.store import Dataset
from zonate.errors import LeakageError, ModelError
from zonate.training.known_patients import KnownPatients, known_cases, refuse_known

ENTRIES = (
    entry("a", patient_id="P1"),
    entry("b", patient_id="P2"),
    entry("c", patient_id="P3", derived_from=("P4", "P5")),
)
DATASET: Any = StandInDataset({}, ENTRIES)  # its images are "the image of a" and so on


def names(provenance: dict[str, Any], *, chosen_too: bool = True, dataset: Dataset = DATASET) -> str | None:
    found = known_cases(provenance, dataset, ENTRIES, chosen_too=chosen_too)
    return None if found is None else "".join(case.case_id for case in found)


def trained(*patients: str, chose: tuple[str, ...] = (), **images: list[str]) -> dict[str, Any]:
    return {"training_patients": [*patients], "validation_patients": [*chose], **images}


def test_a_patient_is_known_by_name() -> None:
    assert names(trained("P0")) == ""
    assert names(trained("P2", "P1")) == "ab"
    assert names({"training_patients": ["P2"]}) == "b"  # an older model, which names nobody else


def test_a_made_case_is_known_by_those_that_it_was_made_from() -> None:
    assert names(trained("P5")) == "c"
    assert names(trained(chose=("P4",))) == "c"
    assert names(trained(chose=("P4",)), chosen_too=False) == ""


def test_who_only_chose_the_epoch_counts_where_it_is_asked_for() -> None:
    told = trained("P1", chose=("P2",), images_sha256=["the image of a", "the image of b"])
    assert names(told) == "ab"
    assert names(told, chosen_too=False) == "a"


def test_a_patient_is_known_by_image_under_another_name() -> None:
    assert names(trained("other", images_sha256=["the image of c"])) == "c"
    assert names(trained("other", images_sha256=["the image of c"]), chosen_too=False) == "c"


def test_an_image_that_was_known_before_a_tuning_is_known_even_of_those_who_chose() -> None:
    told = trained(
        "P0",
        chose=("P1", "P2"),
        images_sha256=["the image of a", "the image of b"],
        earlier_images_sha256=["the image of b"],
    )
    assert names(told, chosen_too=False) == "b"


def test_a_model_that_does_not_say_is_not_taken_for_one_that_knows_nobody() -> None:
    assert names({}) is None
    assert names({"images_sha256": ["the image of a"], "validation_patients": ["P1"]}) is None


def test_an_image_of_no_dataset_is_known_as_a_case_would_be() -> None:
    known = KnownPatients.of(trained("P1", chose=("P2",), images_sha256=["of P1", "of P2"]))
    assert known.include(["P1"], "another")
    assert known.include(["P2"], "another")
    assert known.include(["P9"], "of P2")
    assert not known.include(["P9"], "of P9")
    assert not known.include(["P2"], "of P2", chosen_too=False)
    assert known.include(["P9"], "of P2", chosen_too=False)
    with pytest.raises(ModelError, match="does not say whom it was trained on"):
        KnownPatients.of({"validation_patients": ["P1"]})


def test_cases_that_are_known_are_refused_by_name() -> None:
    refuse_known((), chosen_too=True, remedy="nothing")
    with pytest.raises(LeakageError) as refused:
        refuse_known(reversed(ENTRIES), chosen_too=True, remedy="Take others")
    assert str(refused.value) == (
        "the model was trained or chosen on patients, or the very images, of the cases a, b, c: on them it is better "
        "than on anybody else. Take others"
    )
    with pytest.raises(LeakageError, match="the model was trained on patients, or the very images, of the cases b: "):
        refuse_known(ENTRIES[1:2], chosen_too=False, remedy="Take others")
