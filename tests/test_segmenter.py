"""A case through a network with dropout: what the samples say of the result, without a stand-in."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch

from tests.dataset_factory import COARSE, a_case
from zonate import doubt
from zonate.config import Settings
from zonate.inference import Inference
from zonate.model import Model
from zonate.networks.generator import Generator
from zonate.plausibility import Implausibility
from zonate.preprocessing.slices import Slices, slice_case
from zonate.preprocessing.statistics import Statistics
from zonate.segmenter import Segmenter
from zonate.window import Window
from zonate.zonemap import ZoneMap

CASE = a_case("c", seed=1, slices=3, size=300)  # the network sees the 256 × 256 pixels in its middle
EDGE = (300 - 256) // 2


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network whose zones dropout changes."""
    settings = Settings().override(
        ["network.base_channels=4", "network.init_std=0.2", "prediction.samples=4", "prediction.batch_size=2"]
    )
    torch.manual_seed(0)
    statistics = Statistics((300.0, 0.0, 0.0), (150.0, 1.0, 1.0))
    model = Model(Generator(settings.network), settings, statistics, COARSE, {}, (True, False, False))
    path = tmp_path_factory.mktemp("segment") / "model.safetensors"
    model.save(path)
    return path


def segmented(file: Path, *changes: str) -> ZoneMap:
    return Segmenter.load(file, changes).segment(CASE)


def test_what_the_samples_say(file: Path) -> None:
    zones = segmented(file)
    samples = list(Model.load(file).begin(slice_case(CASE, Settings().slicing)).samples(4))
    found = zones.uncertainty
    assert found is not None
    assert found.samples == 4
    gland, drawn = zones.labels.values > 0, [sample.labels.values > 0 for sample in samples]
    dice = [2 * int((gland & one).sum()) / (int(gland.sum()) + int(one.sum())) for one in drawn]
    assert found.agreement["GLAND"] == pytest.approx(fmean(dice))
    assert 0.5 < found.agreement["GLAND"] < 0.95
    assert len(set(dice)) == 4
    volumes = [int(one.sum()) * 0.00075 for one in (gland, *drawn)]  # voxels of 0.5 × 0.5 × 3 mm
    low, high = found.range_ml["GLAND"]
    assert min(volumes) - 1e-9 <= low <= volumes[0] + 1e-9
    assert volumes[0] - 1e-9 <= high <= max(volumes) + 1e-9
    assert low < high
    assert set(found.range_ml) == set(found.agreement) == {"PZ", "CENTRAL_GLAND", "GLAND"}
    assert (found.interval_ml, found.expected_dice, found.calibrated) == ({}, {}, False)
    assert found.doubtful
    assert zones.doubt == found.reason
    assert f"by a Dice of {fmean(dice):.2f} only" in zones.doubt


def test_the_entropy_is_that_of_the_mean_of_the_samples(file: Path) -> None:
    """Nothing where the network does not look; between 0 and ln 3 where it does, and most where codes are alike."""
    entropy = segmented(file).sample_entropy
    assert entropy is not None
    assert entropy.shape == (3, 300, 300)
    assert entropy.dtype == np.float32
    seen = np.zeros(entropy.shape, dtype=np.bool_)
    seen[:, EDGE:-EDGE, EDGE:-EDGE] = True
    assert not entropy[~seen].any()
    assert entropy.min() >= 0
    assert entropy.max() <= math.log(3) + 1e-6
    samples = Model.load(file).begin(slice_case(CASE, Settings().slicing)).samples(4)
    mean = np.mean([sample.probabilities for sample in samples], axis=0)
    row, column = np.unravel_index(int(entropy[1].argmax()), entropy.shape[1:])
    p = [float(one) for one in mean[:, 1, row, column]]
    assert sum(p) == pytest.approx(1.0, abs=1e-5)
    assert entropy[1, row, column] == pytest.approx(-sum(one * math.log(one) for one in p), abs=1e-5)
    assert entropy[1, row, column] > math.log(2)


def test_the_same_case_gives_the_same_whatever_else_is_drawn(file: Path) -> None:
    first = segmented(file)
    torch.rand(7)
    for zones in (segmented(file), segmented(file, "prediction.batch_size=1")):
        assert zones.uncertainty == first.uncertainty
        assert zones.sample_entropy is not None
        assert first.sample_entropy is not None
        assert np.array_equal(zones.sample_entropy, first.sample_entropy)
    other = segmented(file, "prediction.seed=1")
    assert np.array_equal(other.labels.values, first.labels.values)
    assert other.uncertainty != first.uncertainty


def test_what_the_model_calls_not_validated_goes_with_the_zones(file: Path, tmp_path: Path) -> None:
    assert segmented(file, "prediction.samples=0").not_validated == ()
    model = Model.load(file)
    replace(model, provenance={"not_validated": ["AFS", "CENTRAL_GLAND"]}).save(tmp_path / "m.safetensors")
    assert segmented(tmp_path / "m.safetensors", "prediction.samples=0").not_validated == ("CENTRAL_GLAND",)


def test_what_is_absent_is_told_of_a_model_that_looks_at_it(file: Path, tmp_path: Path) -> None:
    case = replace(CASE, warnings=("DWI and ADC are absent", "the table moved"))
    alone = Segmenter.load(file, ["prediction.samples=0"]).segment(case).warnings
    assert "the table moved" in alone
    assert not any("absent" in text for text in alone)
    replace(Model.load(file), channels=(True, False, True)).save(tmp_path / "m.safetensors")
    told = Segmenter.load(tmp_path / "m.safetensors", ["prediction.samples=0"]).segment(case).warnings
    assert "the table moved" in told
    assert [text for text in told if "absent" in text] == [
        "ADC is absent, and the model learnt with it: it saw its mean everywhere in place of it"
    ]


def test_without_samples_that_is_said(file: Path) -> None:
    zones = segmented(file, "prediction.samples=0")
    assert zones.uncertainty is None
    assert zones.sample_entropy is None
    assert zones.warnings[-1].startswith("no samples were drawn")


def test_whether_the_gland_is_cut_is_asked_of_what_the_second_pass_saw(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Window | None] = []

    def nothing_odd(_zones: ZoneMap, _slices: Slices, window: Window | None) -> tuple[Implausibility, ...]:
        asked.append(window)
        return ()

    monkeypatch.setattr(doubt, "implausibilities", nothing_odd)
    monkeypatch.setattr(Inference, "window", Window(row=0, column=0, size_px=256))
    segmented(file, "prediction.samples=0")
    assert asked == [Window(row=0, column=0, size_px=256)]
