from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tests.dataset_factory import COARSE, a_case, a_dataset, sliced
from zonate import shipped
from zonate.config import Settings
from zonate.dataset.entry import PlacedRecord
from zonate.dataset.index import write_index
from zonate.dataset.store import Dataset
from zonate.errors import DatasetError, LeakageError, ModelError, OutputError
from zonate.io.weights import read_weights
from zonate.measures.calibration import Calibration, Observed, calibrate_scores
from zonate.measures.clean_up import CleanUp, clean_up
from zonate.model import BEST_NAME, FORMAT, FORMAT_VERSION, Model
from zonate.networks.generator import Generator
from zonate.preprocessing.slices import slice_case
from zonate.preprocessing.statistics import Statistics
from zonate.segmenter import Segmenter
from zonate.verbs import calibrate as verb
from zonate.verbs.calibrate import calibrate, reader_volumes_ml
from zonate.zones import ALL_ZONE_CODES, LabelCode

SETTINGS = Settings().override(["network.base_channels=4", "network.init_std=0.2"])
"""Of an untrained network whose zones dropout changes: at the usual 0.02 all its samples are alike."""


def a_model(folder: Path, settings: Settings = SETTINGS, *, seed: int = 0, **provenance: Any) -> Path:
    """A run folder whose untrained model was trained on patient0 and patient1 and chosen by patient2, as it says."""
    told = {"training_patients": ["patient0", "patient1"], "validation_patients": ["patient2"], **provenance}
    torch.manual_seed(seed)
    generator = Generator(settings.network).eval()
    generator.state_dict()["last.bias"][0] = 400.0  # as much as its logits: a third is background, the gland in pieces
    statistics = Statistics((300.0, 0.0, 0.0), (150.0, 1.0, 1.0))
    Model(generator, settings, statistics, COARSE, told, (True, False, False)).save(folder / BEST_NAME)
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_dataset(
        tmp_path_factory.mktemp("calibrate") / "ds", ("train", "train", "validation", "test", "evaluation"), slices=3
    )


def test_a_model_carries_what_was_learnt(tmp_path: Path, dataset: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = a_model(tmp_path / "run")
    before, _ = read_weights(run / BEST_NAME, kind=FORMAT, version=FORMAT_VERSION)
    told: list[tuple[int, int, str]] = []
    result = calibrate(run, dataset, samples=2, copies=1, progress=lambda *step: told.append(step))
    assert result.model == run / BEST_NAME
    assert (result.n_patients, result.n_results, result.failed) == (1, 2, {})
    assert told == [(0, 2, "case2"), (1, 2, "case2"), (2, 2, "done")]
    assert "calibrated on 1 patients: the expected Dice is rough" in caplog.text
    model = Model.load(run)
    assert model.calibration == result.calibration
    assert set(result.calibration.maps) == {"PZ", "CENTRAL_GLAND", "GLAND"}
    assert result.calibration.about == {
        "split": "validation",
        "n_patients": 1,
        "n_results": 2,
        "samples": 2,
        "clean_up": "none",
        "flips": False,
        "passes": 1,
        "background_below": None,
        "sampling": False,
        "copies": 1,
        "dataset_fingerprint": Dataset.open(dataset).fingerprint,
        "licences": ["CC0-1.0"],
        "patients": ["patient2"],
    }
    card = (run / "card.md").read_text(encoding="utf-8")
    assert "## Calibration" in card
    assert "On 2 results of 1 validation patient that it was not trained on" in card
    after, _ = read_weights(run / BEST_NAME, kind=FORMAT, version=FORMAT_VERSION)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("how", ["none", "largest_component"])
def test_what_is_learnt_is_what_prediction_will_ask(tmp_path: Path, dataset: Path, how: CleanUp) -> None:
    """Of one case the map has one knot: the mean Dice of cleaned result and cleaned samples, and the reader's Dice."""
    run = a_model(tmp_path / "run", SETTINGS.override(["prediction.samples=2", f"prediction.clean_up={how}"]))
    learnt = calibrate(run, dataset, samples=2, copies=0).calibration

    model, case = Model.load(run), a_case("case2", seed=2, slices=3)
    slices = slice_case(case, SETTINGS.slicing)
    drawn = [model.segment(slices), *model.begin(slices).samples(2)]
    cleaned, *samples = (clean_up(zones.labels, COARSE, how)[0].values for zones in drawn)
    assert np.array_equal(cleaned, drawn[0].labels.values) == (how == "none")  # there is something to clean up
    assert case.labels is not None
    found = Segmenter.load(run).segment(case).uncertainty
    assert found is not None
    assert found.calibrated
    for structure, codes in (("PZ", [1]), ("CENTRAL_GLAND", [5]), ("GLAND", [1, 5])):
        score = fmean(dice(cleaned, sample, codes) for sample in samples)
        assert score < 0.95  # the samples differ
        reader = dice(cleaned, case.labels.values, codes)
        assert list(learnt.maps[structure].scores) == pytest.approx([score])
        assert list(learnt.maps[structure].dice) == pytest.approx([reader])
        assert found.agreement[structure] == pytest.approx(score)
        assert found.expected_dice[structure] == pytest.approx(reader)


def dice(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8], codes: list[int]) -> float:
    in_a, in_b = np.isin(a, codes), np.isin(b, codes)
    return 2 * int((in_a & in_b).sum()) / (int(in_a.sum()) + int(in_b.sum()))


