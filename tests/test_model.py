import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from tests.dataset_factory import COARSE, a_case
from tests.model_factory import PROVENANCE, SETTINGS, STATISTICS, Fixed, a_model
from zonate.errors import ConfigError, ModelError
from zonate.geometry import Grid, Volume
from zonate.io.weights import read_weights, write_weights
from zonate.measures.calibration import Calibration, MonotoneMap
from zonate.model import FORMAT, FORMAT_VERSION, Model
from zonate.preprocessing.slices import slice_case
from zonate.settings.data import SlicingSettings
from zonate.zones import ALL_ZONE_CODES, LabelCode


def test_a_file_rebuilds_its_own_model(tmp_path: Path) -> None:
    model, case = a_model(), a_case("c", seed=0)
    model.save(tmp_path / "run" / "best.safetensors")
    for path in (tmp_path / "run", tmp_path / "run" / "best.safetensors"):
        again = Model.load(path)
        assert again.settings == SETTINGS
        assert again.statistics == STATISTICS
        assert again.codes == COARSE
        assert again.channels == (True, False, False)
        assert again.provenance == PROVENANCE
        assert not again.generator.training
        slices = slice_case(case, SETTINGS.slicing)
        assert np.array_equal(again.segment(slices).probabilities, model.segment(slices).probabilities)


def test_a_file_whose_parts_do_not_fit_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    a_model().save(file)
    tensors, about = read_weights(file, kind=FORMAT, version=FORMAT_VERSION)

    def refused(why: str, **changes: object) -> None:
        write_weights(file, tensors, about | changes, kind=FORMAT, version=FORMAT_VERSION)
        with pytest.raises(ModelError) as caught:
            Model.load(file)
        assert f"{file} does not hold together: {why}" in str(caught.value)
        assert str(caught.value).endswith(". It is damaged, train or fetch it again")

    refused("'PROSTATE' is missing or unknown", codes=["PROSTATE"])
    refused("unknown: Extra inputs are not permitted", settings=about["settings"] | {"unknown": 1})
    refused("'mean' is missing or unknown", statistics={})
    wider = about["settings"]["network"] | {"base_channels": 8}
    refused("size mismatch for ", settings=about["settings"] | {"network": wider})
    tensors = {name: value for name, value in tensors.items() if name != "last.bias"}
    refused('Missing key(s) in state_dict: "last.bias"')


