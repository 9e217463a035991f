import logging
from pathlib import Path

import pytest

from tests.dataset_factory import a_dataset
from tests.verbs.standins import entry
from zonate.config import load_recipe
from zonate.dataset.store import Dataset, Entry
from zonate.model import Model
from zonate.verbs.card import sources_of, terms_of_use
from zonate.verbs.train import train
from zonate.zones import LabelCode

GLAND = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)


def two_sets() -> list[Entry]:
    return [
        entry("a", dataset="A", licence="CC BY 4.0", citation="Doe 2020"),
        entry("b", dataset="A", licence="CC BY 4.0", patient_id="patient-a"),
        entry("c", dataset="B", licence="CC BY-NC 4.0", codes=GLAND),
    ]


def test_each_data_set_is_counted_and_credited() -> None:
    first, second = sources_of(two_sets())
    assert (first["dataset"], first["cases"], first["patients"], first["citation"]) == ("A", 2, 1, "Doe 2020")
    assert (second["licence"], second["codes"]) == ("CC BY-NC 4.0", ["BACKGROUND", "WHOLE_GLAND"])
    assert (first["restriction"], second["restriction"]) == (None, "non-commercial use only")


def test_one_restricted_set_restricts_the_model() -> None:
    assert terms_of_use(sources_of(two_sets()[:2])) is None
    assert terms_of_use(sources_of(two_sets())) == (
        "the model learns from B (CC BY-NC 4.0: non-commercial use only): its use is restricted as theirs is"
    )


def test_terms_are_said_when_training_begins_and_stay_with_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = a_dataset(tmp_path / "data", ("train", "train", "test"))
    opened = Dataset.open(dataset)
    opened.entries = tuple(
        Entry(**{**vars(found), "licence": "CC BY-NC 4.0", "citation": "Doe 2020"}) for found in opened.entries
    )
    monkeypatch.setattr(Dataset, "open", lambda _path: opened)
    tiny = load_recipe("unet").override(["network.base_channels=1", "training.epochs=1"])
    with caplog.at_level(logging.WARNING, logger="zonate"):
        train(dataset, tmp_path / "run", tiny)
    terms = "made by a test (CC BY-NC 4.0: non-commercial use only)"
    assert any(terms in message for message in caplog.messages)
    (source,) = Model.load(tmp_path / "run").provenance["sources"]
    assert (source["licence"], source["cases"], source["citation"]) == ("CC BY-NC 4.0", 2, "Doe 2020")
    text = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert terms in text
    assert "made by a test: Doe 2020" in text
