from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from tests.dataset_factory import COARSE
from tests.model_factory import SETTINGS, STATISTICS, Fixed, a_model
from zonate import inference as of_one
from zonate.inference import Inference
from zonate.model import Model
from zonate.networks.dropout import dropping_out
from zonate.networks.generator import Generator
from zonate.zones import LabelCode


def probabilities(model: Model, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return Inference(model, images).probabilities()


class _Log(list[Tensor]):
    """What every copy of a network was shown."""

    def __deepcopy__(self, _memo: object) -> "_Log":
        return self


class _Bright(nn.Module):
    """PZ where T2W is above the mean of what is looked at; it keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = _Log()

    def forward(self, images: Tensor) -> Tensor:
        self.shown.append(images)
        logits = torch.zeros(images.shape[0], 5, *images.shape[-2:])
        logits[:, 0] = 3.0
        logits[:, 1] = 20 * images[:, 0]
        return logits


def test_the_sigmoid_head_is_scaled_to_sum_to_one() -> None:
    settings = SETTINGS.override(["network.head=sigmoid"])
    fixed = Fixed([0.2, 0.2, 0.2, 0.1, 0.1], [0.9, 0.9, 0.9, 0.9, 0.9], head="sigmoid")
    p = probabilities(replace(a_model(settings), generator=fixed), np.full((1, 3, 256, 256), 900, np.float32))
    assert p[0, :, 0, 0].tolist() == pytest.approx([1 / 5, 1 / 5, 3 / 5])


def test_mass_on_zones_that_nobody_annotated_is_divided_among_the_codes() -> None:
    model = replace(a_model(codes=COARSE[:2]), generator=Fixed([0.2, 0.2, 0.6, 0, 0], [0.3, 0.1, 0.6, 0, 0]))
    p = probabilities(model, np.full((1, 3, 256, 256), 900, np.float32))
    assert p[0, :, 0, 0].tolist() == pytest.approx([0.75, 0.25])


def test_channels_that_training_never_saw_are_not_looked_at() -> None:
    model = a_model()
    images = np.random.default_rng(0).normal(300, 100, (2, 3, 256, 256)).astype(np.float32)
    bare = images.copy()
    bare[:, 1:] = np.nan
    assert np.array_equal(probabilities(model, images), probabilities(model, bare))


def test_normalisation_by_volume_ignores_gain_and_offset() -> None:
    model = a_model(SETTINGS.override(["normalisation=volume"]))
    images = np.random.default_rng(0).normal(300, 100, (2, 3, 256, 256)).astype(np.float32)
    a, b = probabilities(model, images), probabilities(model, images * 2 + 50)
    assert a == pytest.approx(b, abs=1e-4)


def test_normalisation_by_region_ignores_what_lies_far_from_the_middle() -> None:
    network = _Bright()
    model = Model(network, SETTINGS.override(["normalisation=region"]), STATISTICS, COARSE, {})
    images = np.random.default_rng(0).normal(300, 100, (2, 3, 256, 256)).astype(np.float32)
    brighter = images.copy()
    brighter[..., :20, :] = 5000
    for each in (images, brighter):
        probabilities(model, each)
    first, second = network.shown
    assert torch.equal(first[..., 20:, :], second[..., 20:, :])
    assert not torch.equal(first, second)


def test_neighbours_are_shown_beside_each_slice() -> None:
    network = _Bright()
    model = Model(network, SETTINGS.override(["network.neighbours=1"]), STATISTICS, COARSE, {})
    images = np.random.default_rng(0).normal(300, 100, (3, 3, 256, 256)).astype(np.float32)
    probabilities(model, images)
    (shown,) = network.shown
    assert shown.shape == (3, 9, 256, 256)
    assert torch.equal(shown[0, 0:3], shown[0, 3:6])  # below the lowest lies itself
    assert torch.equal(shown[1, 6:9], shown[2, 3:6])
    assert not torch.equal(shown[1, 0:3], shown[1, 3:6])


class _Columns(nn.Module):
    """The more to the left of the slice, the more PZ."""

    def forward(self, images: Tensor) -> Tensor:
        b, _, h, w = images.shape
        logits = torch.zeros(b, 5, h, w)
        logits[:, 1] = torch.linspace(2, -2, w)
        return logits


def test_with_flips_the_sides_are_alike() -> None:
    images = np.full((1, 3, 256, 256), 300, np.float32)
    for flips in (False, True):
        settings = SETTINGS.override([f"prediction.flips={str(flips).lower()}"])
        p = probabilities(Model(_Columns(), settings, STATISTICS, COARSE, {}), images)[0, 1]
        assert np.allclose(p, p[:, ::-1], atol=1e-6) == flips
        assert p.mean() == pytest.approx(p[0].mean())


def test_the_second_pass_looks_at_a_patch_about_the_gland_alone() -> None:
    images = np.full((2, 3, 256, 256), 100, np.float32)
    images[:, 0, 150:190, 60:100] = 500
    images[:, 0, 20, 20] = 500  # a stray pixel far away
    settings = SETTINGS.override(["prediction.passes=2", "training.patch_px=64", "normalisation=volume"])
    network = _Bright()
    p = probabilities(Model(network, settings, STATISTICS, COARSE, {}), images)
    assert [batch.shape[-1] for batch in network.shown] == [256, 64]
    found = np.array(COARSE)[p.argmax(axis=1)] == LabelCode.PZ
    assert found[:, 150:190, 60:100].all()
    assert found.sum() == 2 * 40 * 40
    assert np.array_equal(p[:, 0, 20, 20], [1, 1])  # background outside the patch
    whole, patch = (float(batch[:, 0].max()) for batch in network.shown)
    assert whole == patch > 5  # by the whole volume both times, as in training


def test_a_prediction_without_a_gland_is_that_of_whole_slices() -> None:
    settings = SETTINGS.override(["prediction.passes=2", "training.patch_px=64"])
    network = _Bright()
    images = np.full((1, 3, 256, 256), 100, np.float32)
    p = probabilities(Model(network, settings, STATISTICS, COARSE, {}), images)
    assert [batch.shape[-1] for batch in network.shown] == [256, 256]
    assert (p.argmax(axis=1) == 0).all()


def test_prediction_is_repeatable_whatever_the_batch_size() -> None:
    images = np.random.default_rng(0).normal(300, 100, (3, 3, 256, 256)).astype(np.float32)
    model = a_model()
    first = probabilities(model, images)
    assert np.array_equal(first, probabilities(model, images))
    other = replace(model, settings=SETTINGS.override(["prediction.batch_size=1"]))
    assert first == pytest.approx(probabilities(other, images), abs=1e-5)


def test_sampling_turns_the_seeded_noise_on_and_leaves_no_trace() -> None:
    images = np.random.default_rng(0).normal(300, 100, (2, 3, 256, 256)).astype(np.float32)
    model = a_model(SETTINGS.override(["prediction.sampling=true"]))
    before = {name: value.clone() for name, value in model.generator.state_dict().items()}
    state = torch.get_rng_state()
    noisy = probabilities(model, images)
    assert np.array_equal(noisy, probabilities(model, images))
    other = replace(model, settings=model.settings.override(["prediction.seed=1"]))
    assert not np.array_equal(noisy, probabilities(other, images))
    still = replace(model, settings=SETTINGS)
    assert not np.array_equal(noisy, probabilities(still, images))
    assert all(torch.equal(value, before[name]) for name, value in model.generator.state_dict().items())
    assert all(m.track_running_stats for m in model.generator.modules() if isinstance(m, nn.BatchNorm2d))
    assert torch.equal(state, torch.get_rng_state())
    assert not model.generator.training


def test_no_global_generator_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeding the global ones reaches every GPU, also those on which somebody else trains."""

    def refuse(*_arguments: object, **_named: object) -> None:
        raise AssertionError("PyTorch's global generators are not this model's")

    noisy = a_model(SETTINGS.override(["prediction.sampling=true"]))
    monkeypatch.setattr(torch, "manual_seed", refuse)
    monkeypatch.setattr(torch.random, "fork_rng", refuse)
    inference = Inference(noisy, np.full((1, 3, 256, 256), 900, np.float32))
    assert inference.sample(0).shape == inference.probabilities().shape == (1, 3, 256, 256)


def test_a_prediction_that_fails_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(_network: Generator, _batch: Tensor) -> Tensor:
        raise RuntimeError("out of memory")

    for change in ("prediction.sampling=true", "prediction.sampling=false"):
        model = a_model(SETTINGS.override([change]))
        model.generator.train()
        monkeypatch.setattr(Generator, "until_dropout", out_of_memory)
        with pytest.raises(RuntimeError, match="out of memory"):
            probabilities(model, np.full((1, 3, 256, 256), 900, np.float32))
        assert all(module.training for module in model.generator.modules())
        assert all(m.track_running_stats for m in model.generator.modules() if isinstance(m, nn.BatchNorm2d))


def test_the_window_and_what_no_dropout_changes_are_worked_out_once() -> None:
    images = np.full((2, 3, 256, 256), 100, np.float32)
    images[:, 0, 150:190, 60:100] = 500
    network = _Bright()
    settings = SETTINGS.override(["prediction.passes=2", "training.patch_px=64", "prediction.flips=true"])
    inference = Inference(Model(network, settings, STATISTICS, COARSE, {}), images)
    inference.probabilities()
    inference.sample(1)
    inference.sample(2)
    assert [batch.shape[-1] for batch in network.shown] == [256, 64, 64, 64, 64]


def test_features_that_are_too_large_to_keep_are_worked_out_again_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At 4 base channels a slice has 4 · 128² + 8 · 64² + … + 32 · 1² = 125600 features of 4 bytes.

    Where they are too large, those of the first slice are worked out once more, to see so.
    """
    images = np.random.default_rng(0).normal(300, 100, (3, 3, 256, 256)).astype(np.float32)
    model = a_model(SETTINGS.override(["prediction.batch_size=1"]))
    worked_out = 0
    until_dropout = Generator.until_dropout

    def counted(network: Generator, batch: Tensor) -> list[Tensor]:
        nonlocal worked_out
        worked_out += 1
        return until_dropout(network, batch)

    monkeypatch.setattr(Generator, "until_dropout", counted)
    found = {}
    for kept_bytes, times in ((3 * 125600 * 4, 3), (3 * 125600 * 4 - 1, 10)):
        monkeypatch.setattr(of_one, "KEPT_BYTES", kept_bytes)
        worked_out = 0
        inference = Inference(model, images, sampled=True)
        found[kept_bytes] = [inference.probabilities(), inference.sample(1), inference.sample(2)]
        assert worked_out == times
    kept, anew = found.values()
    assert all(np.array_equal(a, b) for a, b in zip(kept, anew, strict=True))
    assert not np.array_equal(kept[1], kept[2])


@pytest.mark.parametrize("changes", [["prediction.sampling=true"], ["prediction.flips=true"]])
def test_what_is_kept_for_the_samples_does_not_change_the_result(changes: list[str]) -> None:
    images = np.random.default_rng(0).normal(300, 100, (2, 3, 256, 256)).astype(np.float32)
    model = a_model(SETTINGS.override(changes))
    before, after = Inference(model, images, sampled=True), Inference(model, images, sampled=True)
    after.sample(1)
    assert np.array_equal(before.probabilities(), after.probabilities())
    assert np.array_equal(before.sample(1), after.sample(1))


def test_a_sample_is_what_the_whole_network_gives_with_the_same_masks() -> None:
    images = np.random.default_rng(0).normal(300, 100, (2, 3, 256, 256)).astype(np.float32)
    model = a_model()
    inference = Inference(model, images, sampled=True)
    inference.sample(3)
    found = inference.sample(7)
    shown = np.zeros_like(images)
    shown[:, 0] = (images[:, 0] - 300) / 150
    with torch.inference_mode(), dropping_out(model.generator, 7, alike=True):
        p = model.generator(torch.from_numpy(shown)).softmax(dim=1).numpy()
    central = p[:, 2] + p[:, 3] + p[:, 4]
    assert found == pytest.approx(np.stack([p[:, 0], p[:, 1], central], axis=1), abs=1e-5)


def test_bfloat16_gives_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zonate.networks.precision.has_bfloat16", lambda _: True)  # imitated, where it is not
    images = np.random.default_rng(0).normal(300, 100, (1, 3, 256, 256)).astype(np.float32)
    model = a_model()
    quick = replace(model, settings=SETTINGS.override(["prediction.precision=bf16-true"]))
    exact, near = probabilities(model, images), probabilities(quick, images)
    assert not np.array_equal(exact, near)
    assert near == pytest.approx(exact, abs=0.02)