def test_a_model_of_a_newer_zonate_asks_for_an_update(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    a_model().save(file)
    tensors, about = read_weights(file, kind=FORMAT, version=FORMAT_VERSION)
    newer = about | {"settings": about["settings"] | {"fancy": 1}, "zonate_version": "100.10"}
    write_weights(file, tensors, newer, kind=FORMAT, version=FORMAT_VERSION)
    with pytest.raises(ModelError, match=r"fancy: Extra inputs .* by Zonate 100\.10, newer than .*: update Zonate$"):
        Model.load(file)


def test_a_network_whose_library_is_missing_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "m.safetensors"
    replace(a_model(), settings=SETTINGS.override(["network.architecture=dynunet"])).save(file)
    monkeypatch.setitem(sys.modules, "monai.networks", None)
    with pytest.raises(ConfigError, match=r"pip install zonate\[monai\]"):
        Model.load(file)


def test_there_being_no_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no zonate-model at .*best\.safetensors"):
        Model.load(tmp_path)


def test_probabilities_are_summed_over_codes_and_the_largest_sum_wins() -> None:
    # PZ is the likeliest zone, but the three zones of the central gland are together likelier
    model = replace(a_model(), generator=Fixed([0.9, 0.1, 0, 0, 0], [0.1, 0.4, 0.2, 0.2, 0.1]))
    zones = model.segment(slice_case(a_case("c", seed=0), SETTINGS.slicing))
    bright = zones.labels.values[0, 128, 128]
    assert bright == LabelCode.CENTRAL_GLAND
    assert zones.probabilities[:, 0, 128, 128].tolist() == pytest.approx([0.1, 0.4, 0.5])
    assert zones.labels.values[0, 5, 5] == LabelCode.BACKGROUND
    full = replace(model, codes=ALL_ZONE_CODES).segment(slice_case(a_case("c", seed=0), SETTINGS.slicing))
    assert full.labels.values[0, 128, 128] == LabelCode.PZ


def test_the_gland_may_be_wherever_the_background_is_improbable() -> None:
    # The background is likeliest, but the gland is likelier than 0.4; within it PZ is
    model = replace(a_model(), generator=Fixed([0.9, 0.1, 0, 0, 0], [0.5, 0.3, 0.1, 0.05, 0.05]))
    slices = slice_case(a_case("c", seed=0), SETTINGS.slicing)
    for below, bright in ((None, 0), (0.45, 0), (0.55, int(LabelCode.PZ))):
        said = "none" if below is None else str(below)
        settings = model.settings.override([f"prediction.background_below={said}"])
        labels = replace(model, settings=settings).segment(slices).labels.values
        assert labels[0, 128, 128] == bright
        assert labels[0, 5, 5] == LabelCode.BACKGROUND


def test_zones_lie_on_the_original_grid_with_background_outside_the_slices() -> None:
    case = a_case("c", seed=0, size=320)
    shape = case.t2w.grid.shape
    flipped = Grid(shape, case.t2w.grid.affine @ np.diag([-1.0, 1.0, 1.0, 1.0]))  # slices from superior to inferior
    case = replace(case, t2w=Volume(case.t2w.values, flipped), labels=None)
    model = replace(a_model(), generator=Fixed([0.9, 0.1, 0, 0, 0], [0.1, 0.4, 0.2, 0.2, 0.1]))
    zones = model.segment(slice_case(case, SETTINGS.slicing))
    assert zones.labels.grid.same_as(case.t2w.grid)
    assert zones.labels.values.dtype == np.uint8
    assert zones.probabilities.shape == (3, *shape)
    inside = zones.labels.values[:, 32:288, 32:288]
    bright = case.t2w.values[:, 32:288, 32:288] > STATISTICS.mean[0]
    assert np.array_equal(inside == LabelCode.CENTRAL_GLAND, bright)
    edge = np.ones(shape, dtype=bool)
    edge[:, 32:288, 32:288] = False
    assert (zones.labels.values[edge] == LabelCode.BACKGROUND).all()
    assert (zones.probabilities[0][edge] == 1).all()
    assert zones.probabilities.sum(axis=0) == pytest.approx(1.0, abs=1e-5)


def test_slices_cut_another_way_are_refused() -> None:
    slices = slice_case(a_case("c", seed=0), SlicingSettings(spacing_mm=0.6))
    with pytest.raises(
        ModelError, match=r"case c: slices of 256 px at 0\.6 mm, but the model learnt from 256 px at 0\.5"
    ):
        a_model().segment(slices)


def _samples(model: Model, number: int) -> list[npt.NDArray[np.float32]]:
    slices = slice_case(a_case("c", seed=0), model.settings.slicing)
    return [zones.probabilities for zones in model.begin(slices).samples(number)]


def test_samples_differ_from_each_other_and_from_the_result() -> None:
    model = a_model()
    slices = slice_case(a_case("c", seed=0), SETTINGS.slicing)
    first, second = model.begin(slices).samples(2)
    assert first.labels.grid.same_as(slices.original)
    assert first.codes == COARSE
    assert not np.array_equal(first.probabilities, second.probabilities)
    assert not np.array_equal(first.probabilities, model.segment(slices).probabilities)


def test_a_sample_follows_from_seed_and_number_alone() -> None:
    model = a_model()
    many = _samples(model, 3)
    assert all(np.array_equal(a, b) for a, b in zip(many, _samples(model, 2), strict=False))
    for change in ("prediction.batch_size=1", "prediction.sampling=true"):
        other = replace(model, settings=SETTINGS.override([change]))
        assert np.array_equal(many[0], _samples(other, 1)[0])
    seeded = replace(model, settings=SETTINGS.override(["prediction.seed=1"]))
    assert not np.array_equal(many[0], _samples(seeded, 1)[0])


def test_a_sample_is_one_network_for_all_slices() -> None:
    """The same slice three times gives the same zones three times, in one batch as in three."""
    case = a_case("c", seed=0)
    thrice = Volume(np.repeat(case.t2w.values[:1], 3, axis=0), replace(case.t2w.grid, shape=(3, 256, 256)))
    slices = slice_case(replace(case, t2w=thrice, labels=None), SETTINGS.slicing)
    for batch_size in (1, 2, 8):
        model = replace(a_model(), settings=SETTINGS.override([f"prediction.batch_size={batch_size}"]))
        sample = next(iter(model.begin(slices).samples(1)))
        for s in (1, 2):
            assert np.array_equal(sample.probabilities[:, 0], sample.probabilities[:, s])


def test_sampling_leaves_no_trace_even_where_it_is_broken_off() -> None:
    model = a_model()
    model.generator.train()
    norms = [module for module in model.generator.modules() if isinstance(module, nn.BatchNorm2d)]
    norms[0].eval()
    modes = [module.training for module in model.generator.modules()]
    before = {name: value.clone() for name, value in model.generator.state_dict().items()}
    state = torch.get_rng_state()
    drawing = iter(model.begin(slice_case(a_case("c", seed=0), SETTINGS.slicing)).samples(3))
    next(drawing)
    assert torch.equal(state, torch.get_rng_state())
    assert [module.training for module in model.generator.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.generator.state_dict().items())


def test_without_dropout_there_are_no_samples() -> None:
    model = a_model(SETTINGS.override(["network.dropout=0"]))
    slices = slice_case(a_case("c", seed=0), SETTINGS.slicing)
    assert not model.can_sample
    with pytest.raises(ModelError, match="no dropout"):
        model.begin(slices).samples(2)
    assert a_model().can_sample
    with pytest.raises(ValueError, match="at least one sample"):
        a_model().begin(slices).samples(0)
    with pytest.raises(ModelError, match="slice it with the model's settings"):
        a_model().begin(slice_case(a_case("c", seed=0), SlicingSettings(spacing_mm=0.6))).samples(1)


def test_a_file_carries_its_calibration(tmp_path: Path) -> None:
    calibration = Calibration(
        {"GLAND": MonotoneMap((0.8, 0.9), (0.3, 0.7))}, 0.6, {"GLAND": (1.2, 1.0)}, {"n_patients": 3}
    )
    replace(a_model(), calibration=calibration).save(tmp_path / "m.safetensors")
    assert Model.load(tmp_path / "m.safetensors").calibration == calibration
    a_model().save(tmp_path / "older.safetensors")
    assert Model.load(tmp_path / "older.safetensors").calibration is None
    tensors, about = read_weights(tmp_path / "m.safetensors", kind=FORMAT, version=FORMAT_VERSION)
    falling = {"GLAND": {"scores": [2, 1], "dice": [0, 1]}}
    without_gland = {"PZ": about["calibration"]["maps"]["GLAND"]}
    damages: list[object] = [{}, [], *(about["calibration"] | {"maps": maps} for maps in ({}, falling, without_gland))]
    for damaged in damages:
        changed = about | {"calibration": damaged}
        write_weights(tmp_path / "m.safetensors", tensors, changed, kind=FORMAT, version=FORMAT_VERSION)
        with pytest.raises(ModelError, match="does not hold together"):
            Model.load(tmp_path / "m.safetensors")


def test_a_result_is_repaired_as_the_setting_asks() -> None:
    images = np.full((2, 3, 256, 256), 100, np.float32)
    images[:, 0, 150:190, 60:100] = 500
    images[:, 0, 20, 20] = 500
    case = a_case("c", seed=0)
    slices = replace(slice_case(case, SETTINGS.slicing), images=images)
    for how, expected in (("none", 2 * 1600 + 2), ("largest_component", 2 * 1600)):
        settings = SETTINGS.override([f"prediction.clean_up={how}", "normalisation=volume"])
        zones = Model(
            Fixed([0.9, 0.1, 0, 0, 0], [0.1, 0.9, 0, 0, 0]), settings, STATISTICS, COARSE, {}
        ).segment_and_clean_up(slices)
        assert (zones.labels.values != 0).sum() == expected
