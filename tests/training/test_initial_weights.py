from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.dataset_factory import a_dataset
from tests.verbs.standins import entry
from zonate import shipped
from zonate.config import Settings, load_recipe
from zonate.dataset.store import Dataset
from zonate.errors import ConfigError, LeakageError, ModelError, OutputError
from zonate.measures.calibration import Calibration, MonotoneMap
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.preprocessing.statistics import Statistics
from zonate.provenance import sources_of, terms_of_use
from zonate.training.initial_weights import initial_settings, initial_weights, joined_provenance
from zonate.verbs.evaluate import evaluate
from zonate.verbs.train import train
from zonate.zones import ALL_ZONE_CODES

CALIBRATION = Calibration(
    {"GLAND": MonotoneMap((0.5, 0.9), (0.4, 0.8))},
    0.72,
    {},
    {"split": "test", "n_patients": 12, "n_results": 84, "samples": 10},
)
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
        weights, earlier, codes, read = initial_weights(where, SETTINGS)
        assert read == file
        assert codes == model.codes
        assert all(torch.equal(value, weights[name]) for name, value in model.generator.state_dict().items())
        assert earlier["training_patients"] == ["P1"]
        assert earlier["model"]["name"] == "zonate"
        assert initial_settings(where) == SETTINGS.model_copy(update={"name": "zonate-tuned"})
    Model(model.generator, initial_settings(file), model.statistics, model.codes, {}).save(file)
    assert initial_settings(file).name == "zonate-tuned"  # once
    of_a_fold = SETTINGS.override(["split.fold=2"])
    Model(model.generator, of_a_fold, model.statistics, model.codes, {}).save(file)
    assert initial_settings(file).split.fold is None  # it is of that model's own training


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
        (["network.leaky_relu_slope=0.01"], "network.leaky_relu_slope is 0.2 there and 0.01 here"),
        (["network.batch_norm_epsilon=1e-5"], "network.batch_norm_epsilon is 0.001 there and 1e-05 here"),
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


def test_where_a_training_began_is_known_by_weights_and_what_they_learnt_from(
    tmp_path: Path,
) -> None:
    file = tmp_path / "m.safetensors"
    model = a_model(file, training_patients=["P1"])
    others = (
        model,
        replace(model, calibration=CALIBRATION),
        replace(model, provenance={"training_patients": ["P2"]}),
        replace(model, codes=ALL_ZONE_CODES[:1]),
        replace(model, generator=Generator(SETTINGS.network).eval()),
    )
    found = []
    for other in others:
        other.save(file)
        found.append(initial_weights(file, SETTINGS).provenance["model"]["sha256"])
    assert found[0] == found[1]
    assert len(set(found)) == 4


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


def test_images_and_counts_that_the_first_model_does_not_record_are_not_taken_for_none() -> None:
    own = learnt("B", "CC0-1.0", ("P2",))
    joined = joined_provenance(own, {"training_patients": ["P1"]})
    counts = {"training_cases", "training_slices", "validation_cases"}
    assert not {"earlier_images_sha256", *counts} & set(joined)
    assert joined["images_sha256"] == ["image of P2"]  # it is refused on these whatever else it knows
    assert joined_provenance(own, {"images_sha256": [], "training_cases": 0})["earlier_images_sha256"] == []


def test_patients_that_the_first_model_knows_are_warned_of_without_their_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By image, too: in the first model's data they may have gone by another name."""
    folder = a_dataset(tmp_path / "ds", ("train", "validation", "validation", "test", "test", "test"), slices=1)
    digests = {e.case_id: Dataset.open(folder).image_digest(e.case_id) for e in Dataset.open(folder).entries}
    before = learnt("A", "CC0-1.0", ("patient1", "elsewhere"), validation_patients=["patient2", "patient3"])
    before["images_sha256"] = [digests["case1"], digests["case4"]]
    a_model(tmp_path / "m.safetensors", **before)
    once = SETTINGS.override(["training.epochs=1"])
    train(folder, tmp_path / "run", once, init=tmp_path / "m.safetensors")
    assert [record.getMessage() for record in caplog.records if "to begin from" in record.getMessage()] == [
        "validation cases whose patients the model to begin from was trained on: 1. They choose the epoch by what it "
        "remembers of them",
        "test cases whose patients the model to begin from was trained or chosen on: 2. `zonate evaluate` will refuse "
        "them",
    ]
    assert "patient1" not in caplog.text
    with pytest.raises(LeakageError, match="of the cases case3, case4: "):
        evaluate(tmp_path / "run", folder, tmp_path / "figures")
    caplog.clear()
    a_model(tmp_path / "m.safetensors", **learnt("A", "CC0-1.0", ("elsewhere",)))
    train(folder, tmp_path / "other", once, init=tmp_path / "m.safetensors")
    assert "to begin from" not in caplog.text


