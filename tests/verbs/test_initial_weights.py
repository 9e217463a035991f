import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.dataset_factory import a_dataset
from tests.verbs.standins import entry
from zonate import shipped
from zonate.config import Settings, load_recipe
from zonate.dataset.statistics import Statistics
from zonate.errors import ConfigError, ModelError
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.verbs.card import sources_of, terms_of_use
from zonate.verbs.initial_weights import initial_settings, initial_weights, joined_provenance
from zonate.verbs.train import train
from zonate.zones import ALL_ZONE_CODES

SETTINGS = Settings(name="zonate").override(["network.base_channels=2", "optimiser.learning_rate=1e-3"])


def a_model(file: Path, **provenance: Any) -> Model:
    torch.manual_seed(0)
    statistics = Statistics((300.0, 0.0, 0.0), (150.0, 1.0, 1.0))
    model = Model(Generator(SETTINGS.network).eval(), SETTINGS, statistics, ALL_ZONE_CODES, provenance)
    model.save(file)
    return model


def learnt(dataset: str, licence: str, patients: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """As `train` writes it of cases of one slice each."""
    entries = [entry(name, "train", dataset=dataset, licence=licence, patient_id=name, slices=1) for name in patients]
    return {
        "datasets": [dataset],
        "licences": [licence],
        "sources": sources_of(entries),
        "training_cases": len(entries),
        "training_slices": len(entries),
        "training_patients": sorted(patients),
        "validation_cases": 0,
        "validation_patients": [],
        "images_sha256": sorted(f"image of {name}" for name in patients),
        "dataset_fingerprint": f"of {dataset}",
        **more,
    }


def test_the_weights_and_the_recipe_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "best.safetensors"
    model = a_model(file, training_patients=["P1"])
    monkeypatch.setattr(shipped, "FILE", file)
    for where in (file, tmp_path, "shipped", Path("shipped")):
        weights, earlier, codes = initial_weights(where, SETTINGS)
        assert codes == model.codes
        assert all(torch.equal(value, weights[name]) for name, value in model.generator.state_dict().items())
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert earlier == {"training_patients": ["P1"], "model": {"name": "zonate", "sha256": digest}}
        assert initial_settings(where) == SETTINGS.model_copy(update={"name": "zonate-tuned"})
    Model(model.generator, initial_settings(file), model.statistics, model.codes, {}).save(file)
    assert initial_settings(file).name == "zonate-tuned"  # once


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ["network.base_channels=4"],
            "weights of zonate, since network.base_channels is 2 there and 4 here: leave --recipe",
        ),
        (["network.architecture=residual"], "network.architecture is pix2pix there and residual here"),
        (["network.neighbours=1"], "network.neighbours is 0 there and 1 here"),
        (["network.normalisation=group"], "network.normalisation is batch there and group here"),
        (["normalisation=region"], "since normalisation is dataset there and region here"),
        (
            ["slicing.spacing_mm=0.4"],
            "slicing.spacing_mm is 0.5 there and 0.4 here: prepare the dataset with --set slicing.spacing_mm=0.5",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_what_differs(tmp_path: Path, change: list[str], said: str) -> None:
    a_model(tmp_path / "m.safetensors")
    with pytest.raises(ConfigError, match=said):
        initial_weights(tmp_path / "m.safetensors", SETTINGS.override(change))


def test_all_that_differs_is_said_at_once(tmp_path: Path) -> None:
    a_model(tmp_path / "m.safetensors")
    changes = ["slicing.size_px=192", "slicing.spacing_mm=0.4", "network.neighbours=2"]
    with pytest.raises(ConfigError) as refused:
        initial_weights(tmp_path / "m.safetensors", SETTINGS.override(changes))
    assert str(refused.value) == (
        "the training cannot begin from the weights of zonate, since network.neighbours is 0 there and 2 here; "
        "slicing.size_px is 256 there and 192 here; slicing.spacing_mm is 0.5 there and 0.4 here: leave --recipe and "
        "the settings out, to have the model's own, and prepare the dataset with --set slicing.size_px=256 --set "
        "slicing.spacing_mm=0.5"
    )


def test_what_does_not_touch_the_weights_may_differ(tmp_path: Path) -> None:
    a_model(tmp_path / "m.safetensors")
    changes = [
        "training.epochs=5",
        "optimiser.learning_rate=1e-4",
        "network.dropout=0.1",
        "split.fold=1",
        "loss.l1=0.5",
    ]
    initial_weights(tmp_path / "m.safetensors", SETTINGS.override(changes))
    with pytest.raises(ModelError, match="there is no zonate-model"):
        initial_weights(tmp_path / "nothing.safetensors", SETTINGS)


def test_a_tuned_model_learnt_from_both() -> None:
    first = {"name": "zonate", "sha256": "ab"}
    before = learnt("A", "CC BY-NC 4.0", ("P1", "P2"), not_validated=["DPU"], model=first)
    own = learnt("ours", "ours", ("P2", "P3"), validation_patients=["P4"], validation_cases=1)
    joined = joined_provenance(own, before)
    assert joined["datasets"] == ["A", "ours"]
    assert joined["licences"] == ["CC BY-NC 4.0", "ours"]
    assert [(s["dataset"], s.get("inherited", False)) for s in joined["sources"]] == [("ours", False), ("A", True)]
    assert (joined["training_cases"], joined["training_slices"], joined["validation_cases"]) == (4, 4, 1)
    assert joined["training_patients"] == ["P1", "P2", "P3"]
    assert joined["validation_patients"] == ["P4"]
    assert joined["images_sha256"] == ["image of P1", "image of P2", "image of P3"]
    assert joined["earlier_images_sha256"] == ["image of P1", "image of P2"]
    assert joined["dataset_fingerprint"] == "of ours"
    assert joined["began_from"] == first
    assert joined["not_validated"] == ["DPU"]
    assert "A (CC BY-NC 4.0: non-commercial use only)" in str(terms_of_use(joined))
    assert own == learnt("ours", "ours", ("P2", "P3"), validation_patients=["P4"], validation_cases=1)


def test_a_data_set_may_say_what_is_validated_now() -> None:
    before = learnt("A", "CC0-1.0", ("P1",), not_validated=["DPU", "AFS"])
    assert joined_provenance(learnt("B", "CC0-1.0", ("P2",), not_validated=[]), before)["not_validated"] == []
    assert "not_validated" not in joined_provenance(learnt("B", "CC0-1.0", ("P2",)), learnt("A", "CC0-1.0", ("P1",)))


def test_what_the_first_model_does_not_say_is_not_known_of_the_second() -> None:
    joined = joined_provenance(learnt("B", "CC0-1.0", ("P2",)), {"model": {"name": "old", "sha256": "cd"}})
    assert not {"training_patients", "sources", "licences", "datasets"} & set(joined)
    assert (
        terms_of_use(joined) == "what the model learnt from is not recorded, so that the terms of its use are not known"
    )
    by_licence = joined_provenance(learnt("B", "CC0-1.0", ("P2",)), {"licences": ["CC BY-NC 4.0"]})
    assert "data under CC BY-NC 4.0" in str(terms_of_use(by_licence))


def test_a_patient_that_chooses_by_memory_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    own = learnt("B", "CC0-1.0", ("P2",), validation_patients=["P1", "P4"])
    with caplog.at_level(logging.WARNING):
        joined_provenance(own, learnt("A", "CC0-1.0", ("P1",)))
    assert "1 of the validation patients are among those that the model to begin from learnt from" in caplog.text


def test_a_training_begins_there_and_answers_for_both(tmp_path: Path) -> None:
    """At a learning rate of nothing the second model is the first, but for the statistics of BatchNorm."""
    first, second = (a_dataset(tmp_path / name, ("train", "validation"), slices=1) for name in ("a", "b"))
    tiny = load_recipe("unet").override(["network.base_channels=2", "training.epochs=1"])
    begun = train(first, tmp_path / "first", tiny)
    tuned = train(
        second, tmp_path / "second", tiny.override(["optimiser.learning_rate=1e-30"]), init=tmp_path / "first"
    )
    before, after = (dict(Model.load(file).generator.named_parameters()) for file in (begun, tuned))
    assert all(torch.allclose(before[name], after[name], rtol=0, atol=1e-12) for name in before)
    provenance = Model.load(tuned).provenance
    assert provenance["began_from"]["sha256"] == hashlib.sha256(begun.read_bytes()).hexdigest()
    assert provenance["training_slices"] == 2
    assert "(before): what the model unet learnt from" in (tmp_path / "second" / "card.md").read_text(encoding="utf-8")