def test_the_same_gives_the_same_file(tmp_path: Path, dataset: Path) -> None:
    run = a_model(tmp_path / "run")
    for name in ("a.safetensors", "b.safetensors"):
        calibrate(run, dataset, tmp_path / name, samples=1, copies=1)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert Model.load(run).calibration is None


def test_nothing_is_replaced_unasked(tmp_path: Path, dataset: Path) -> None:
    run = a_model(tmp_path / "run")
    calibrate(run, dataset, samples=1, copies=0)
    with pytest.raises(OutputError, match="carries a calibration already"):
        calibrate(run, dataset, samples=1, copies=0)
    with pytest.raises(OutputError, match="is there already"):
        calibrate(run, dataset, run / BEST_NAME, samples=1, copies=0)
    calibrate(run, dataset, samples=1, copies=0, overwrite=True)
    notes = tmp_path / "notes.md"
    notes.write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"notes\.md is there already"):
        calibrate(run, dataset, tmp_path / "notes.safetensors", samples=1, copies=0)
    assert notes.read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "notes.safetensors").exists()
    calibrate(run, dataset, tmp_path / "notes.safetensors", samples=1, copies=0, overwrite=True)
    assert notes.read_text(encoding="utf-8").startswith("# ")


def test_the_card_of_a_run_folder_is_ours_to_replace(tmp_path: Path, dataset: Path) -> None:
    run = a_model(tmp_path / "run")
    (run / "card.md").write_text("of the training", encoding="utf-8")
    calibrate(run, dataset, samples=1, copies=0)
    assert "## Calibration" in (run / "card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("taken", ["m.safetensors", "m.md"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_the_work(tmp_path: Path, dataset: Path, taken: str) -> None:
    run = a_model(tmp_path / "run")
    (tmp_path / taken).mkdir()
    told: list[str] = []
    with pytest.raises(OutputError, match=f"{taken} is a folder"):
        calibrate(
            *(run, dataset, tmp_path / "m.safetensors"),
            samples=1,
            overwrite=True,
            progress=lambda _done, _of, what: told.append(what),
        )
    assert told == []


def test_a_model_is_not_called_as_its_card(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(OutputError, match=r"m\.md is called as a card is"):
        calibrate(a_model(tmp_path / "run"), dataset, tmp_path / "m.md", samples=1, copies=0)


def test_patients_that_the_model_was_trained_on_are_refused(tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(LeakageError, match="case2"):
        calibrate(a_model(tmp_path / "a", training_patients=["patient2"]), dataset, samples=1)
    image = Dataset.open(dataset).image_digest("case3")
    with pytest.raises(LeakageError, match="case3"):
        calibrate(a_model(tmp_path / "b", images_sha256=[image]), dataset, split="test", samples=1)
    chosen = Dataset.open(dataset).image_digest("case2")
    calibrate(a_model(tmp_path / "c", images_sha256=[chosen]), dataset, samples=1, copies=0)


def test_a_model_that_does_not_say_whom_it_was_trained_on_is_refused(tmp_path: Path, dataset: Path) -> None:
    run = a_model(tmp_path / "run")
    model = Model.load(run)
    replace(model, provenance={}).save(run / BEST_NAME)
    with pytest.raises(ModelError, match="does not say whom it was trained on"):
        calibrate(run, dataset, samples=1)


def test_a_model_without_dropout_cannot_be_calibrated(tmp_path: Path, dataset: Path) -> None:
    run = a_model(tmp_path / "run", SETTINGS.override(["network.dropout=0"]))
    with pytest.raises(ModelError, match="no dropout"):
        calibrate(run, dataset, samples=1)


def test_cases_for_evaluation_and_training_are_not_learnt_from(tmp_path: Path, dataset: Path) -> None:
    run = a_model(tmp_path / "run")
    for split in ("evaluation", "train", "elsewhere"):
        with pytest.raises(ValueError, match="validation or test patients"):
            calibrate(run, dataset, split=split)
    for samples, copies in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match="at least 1 sample"):
            calibrate(run, dataset, samples=samples, copies=copies)


def test_an_empty_split_is_said(tmp_path: Path) -> None:
    only = a_dataset(tmp_path / "ds", ("train", "train"))
    with pytest.raises(DatasetError, match="no case in the split 'validation'"):
        calibrate(a_model(tmp_path / "run"), only)


def test_a_reader_who_did_not_draw_everywhere_gives_no_volume() -> None:
    slices = sliced(a_case("c", seed=0), SETTINGS.slicing)
    known = reader_volumes_ml(slices, COARSE)
    voxel_ml = 0.5 * 0.5 * 3 / 1000
    assert known["GLAND"] == pytest.approx(int((slices.labels > 0).sum()) * voxel_ml)
    assert known["TZ"] is None
    labels = slices.labels.copy()
    labels[0, 0, 0] = 255
    assert reader_volumes_ml(replace(slices, labels=labels), COARSE) == {}
    images = slices.images.copy()
    images[0, :, 0, 0] = np.nan  # outside the image nobody can draw
    assert reader_volumes_ml(replace(slices, labels=labels, images=images), COARSE)["GLAND"] == known["GLAND"]


def test_what_a_reader_drew_coarsely_beside_finer_zones_counts() -> None:
    slices = sliced(a_case("c", seed=0, codes=ALL_ZONE_CODES), SETTINGS.slicing)  # PZ and AFS
    labels = slices.labels.copy()
    labels[0][labels[0] == LabelCode.AFS] = LabelCode.CENTRAL_GLAND
    found = reader_volumes_ml(replace(slices, labels=labels), (*ALL_ZONE_CODES, LabelCode.CENTRAL_GLAND))
    voxel_ml = 0.5 * 0.5 * 3 / 1000
    assert found["GLAND"] == pytest.approx(int((labels > 0).sum()) * voxel_ml)
    assert found["CENTRAL_GLAND"] == pytest.approx(int((labels > 1).sum()) * voxel_ml)
    assert found["PZ"] == pytest.approx(int((labels == 1).sum()) * voxel_ml)
    assert found["AFS"] is None  # there may be more of it in the slice that was drawn coarsely


def test_a_model_of_a_fold_is_calibrated_on_the_patients_that_it_left_out(tmp_path: Path) -> None:
    folder = a_dataset(tmp_path / "ds", ("train",) * 5)
    fold = Dataset.open(folder).folded(1)
    trained, tested = ([entry.patient_id for entry in fold.split(side)] for side in ("train", "test"))
    settings = SETTINGS.override(["split.fold=1"])
    run = a_model(tmp_path / "run", settings, training_patients=trained, dataset_fingerprint=fold.fingerprint)
    result = calibrate(run, folder, split="test", samples=1, copies=0)
    assert result.calibration.about["patients"] == tested


def fold_runs(folder: Path, dataset: Path, folds: Items[int], **provenance: Any) -> list[Path]:
    """A run folder a fold; no two of the untrained models are alike."""
    runs = []
    for fold in folds:
        view = Dataset.open(dataset).folded(fold)
        told = {
            "training_patients": [entry.patient_id for entry in view.split("train")],
            "validation_patients": [entry.patient_id for entry in view.split("validation")],
            "dataset_fingerprint": view.fingerprint,
            **provenance,
        }
        settings = SETTINGS.override([f"split.fold={fold}", f"training.seed={fold}", "training.epochs=7"])
        runs.append(a_model(folder / f"fold{fold}", settings, seed=fold, **told))
    return runs


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_dataset(tmp_path_factory.mktemp("folds") / "ds", ("train",) * 5, slices=1)


def test_a_model_of_all_patients_is_calibrated_by_what_others_do_on_those_they_left_out(
    tmp_path: Path, five: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Mapping[str, Items[Observed]]] = []

    def spy(observed: Mapping[str, Items[Observed]], about: Mapping[str, Any]) -> Calibration:
        seen.append(observed)
        return calibrate_scores(observed, about)

    monkeypatch.setattr(verb, "calibrate_scores", spy)
    changed = SETTINGS.override(["prediction.clean_up=largest_component"])
    run = a_model(tmp_path / "all", changed, training_patients=[f"patient{i}" for i in range(5)])
    others = fold_runs(tmp_path, five, (0, 2, 3))
    told: list[str] = []
    result = calibrate(
        run, five, fold_runs=others, samples=1, copies=1, progress=lambda _done, _of, what: told.append(what)
    )
    left_out = [entry for fold in (0, 2, 3) for entry in Dataset.open(five).folded(fold).split("test")]
    assert told == [*(entry.case_id for entry in left_out for _ in range(2)), "done"]  # each case and its copy once
    assert result.model == run / BEST_NAME
    assert result.calibration.about == {
        "split": "cross-validation",
        "fold_models": 3,
        "n_patients": len(left_out),
        "n_results": 2 * len(left_out),
        "samples": 1,
        "clean_up": "largest_component",
        "flips": False,
        "passes": 1,
        "background_below": None,
        "sampling": False,
        "copies": 1,
        "dataset_fingerprint": Dataset.open(five).fingerprint,
        "licences": ["CC0-1.0"],
        "patients": sorted(entry.patient_id for entry in left_out),
    }
    by_fold = []
    for other in others:  # used as the model of all is, and calibrated alone
        alone = Model.load(other)
        used = alone.settings.model_copy(update={"prediction": changed.prediction})
        replace(alone, settings=used).save(other / BEST_NAME)
        calibrate(other, five, tmp_path / "alone.safetensors", split="test", samples=1, copies=0, overwrite=True)
        by_fold += [one for one in seen[-1]["GLAND"] if one.widening is not None]
    as_they_are = [one for one in seen[0]["GLAND"] if one.widening is not None]
    assert as_they_are == by_fold
    assert len({one.score for one in as_they_are}) == len(as_they_are)  # by models that are not alike
    assert (
        f"On {2 * len(left_out)} results of {len(left_out)} patients, each by one of 3 models of the same recipe"
        in (run / "card.md").read_text(encoding="utf-8")
    )


def test_models_that_cannot_stand_in_are_refused(tmp_path: Path, five: Path) -> None:
    run = a_model(tmp_path / "all")
    (first,) = fold_runs(tmp_path / "a", five, (1,))
    with pytest.raises(ModelError, match="left out fold 1, as a run before it did"):
        calibrate(run, five, fold_runs=[first, first], samples=1)
    with pytest.raises(ModelError, match="was not trained on a fold"):
        calibrate(run, five, fold_runs=[run], samples=1)
    other = a_model(tmp_path / "b", SETTINGS.override(["split.fold=0", "training.batch_size=4", "loss.l1=10"]))
    with pytest.raises(
        ModelError, match=r"another recipe .*: loss.l1 is 10.0 there and 100.0 here; training.batch_size"
    ):
        calibrate(run, five, fold_runs=[first, other], samples=1)
    with pytest.raises(ValueError, match="give no split beside them"):
        calibrate(run, five, split="test", fold_runs=[first], samples=1)
    everyone = [f"patient{i}" for i in range(5)]
    for knew in ({"training_patients": everyone}, {"validation_patients": everyone}):
        (knowing,) = fold_runs(tmp_path / "c", five, (1,), **knew)
        with pytest.raises(LeakageError, match=r"trained or chosen on patients.*by `zonate train --fold 1` on"):
            calibrate(run, five, fold_runs=[knowing], samples=1)
    silent = a_model(tmp_path / "d", SETTINGS.override(["split.fold=0"]))
    replace(Model.load(silent), provenance={}).save(silent / BEST_NAME)
    with pytest.raises(ModelError, match="does not say whom it was trained on"):
        calibrate(run, five, fold_runs=[silent], samples=1)
    assert Model.load(run).calibration is None


def test_models_of_folds_began_where_the_model_began(tmp_path: Path, five: Path) -> None:
    """Those that began elsewhere do not show what the model would do on patients that it has not seen."""
    first, second = ({"name": "zonate", "sha256": digit * 64} for digit in "12")
    (fresh,) = fold_runs(tmp_path / "fresh", five, (1,))
    (begun,) = fold_runs(tmp_path / "begun", five, (1,), began_from=first)
    of_fresh = a_model(tmp_path / "a")
    of_first, of_second = (a_model(tmp_path / name, began_from=it) for name, it in (("b", first), ("c", second)))
    for run, other in ((of_fresh, begun), (of_first, fresh), (of_second, begun)):
        with pytest.raises(
            ModelError, match="fold1 did not begin from the weights that the model began from: train it"
        ):
            calibrate(run, five, fold_runs=[other], samples=1)
        assert Model.load(run).calibration is None
    calibrate(of_first, five, fold_runs=[begun], samples=1, copies=0)
    assert Model.load(of_first).calibration is not None


def test_what_was_made_from_patients_that_the_model_knows_is_refused(tmp_path: Path) -> None:
    folder = a_dataset(tmp_path / "ds", ("train", "validation", "test"), slices=1)
    opened = Dataset.open(folder)
    placed = [
        PlacedRecord(opened.record(e.case_id), e.split, derived_from=(f"of-{e.case_id}",)) for e in opened.entries
    ]
    write_index(folder, placed, SETTINGS)
    with pytest.raises(LeakageError, match="case1"):
        calibrate(a_model(tmp_path / "a", training_patients=["of-case1"]), folder, samples=1)


def test_what_ships_is_not_changed_in_place(tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = a_model(tmp_path / "package") / BEST_NAME
    monkeypatch.setattr(shipped, "FILE", file)
    with pytest.raises(OutputError, match="the weights that ship stay as they are"):
        calibrate("shipped", dataset, samples=1, copies=0)
    calibrate("shipped", dataset, tmp_path / "own.safetensors", samples=1, copies=0)
    assert Model.load(tmp_path / "own.safetensors").calibration is not None
    assert Model.load(file).calibration is None


def test_images_that_a_model_knew_before_it_was_tuned_are_refused(tmp_path: Path, dataset: Path) -> None:
    """Even of those who chose its epoch: under their new name nobody would know that it had learnt from them."""
    image = Dataset.open(dataset).image_digest("case2")
    run = a_model(tmp_path / "run", images_sha256=[image], earlier_images_sha256=[image])
    with pytest.raises(LeakageError, match="case2"):
        calibrate(run, dataset, samples=1)