def test_nothing_is_advised_before_a_training_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = a_dataset(tmp_path / "ds", ("train",), slices=1)
    wider = SETTINGS.override(["slicing.spacing_mm=0.75"])
    torch.manual_seed(0)
    statistics = Statistics((300.0, 0.0, 0.0), (150.0, 1.0, 1.0))
    Model(Generator(wider.network).eval(), wider, statistics, ALL_ZONE_CODES, {}).save(tmp_path / "m.safetensors")
    with pytest.raises(ConfigError, match=r"prepare the dataset with --set slicing.spacing_mm=0.75"):
        train(folder, tmp_path / "run", wider, init=tmp_path / "m.safetensors")
    assert not caplog.records


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
    assert provenance["began_from"] == initial_weights(begun, SETTINGS).provenance["model"]
    assert provenance["training_slices"] == 2
    assert "(before): what the model unet learnt from" in (tmp_path / "second" / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("init", "output"), [("run", "run"), ("run/best.safetensors", "run"), ("run", ".")])
def test_the_model_to_begin_from_is_not_emptied_away(tmp_path: Path, init: str, output: str) -> None:
    folder = a_dataset(tmp_path / "ds", ("train",), slices=1)
    home = tmp_path / "home"
    (home / "run").mkdir(parents=True)
    a_model(home / "run" / "best.safetensors", **learnt("A", "CC0-1.0", ("P1",)))
    written = (home / "run" / "best.safetensors").read_bytes()
    with pytest.raises(OutputError, match=r"holds what is read \(best\.safetensors\): give another folder"):
        train(folder, home / output, SETTINGS, init=home / init, overwrite=True)
    assert (home / "run" / "best.safetensors").read_bytes() == written


def test_a_tuned_run_is_resumed_from_where_it_began_or_not_at_all(tmp_path: Path) -> None:
    """Without --init the first model's terms and patients would no longer be known of the second."""
    folder = a_dataset(tmp_path / "ds", ("train", "validation"), slices=1)
    first, other = tmp_path / "first.safetensors", tmp_path / "other.safetensors"
    a_model(first, **learnt("A", "CC BY-NC 4.0", ("P1", "P2")))
    a_model(other, **learnt("B", "CC0-1.0", ("P3",)))
    names = [initial_weights(file, SETTINGS).provenance["model"]["sha256"][:12] for file in (first, other)]
    assert names[0] != names[1]
    run, once, twice = tmp_path / "run", *(SETTINGS.override([f"training.epochs={n}"]) for n in (1, 2))
    best = train(folder, run, once, init=first)
    written = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()}
    for init, where in ((None, "fresh weights"), (other, f"the weights of zonate (sha256 {names[1]})")):
        with pytest.raises(ConfigError) as refused:
            train(folder, run, twice, init=init, resume=True)
        assert str(refused.value) == (
            f"the run {run} began from the weights of zonate (sha256 {names[0]}), not from {where}: resume with the "
            "same --init, or begin a new run"
        )
    assert {file.name: file.read_bytes() for file in run.iterdir() if file.is_file()} == written
    replace(Model.load(first), calibration=CALIBRATION).save(first)  # meanwhile: the weights are the same
    train(folder, run, twice, init=first, resume=True)
    provenance = Model.load(best).provenance
    assert provenance["licences"] == ["CC BY-NC 4.0", "CC0-1.0"]
    assert provenance["training_patients"] == ["P1", "P2", "patient0"]
    assert "non-commercial use only" in (run / "card.md").read_text(encoding="utf-8")


def test_a_calibration_stays_until_a_better_epoch_replaces_it_and_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = a_dataset(tmp_path / "ds", ("train",), slices=1)
    run, once, twice = tmp_path / "run", *(SETTINGS.override([f"training.epochs={n}"]) for n in (1, 2))
    best = train(folder, run, once)
    replace(Model.load(best), calibration=CALIBRATION).save(best)
    train(folder, run, once, resume=True)  # all epochs are done
    assert "## Calibration" in (run / "card.md").read_text(encoding="utf-8")
    assert "calibrate again" not in caplog.text
    train(folder, run, twice, resume=True)
    assert "best.safetensors is calibrated, which a better epoch would not be: calibrate again then" in caplog.messages
    assert Model.load(best).calibration is None
    assert "## Calibration" not in (run / "card.md").read_text(encoding="utf-8")


def test_a_run_from_fresh_weights_does_not_go_on_from_others(tmp_path: Path) -> None:
    folder = a_dataset(tmp_path / "ds", ("train",), slices=1)
    a_model(tmp_path / "first.safetensors", **learnt("A", "CC BY-NC 4.0", ("P1",)))
    once = SETTINGS.override(["training.epochs=1"])
    train(folder, tmp_path / "run", once)
    with pytest.raises(ConfigError, match="run began from fresh weights, not from the weights of zonate"):
        train(folder, tmp_path / "run", once, init=tmp_path / "first.safetensors", resume=True)
