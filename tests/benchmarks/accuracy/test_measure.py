from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy.measure import measure_case
from tests.verbs.standins import SLICING, StandInDataset, StandInModel, entry, gland, t2w
from zonate.case import Case
from zonate.geometry import Volume
from zonate.preprocessing.slices import Slices, slice_case
from zonate.zones import LabelCode


class WithDiffusion(StandInDataset):
    """Its cases have all three channels."""

    def slices(self, case_id: str) -> Slices:
        return slice_case(Case(case_id, t2w(), dwi=t2w(), adc=t2w()), SLICING)


DATASET: Any = WithDiffusion({"a": gland()}, (entry("a"),))
(ENTRY,) = DATASET.entries


def torn() -> Volume:
    """The right answer, and a piece of 1 × 4 × 4 voxels of PZ apart from it."""
    values = gland().values.copy()
    values[0, 2:6, 2:6] = LabelCode.PZ
    return gland().with_values(values)


def test_a_result_is_cleaned_up_before_it_is_measured() -> None:
    model = StandInModel(lambda _: torn())
    cleaned = measure_case(model.segment, DATASET, ENTRY, "largest_component")
    assert [score.structure for score in cleaned.scores] == ["PZ", "CENTRAL_GLAND", "GLAND"]
    assert [score.metrics.dice for score in cleaned.scores] == [1.0, 1.0, 1.0]
    as_it_was = {
        score.structure: score.metrics.dice for score in measure_case(model.segment, DATASET, ENTRY, "none").scores
    }
    pz = 6 * 16 * 40
    assert as_it_was["PZ"] == pytest.approx(2 * pz / (2 * pz + 16))
    assert as_it_was["CENTRAL_GLAND"] == 1.0


def test_dwi_and_adc_can_be_taken_away() -> None:
    shown: list[Slices] = []

    def answer(slices: Slices) -> Volume:
        shown.append(slices)
        return gland()

    for alone in (False, True):
        measure_case(StandInModel(answer).segment, DATASET, ENTRY, "none", t2w_alone=alone)
    whole, t2w_alone = (slices.images for slices in shown)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(t2w_alone[:, 0], whole[:, 0])
    assert np.isnan(t2w_alone[:, 1:]).all()
