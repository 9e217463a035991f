"""The weights that lie in the package: that they are whole, are what is said of them, and still do what they did."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import zonate
from zonate.config import load_recipe
from zonate.io.nifti import read_volume, write_volume
from zonate.model import Model
from zonate.networks.precision import has_bfloat16
from zonate.shipped import FILE
from zonate.zones import ALL_ZONE_CODES, STRUCTURES, LabelCode, drawn_apart

EXAMPLE = Path(__file__).parent / "data" / "shipped-example"
CARD = Path(__file__).parents[1] / "docs" / "model-card.md"
FAST = ["prediction.samples=0", "alignment.method=header"]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(FILE)


def test_it_is_one_small_file_of_weights_alone() -> None:
    assert [file.name for file in FILE.parent.iterdir() if file.suffix != ".py" and file.is_file()] == [FILE.name]
    assert FILE.stat().st_size < 30e6


def test_it_knows_the_zones_and_looks_at_what_the_card_says(model: Model) -> None:
    assert model.codes == ALL_ZONE_CODES
    assert model.channels == (True, False, False)
    assert model.provenance["not_validated"] == ["DPU", "AFS"]
    assert set(model.provenance["not_validated"]) <= set(STRUCTURES)
    card = CARD.read_text(encoding="utf-8")
    assert "T2W alone" in card
    for name in ("distal prostatic urethra", "anterior fibromuscular stroma"):
        assert re.search(rf"{name}.*not validated", card, re.IGNORECASE | re.DOTALL)


def test_somebody_drew_each_zone_that_it_announces(model: Model) -> None:
    learnt = [source for source in model.provenance["sources"] if "train" in source["splits"]]
    assert drawn_apart([LabelCode[name] for name in source["codes"]] for source in learnt) == model.codes


def test_the_card_is_of_this_file() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() in CARD.read_text(encoding="utf-8")


def test_it_was_made_by_the_recipe_that_ships(model: Model) -> None:
    recipe = load_recipe("zonate")
    for section in ("network", "loss", "optimiser", "slicing", "augmentation", "prediction", "normalisation"):
        assert getattr(model.settings, section) == getattr(recipe, section), section
    same_length = {"epochs": recipe.training.epochs}
    assert model.settings.training.model_copy(update=same_length) == recipe.training


def test_it_learnt_from_data_that_permit_it_and_names_them(model: Model) -> None:
    provenance = model.provenance
    assert set(provenance["licences"]) == {"CC BY 3.0"}
    assert {"NCI-ISBI 2013", "PROSTATEx-Seg-Zones"} <= set(provenance["datasets"])
    assert all("PROMISE12" not in name and "PI-CAI" not in name for name in provenance["datasets"])
    assert all(source["citation"] for source in provenance["sources"])
    evaluated = {"Prostate3T-01-0019", *(f"ProstateX-{number:04}" for number in (0, 1, 2, 3, 5, 227))}
    assert not evaluated & set(provenance["training_patients"])
    assert {"ProstateX-0104", "ProstateX-0107"} <= set(provenance["training_patients"])  # shapes of made images
    assert zonate.info()["shipped_model"]["terms_of_use"] is None


def test_it_is_calibrated_by_patients_that_its_folds_left_out(model: Model) -> None:
    assert model.calibration is not None
    assert model.calibration.about["split"] == "cross-validation"
    assert model.calibration.about["n_patients"] == 17
    assert 0 < model.calibration.doubtful_below < 1


def test_a_stored_study_gives_the_stored_zones() -> None:
    zones = zonate.predict(EXAMPLE / "study", settings=FAST).labels
    stored = read_volume(EXAMPLE / "zones.nii.gz")
    assert zones.grid.same_as(stored.grid)
    for code in (LabelCode.PZ, LabelCode.TZ):
        found, expected = zones.values == code, stored.values == code
        assert expected.sum() > 1000
        assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.99
    assert (zones.values != stored.values).mean() < 1e-3


@pytest.mark.skipif(not has_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16")
def test_bfloat16_moves_borders_by_less_than_a_voxel_in_a_hundred() -> None:
    near = zonate.predict(EXAMPLE / "study", settings=[*FAST, "prediction.precision=bf16-true"]).labels.values
    stored = read_volume(EXAMPLE / "zones.nii.gz").values
    for codes in ([LabelCode.PZ], [LabelCode.TZ], list(ALL_ZONE_CODES[1:])):
        found, expected = np.isin(near, codes), np.isin(stored, codes)
        assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.99


def test_dwi_and_adc_beside_t2w_change_no_zone(tmp_path: Path) -> None:
    """It learnt from T2W alone: the others are for measuring."""
    t2w = read_volume(EXAMPLE / "study" / "t2w.nii.gz")
    noise = np.random.default_rng(0).uniform(500, 2500, t2w.values.shape).astype(np.float32)
    for name, volume in (("t2w", t2w), ("dwi", t2w), ("adc", t2w.with_values(noise))):
        write_volume(tmp_path / "study" / f"{name}.nii.gz", volume)
    three = zonate.predict(tmp_path / "study", settings=FAST)
    stored = read_volume(EXAMPLE / "zones.nii.gz")
    assert (three.labels.values != stored.values).mean() < 1e-3
    assert three.not_validated == ("DPU", "AFS")
