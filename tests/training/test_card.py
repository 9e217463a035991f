import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.dataset_factory import a_dataset
from tests.verbs.standins import StandInModel, entry, gland, two_sets
from zonate.config import load_recipe
from zonate.dataset.entry import Entry
from zonate.dataset.store import Dataset
from zonate.measures.calibration import Calibration, MonotoneMap
from zonate.model import Model
from zonate.provenance import sources_of, terms_of_use
from zonate.training.card import card
from zonate.verbs.train import train


def model(**provenance: Any) -> Model:
    return cast("Model", StandInModel(lambda _slices: gland(), provenance=provenance))


def test_a_set_that_only_chose_the_epoch_restricts_the_model_too() -> None:
    chose = entry("d", "validation", dataset="C", licence="ours")
    assert terms_of_use({"sources": sources_of([*two_sets()[:2], chose])}) == (
        "the model is chosen by C (ours: terms not known to allow commercial use): its use is restricted as theirs is"
    )
    both = sources_of([*two_sets(), chose, entry("e", "validation", dataset="B", licence="CC BY-NC 4.0")])
    assert [source["splits"] for source in both] == [{"train": 2}, {"train": 1, "validation": 1}, {"validation": 1}]
    assert terms_of_use({"sources": both}) == (
        "the model learns from B (CC BY-NC 4.0: non-commercial use only) and is chosen by C (ours: terms not known to "
        "allow commercial use): its use is restricted as theirs is"
    )
    text = card(model(sources=both))
    labels = "AFS, BACKGROUND, DPU, PZ, TZ"
    lines = text.splitlines()
    assert f"- **A**, CC BY 4.0: 1 patient, 2 cases; labels {labels}. Cite: Doe 2020" in lines
    only_chose = "1 case that only chose the epoch"
    assert f"- **B**, CC BY-NC 4.0: 2 patients, 1 case, {only_chose}; labels {labels}, WHOLE_GLAND" in lines
    assert f"- **C**, ours: 1 patient, {only_chose}; labels {labels}" in lines
    named = (
        "The model file names its patients as the manifest does (`patient_id`): use pseudonyms there before "
        "you share it."
    )
    assert f"**{named}**" in lines


def test_a_model_that_names_no_sources_is_judged_by_its_licences() -> None:
    older = {"licences": ["CC BY 4.0", "CC BY-NC 4.0"], "datasets": ["A", "PI-CAI"]}
    restricted = "the model learns from data under CC BY-NC 4.0 (non-commercial use only): its use is restricted as "
    assert terms_of_use(older) == f"{restricted}theirs is"
    assert terms_of_use({"licences": ["CC BY 4.0"]}) is None
    text = card(model(**older))
    assert f"The{restricted[3:]}theirs is." in text
    assert "Data sets: A, PI-CAI. Licences: CC BY 4.0, CC BY-NC 4.0. More is not recorded." in text
    assert "- **" not in text


@pytest.mark.parametrize("provenance", [{}, {"sources": [], "licences": []}, {"training_patients": ["P1"]}])
def test_a_model_that_says_nothing_is_not_taken_for_free(provenance: dict[str, Any]) -> None:
    assert terms_of_use(provenance) == (
        "what the model learnt from is not recorded, so that the terms of its use are not known"
    )
    text = card(model(**provenance))
    assert "What the model learnt from is not recorded, so that the terms of its use are not known." in text
    assert "Data sets: not recorded. Licences: not recorded. More is not recorded." in text


def test_an_older_model_is_judged_by_what_is_known_of_licences_now() -> None:
    source = {"dataset": "B", "licence": "CC BY-NC4.0", "restriction": None, "citation": "", "cases": 3, "patients": 2}
    older = {"sources": [{**source, "codes": ["BACKGROUND", "PZ"]}]}
    assert terms_of_use(older) == (
        "the model learns from B (CC BY-NC4.0: non-commercial use only): its use is restricted as theirs is"
    )
    assert (
        "- **B**, CC BY-NC4.0: 2 patients, 3 cases (whether any only chose the epoch is not recorded); labels "
        "BACKGROUND, PZ\n"
    ) in card(model(**older))


