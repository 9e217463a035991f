from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import pytest

from tests.verbs.standins import GRID, gland
from zonate.config import Settings
from zonate.doubt import with_uncertainty
from zonate.geometry import Volume
from zonate.measures.calibration import Calibration, MonotoneMap
from zonate.model import Segmentation
from zonate.zonemap import ZoneMap
from zonate.zones import ALL_ZONE_CODES, LabelCode

CALIBRATION = Calibration({"GLAND": MonotoneMap((0.8, 1.0), (0.4, 0.9))}, 0.7, {"GLAND": (2.0, 1.5)})


def zone_map(labels: Volume) -> ZoneMap:
    p = np.stack([labels.values == code for code in ALL_ZONE_CODES]).astype(np.float32)
    return ZoneMap(labels, ALL_ZONE_CODES, p)


@dataclass
class Sampler:
    """The parts of `Segmentation` and `Model` that are asked; a sample is the gland, moved by some of its 40 pixels."""

    shifts: tuple[int, ...]
    calibration: Calibration | None = None
    settings: Settings = field(default_factory=Settings)
    stray: bool = False

    @property
    def model(self) -> "Sampler":
        return self

    def samples(self, samples: int) -> Iterator[ZoneMap]:
        for shift in self.shifts[:samples]:
            labels = gland(shift)
            if self.stray:
                labels.values[1, 0, 0] = LabelCode.TZ
            yield zone_map(labels)


def judged(sampler: Sampler, *disqualifying: str) -> ZoneMap:
    return with_uncertainty(cast("Segmentation", sampler), zone_map(gland()), len(sampler.shifts), disqualifying)


def test_samples_that_agree() -> None:
    found = judged(Sampler((0, 0, 0)))
    assert found.uncertainty is not None
    assert found.uncertainty.agreement["GLAND"] == 1.0
    assert found.uncertainty.expected_dice == {}
    assert found.uncertainty.interval_ml == {}
    assert found.uncertainty.range_ml["GLAND"] == pytest.approx((7.2, 7.2))
    assert found.uncertainty.shown_ml == found.uncertainty.range_ml
    assert found.uncertainty.samples == 3
    assert not found.uncertainty.calibrated
    assert not found.uncertainty.doubtful
    assert found.sample_entropy is not None
    assert not found.sample_entropy.any()


def test_the_result_itself_stays_as_it_was() -> None:
    found = judged(Sampler((4, 8)))
    assert np.array_equal(found.labels.values, gland().values)
    assert replace(found, uncertainty=None, sample_entropy=None).codes == ALL_ZONE_CODES


def test_samples_that_do_not_agree_make_an_uncalibrated_result_doubtful() -> None:
    """Moved by 4 of 40 pixels: Dice 0.9; by 8: 0.8."""
    found = judged(Sampler((4, 8))).uncertainty
    assert found is not None
    assert found.agreement["GLAND"] == pytest.approx(0.85)
    assert found.doubtful
    assert found.reason == "the model's samples agree with the result in the gland by a Dice of 0.85 only"
    fine = judged(Sampler((0, 2))).uncertainty
    assert fine is not None
    assert not fine.doubtful


def test_the_entropy_is_that_of_the_mean_of_the_samples() -> None:
    found = judged(Sampler((0, 4)))
    assert found.sample_entropy is not None
    assert found.sample_entropy.shape == GRID.shape
    assert found.sample_entropy[3, 50, 21] == pytest.approx(np.log(2))  # PZ in one sample, background in the other
    assert found.sample_entropy[3, 50, 40] == 0.0


def test_a_calibrated_model_says_what_readers_gave() -> None:
    """Agreement 0.95 stands for 0.775, 0.9 for 0.65."""
    fine = judged(Sampler((0, 4), CALIBRATION)).uncertainty
    assert fine is not None
    assert fine.calibrated
    assert fine.expected_dice == {"GLAND": pytest.approx(0.775)}
    assert fine.interval_ml["GLAND"] == pytest.approx((3.6, 10.8))
    assert fine.range_ml["PZ"] == pytest.approx((2.88, 2.88))
    assert "PZ" not in fine.shown_ml
    assert not fine.doubtful
    poor = judged(Sampler((4, 4), CALIBRATION)).uncertainty
    assert poor is not None
    assert poor.doubtful
    assert poor.reason == "the gland is expected to agree with a reader by a Dice of 0.65 only"
    assert poor.interval_ml == {}  # it was learnt from results that were not doubtful


