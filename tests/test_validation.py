from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from tests.dataset_factory import COARSE, a_dataset
from zonate.config import Settings
from zonate.dataset.store import Dataset
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.preprocessing.statistics import Statistics
from zonate.validation import (
    CaseDice,
    compared_structures,
    held_structures,
    mean_dice,
    structure_dices,
    validate,
)
from zonate.zones import ALL_ZONE_CODES, LabelCode

SETTINGS = Settings().override(["network.base_channels=4"])


class _Says(Model):
    """A model that has drawn the same labels on every slice."""

    drawn: npt.NDArray[np.uint8]

    def slice_probabilities(
        self, images: npt.NDArray[np.float32], *, device: str | None = None
    ) -> npt.NDArray[np.float32]:
        del device
        hot = np.stack([self.drawn == code for code in self.codes]).astype(np.float32)  # (codes, H, W)
        return np.repeat(hot[None], len(images), axis=0)


def _model(drawn: npt.NDArray[np.uint8], codes: tuple[LabelCode, ...] = COARSE) -> Model:
    statistics = Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    model = _Says(Generator(SETTINGS.network), SETTINGS, statistics, codes, {})
    object.__setattr__(model, "drawn", drawn)
    return model


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(a_dataset(tmp_path_factory.mktemp("data") / "set"))


def test_a_perfect_prediction_scores_one_at_the_references_level(dataset: Dataset) -> None:
    labels = dataset.slice("case2", 0)[1]
    (case,) = validate(_model(labels), dataset, dataset.split("validation"))
    assert (case.case_id, case.patient_id) == ("case2", "patient2")
    assert case.dice == {"PZ": 1.0, "CENTRAL_GLAND": 1.0, "GLAND": 1.0}
    assert case.held == ("PZ", "CENTRAL_GLAND", "GLAND")
    assert np.array_equal(case.prediction.values, case.reference.values)


def test_dice_counts_pixels_in_3d(dataset: Dataset) -> None:
    labels = dataset.slice("case2", 0)[1]
    drawn = np.where(labels == LabelCode.PZ, LabelCode.CENTRAL_GLAND, labels).astype(np.uint8)
    (case,) = validate(_model(drawn), dataset, dataset.split("validation"))
    pz, central = int((labels == 1).sum()), int((labels == 5).sum())
    assert case.dice["PZ"] == 0
    assert case.dice["CENTRAL_GLAND"] == pytest.approx(2 * central / (central + central + pz))
    assert case.dice["GLAND"] == 1


def test_a_finer_model_is_compared_at_the_references_level(dataset: Dataset) -> None:
    labels = dataset.slice("case2", 0)[1]
    finer = np.where(labels == LabelCode.CENTRAL_GLAND, LabelCode.TZ, labels).astype(np.uint8)
    (case,) = validate(_model(finer, ALL_ZONE_CODES), dataset, dataset.split("validation"))
    assert case.dice == {"PZ": 1.0, "CENTRAL_GLAND": 1.0, "GLAND": 1.0}


def test_which_structures_are_compared() -> None:
    coarse = [LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND]
    assert compared_structures(ALL_ZONE_CODES, ALL_ZONE_CODES) == ["PZ", "TZ", "DPU", "AFS", "GLAND"]
    assert compared_structures(COARSE, ALL_ZONE_CODES) == ["PZ", "CENTRAL_GLAND", "GLAND"]
    assert compared_structures(ALL_ZONE_CODES, COARSE) == ["PZ", "GLAND"]
    assert compared_structures(coarse, COARSE) == ["GLAND"]
    urethra_within = [LabelCode(code) for code in (0, 1, 2, 4, 5)]
    assert compared_structures(urethra_within, COARSE) == ["PZ", "CENTRAL_GLAND", "GLAND"]
    assert compared_structures(urethra_within, ALL_ZONE_CODES) == ["PZ", "CENTRAL_GLAND", "GLAND"]
    assert compared_structures([LabelCode(code) for code in (0, 1, 6)], ALL_ZONE_CODES) == ["GLAND"]


def test_pixels_that_nobody_annotated_do_not_count(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    slices = dataset.slices("case2")
    assert slices.labels is not None
    labels = slices.labels.copy()
    labels[:, :128] = LabelCode.NOT_ANNOTATED
    monkeypatch.setattr(dataset, "slices", lambda _: replace(slices, labels=labels))
    drawn = np.full((256, 256), LabelCode.CENTRAL_GLAND, dtype=np.uint8)
    drawn[128:] = slices.labels[0, 128:]
    (case,) = validate(_model(drawn), dataset, dataset.split("validation"))
    assert case.held == ("PZ", "GLAND")
    assert case.dice == {"PZ": 1.0, "GLAND": 1.0}  # no central gland on either side: it has no Dice


def test_the_mean_is_over_the_patients_who_have_a_dice() -> None:
    found = [CaseDice("a", {"PZ": 0.5, "GLAND": 1.0}, ("PZ", "GLAND")), CaseDice("b", {"PZ": 0.7}, ("PZ",))]
    assert mean_dice(found) == pytest.approx({"PZ": 0.6, "GLAND": 1.0})
    assert mean_dice([]) == {}


def test_a_stray_pixel_does_not_change_what_the_mean_is_of() -> None:
    """A structure that no reference holds is none to choose by, whatever a model draws."""
    clean = [CaseDice("a", {"PZ": 0.8, "GLAND": 1.0}, ("PZ", "GLAND"))]
    stray = [CaseDice("a", {"PZ": 0.8, "DPU": 0.0, "GLAND": 1.0}, ("PZ", "GLAND"))]
    assert mean_dice(clean) == mean_dice(stray) == {"PZ": 0.8, "GLAND": 1.0}
    elsewhere = CaseDice("b", {"PZ": 0.6, "DPU": 0.5, "GLAND": 1.0}, ("PZ", "DPU", "GLAND"))
    assert mean_dice([*stray, elsewhere]) == pytest.approx({"PZ": 0.7, "DPU": 0.25, "GLAND": 1.0})


def test_a_patient_who_was_read_twice_counts_once() -> None:
    found = [
        CaseDice("a", {"PZ": 0.4}, ("PZ",)),
        CaseDice("b", {"PZ": 0.9, "TZ": 0.5}, ("PZ", "TZ")),
        CaseDice("a", {"PZ": 0.6}, ("PZ",)),
    ]
    assert mean_dice(found) == pytest.approx({"PZ": 0.7, "TZ": 0.5})


def test_dice_is_that_of_where_the_reference_says() -> None:
    """PZ: A 3, B 2 of those that are annotated, 2 shared; of the central gland all is elsewhere; no AFS in either."""
    reference = np.array([[[1, 1, 1, 5, 0, 255, 6]]], dtype=np.uint8)
    prediction = np.array([[[1, 1, 0, 0, 0, 1, 1]]], dtype=np.uint8)
    assert structure_dices(reference, prediction, ["PZ", "CENTRAL_GLAND", "AFS"]) == {"PZ": 0.8, "CENTRAL_GLAND": 0.0}
    dices = structure_dices(reference, prediction, ["GLAND", "AFS"])
    assert dices == {"GLAND": pytest.approx(2 * 3 / (5 + 3))}


def test_a_reference_holds_what_it_draws_a_part_of() -> None:
    reference = np.array([[[0, 1, 5, 255, 6]]], dtype=np.uint8)
    names = ["PZ", "TZ", "AFS", "CENTRAL_GLAND", "GLAND"]
    assert held_structures(reference, names) == ("PZ", "CENTRAL_GLAND", "GLAND")
