import numpy as np
import pytest
import torch

from benchmarks.accuracy.methods import OVERLAP_LOSS
from benchmarks.accuracy.volumetric import VolumetricModel, untrained, validate
from tests.benchmarks.accuracy.toy import SETTINGS
from tests.dataset_factory import COARSE, a_dataset
from zonate.dataset.store import Dataset

STACKS = SETTINGS.override([*OVERLAP_LOSS, "network.base_channels=2", "prediction.flips=true"])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(a_dataset(tmp_path_factory.mktemp("data") / "set", slices=3, settings=STACKS))


@pytest.fixture(scope="module")
def model(dataset: Dataset) -> VolumetricModel:
    torch.manual_seed(0)
    return untrained(dataset, STACKS)


def test_it_says_what_it_learnt_from(dataset: Dataset, model: VolumetricModel) -> None:
    assert (model.codes, model.channels) == (COARSE, (True, False, False))
    assert model.settings.slicing == dataset.slicing
    assert model.provenance["training_patients"] == ["patient0", "patient1"]
    assert model.provenance["validation_patients"] == ["patient2"]
    assert len(model.provenance["images_sha256"]) == 3


def test_three_slices_have_probabilities_though_the_network_halves_four(
    dataset: Dataset, model: VolumetricModel
) -> None:
    p = model.slice_probabilities(dataset.slices("case0").images)
    assert p.shape == (3, len(COARSE), 128, 128)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def test_a_mirror_image_has_the_mirror_image_s_zones(dataset: Dataset, model: VolumetricModel) -> None:
    images = dataset.slices("case0").images
    mirrored = model.slice_probabilities(np.ascontiguousarray(images[..., ::-1]))
    np.testing.assert_allclose(mirrored[..., ::-1], model.slice_probabilities(images), atol=1e-4)


def test_it_is_validated_in_what_the_validation_patients_were_drawn_in(
    dataset: Dataset, model: VolumetricModel
) -> None:
    dice = validate(model, dataset)
    assert sorted(dice) == ["CENTRAL_GLAND", "GLAND", "PZ"]
    assert all(0 <= value <= 1 for value in dice.values())


def test_a_result_lies_on_the_t2w_s_grid(dataset: Dataset, model: VolumetricModel) -> None:
    slices = dataset.slices("case0")
    zones = model.segment(slices)
    assert zones.labels.grid.same_as(slices.original)
    assert np.isin(zones.labels.values, COARSE).all()