def test_terms_are_said_when_training_begins_and_stay_with_the_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = a_dataset(tmp_path / "data", ("train", "train", "test"))
    opened = Dataset.open(dataset)
    opened.entries = tuple(
        Entry(**{**vars(found), "licence": "CC BY-NC 4.0", "citation": "Doe 2020"}) for found in opened.entries
    )
    monkeypatch.setattr(Dataset, "open", lambda _place, _cache=None: opened)
    tiny = load_recipe("unet").override(["network.base_channels=1", "training.epochs=1"])
    with caplog.at_level(logging.WARNING, logger="zonate"):
        train(dataset, tmp_path / "run", tiny)
    terms = "made by a test (CC BY-NC 4.0: non-commercial use only)"
    assert any(terms in message for message in caplog.messages)
    (source,) = Model.load(tmp_path / "run").provenance["sources"]
    assert (source["licence"], source["cases"], source["citation"]) == ("CC BY-NC 4.0", 2, "Doe 2020")
    text = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert terms in text
    assert "- **made by a test**, CC BY-NC 4.0: 2 patients, 2 cases; labels" in text
    assert ". Cite: Doe 2020\n" in text


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_run_that_is_killed_has_a_card_beside_its_best_model(tmp_path: Path) -> None:
    def kill(done: int, total: int, text: str) -> None:  # noqa: ARG001
        if text.startswith("epoch 2"):
            raise Killed

    tiny = load_recipe("unet").override(["network.base_channels=1", "training.epochs=2"])
    with pytest.raises(Killed):
        train(a_dataset(tmp_path / "data", ("train", "validation"), slices=1), tmp_path / "run", tiny, progress=kill)
    text = (tmp_path / "run" / "card.md").read_text(encoding="utf-8")
    assert text == card(Model.load(tmp_path / "run"))
    counted = "2 patients, 1 case, 1 case that only chose the epoch"
    assert f"- **made by a test**, CC0-1.0: {counted}; labels BACKGROUND, CENTRAL_GLAND, PZ\n" in text


def test_a_restricted_set_among_those_that_validate_is_said_when_training_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = a_dataset(tmp_path / "data", ("train", "validation"), slices=1)
    opened = Dataset.open(dataset)
    opened.entries = (opened.entries[0], replace(opened.entries[1], dataset="PI-CAI", licence="CC BY-NC 4.0"))
    monkeypatch.setattr(Dataset, "open", lambda _place, _cache=None: opened)
    tiny = load_recipe("unet").override(["network.base_channels=1", "training.epochs=1"])
    with caplog.at_level(logging.WARNING, logger="zonate"):
        train(dataset, tmp_path / "run", tiny)
    assert (
        "the model is chosen by PI-CAI (CC BY-NC 4.0: non-commercial use only): its use is restricted as theirs is"
    ) in caplog.messages
    assert Model.load(tmp_path / "run").provenance["licences"] == ["CC BY-NC 4.0", "CC0-1.0"]


def test_a_card_tells_its_calibration_after_what_it_learnt_from() -> None:
    about = {"split": "test", "n_patients": 12, "n_results": 84, "samples": 10}
    calibrated = StandInModel(lambda _slices: gland(), provenance={"sources": sources_of(two_sets())})
    calibrated.calibration = Calibration({"GLAND": MonotoneMap((0.5, 0.9), (0.4, 0.8))}, 0.72, {}, about)
    learnt, calibration = card(cast("Model", calibrated)).split("## What it learnt from")[1].split("## Calibration")
    assert "chose the epoch. Its accuracy on patients it has not seen: `zonate evaluate`." in learnt
    assert calibration.strip() == (
        "On 84 results of 12 test patients that it was not trained on, worse copies among them, by 10 samples. A gland "
        "whose expected Dice is "
        "below 0.72 makes a result doubtful."
    )
    assert "## Calibration" not in card(model(sources=sources_of(two_sets())))