def test_a_zone_that_is_expected_to_be_poor_is_warned_of_though_the_gland_is_not() -> None:
    """The agreement of PZ is 0.9 on average, which stands for 0.6 here."""
    learnt = replace(CALIBRATION, maps={**CALIBRATION.maps, "PZ": MonotoneMap((0.0, 1.0), (0.6, 0.6))})
    found = judged(Sampler((0, 4), learnt))
    assert found.uncertainty is not None
    assert not found.uncertainty.doubtful
    assert found.warnings == (
        "the peripheral zone is expected to agree with a reader by a Dice of 0.60 only: check it, and what is measured "
        "on it",
    )
    assert judged(Sampler((4, 4), learnt)).warnings == ()  # the doubt says more


def test_a_calibration_of_another_sampling_is_not_used_and_that_is_said() -> None:
    learnt = replace(CALIBRATION, about={"samples": 10, "clean_up": "none"})
    few = judged(Sampler((0, 4), learnt))
    assert few.uncertainty is not None
    assert not few.uncertainty.calibrated
    assert few.warnings == (
        "2 samples are too few for the model's calibration, which was learnt with 10: it is not used",
    )
    cleaned = replace(CALIBRATION, about={"samples": 2, "clean_up": "largest_component"})
    (said,) = judged(Sampler((0, 4), cleaned)).warnings
    assert said == (
        "the model's calibration was learnt with prediction.clean_up = largest_component, not none: it is not used"
    )
    mirrored = replace(CALIBRATION, about={"samples": 2, "flips": True, "passes": 1})
    (said,) = judged(Sampler((0, 4), mirrored)).warnings
    assert said == "the model's calibration was learnt with prediction.flips = True, not False: it is not used"
    twice = replace(CALIBRATION, about={"samples": 2, "flips": False, "passes": 2})
    (said,) = judged(Sampler((0, 4), twice)).warnings
    assert said == "the model's calibration was learnt with prediction.passes = 2, not 1: it is not used"
    (said,) = judged(
        Sampler(
            (0, 4), replace(CALIBRATION, about={"samples": 2}), Settings().override(["prediction.background_below=0.7"])
        )
    ).warnings
    assert said == "the model's calibration was learnt with prediction.background_below = None, not 0.7: it is not used"
    noisy = Settings().override(["prediction.sampling=true"])
    for about in ({"samples": 2}, {"samples": 2, "sampling": False}):
        (said,) = judged(Sampler((0, 4), replace(CALIBRATION, about=about), noisy)).warnings
        assert said == "the model's calibration was learnt with prediction.sampling = False, not True: it is not used"
    assert judged(Sampler((0, 4), replace(CALIBRATION, about={"samples": 2, "sampling": True}), noisy)).warnings == ()


def test_an_impossible_result_is_doubtful_however_well_its_samples_agree() -> None:
    found = judged(Sampler((0, 0), CALIBRATION), "the gland is in 2 pieces", "the gland measures 7.2 ml").uncertainty
    assert found is not None
    assert found.doubtful
    assert found.reason == "the gland is in 2 pieces; the gland measures 7.2 ml"


def test_samples_are_cleaned_up_as_the_result_is() -> None:
    asked = Settings().override(["prediction.clean_up=largest_component"])
    as_drawn, cleaned = (judged(Sampler((0, 0), settings=settings, stray=True)) for settings in (Settings(), asked))
    assert as_drawn.uncertainty is not None
    assert cleaned.uncertainty is not None
    assert as_drawn.uncertainty.agreement["GLAND"] < 1.0
    assert cleaned.uncertainty.agreement["GLAND"] == 1.0
