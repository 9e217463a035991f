import math

import numpy as np
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import acquisition, rigid
from zonate.alignment.quality import Calibration, Evidence, Judge, calibration, estimated_error_mm
from zonate.geometry import Volume

REGION_MM = 60.0
HERE = sitk.Transform(3, sitk.sitkIdentity)


def evidence_after(shift_mm: tuple[float, float, float]) -> Evidence:
    """Of the phantom when its DWI is moved on by a shift from where it is right."""
    pair = acquisition()
    assert pair.lowest_b is not None
    found = Judge(pair.t2w, REGION_MM).evidence(pair.lowest_b, sitk.TranslationTransform(3, shift_mm))
    assert found is not None
    return found


@pytest.mark.parametrize("shift_mm", [(0.0, 0.0, 0.0), (4.0, 0.0, 0.0), (-3.0, 4.0, 0.0), (0.0, 1.0, 0.0)])
def test_the_evidence_is_the_length_of_the_shift(shift_mm: tuple[float, float, float]) -> None:
    found = evidence_after(shift_mm)
    assert found.shift_mm == pytest.approx(math.hypot(*shift_mm), abs=0.5)
    assert found.part_shift_mm == pytest.approx(math.hypot(*shift_mm), abs=0.6)


def test_the_estimate_grows_as_the_dwi_is_moved_away() -> None:
    estimates = [estimated_error_mm(evidence_after((mm, 0.0, 0.0))) for mm in (0.0, 1.0, 2.0, 3.0, 5.0, 8.0)]
    assert estimates == sorted(estimates)
    assert estimates[0] < 0.6
    assert estimates[4] > 3.0


def test_a_local_error_is_seen_by_the_parts() -> None:
    """Half of the phantom is moved: the whole region may find its place good, its parts do not."""
    pair = acquisition()
    assert pair.lowest_b is not None
    field = np.zeros((*pair.t2w.grid.shape, 3))
    field[:, :, 32:, 0] = 5.0
    image = sitk.GetImageFromArray(field, isVector=True)
    grid = pair.t2w.grid
    image.SetOrigin(grid.affine[:3, 3].tolist())
    image.SetSpacing(grid.spacing_mm[::-1])
    image.SetDirection(grid.direction[:, ::-1].flatten().tolist())
    found = Judge(pair.t2w, REGION_MM).evidence(pair.lowest_b, sitk.DisplacementFieldTransform(image))
    assert found is not None
    assert found.part_shift_mm > 1.5
    assert estimated_error_mm(found) > estimated_error_mm(evidence_after((0.0, 0.0, 0.0))) + 0.5


def test_the_estimate_by_hand() -> None:
    evidence = Evidence(2.0, 3.0, distinctness=-0.01, edge_agreement=0.75, overlap_fraction=1.0)
    model = Calibration(
        0.1, {"shift_mm": 0.5, "part_shift_mm": 0.2, "indistinctness": 10.0, "edge_disagreement": 2.0}, 1.0
    )
    assert estimated_error_mm(evidence, model) == pytest.approx(0.1 + 1.0 + 0.6 + 0.1 + 0.5)
    assert estimated_error_mm(None, model) == math.inf


def test_the_calibration_that_ships_cannot_reward_what_is_worse() -> None:
    found = calibration()
    assert all(weight > 0 for weight in found.weights.values())
    assert found.weights.keys() >= {"shift_mm", "part_shift_mm"}
    assert 1.0 < found.good_below_mm < 3.0


def test_images_without_content_or_common_voxels_are_no_evidence() -> None:
    pair = acquisition()
    assert pair.lowest_b is not None
    flat = pair.lowest_b.with_values(np.ones_like(pair.lowest_b.values))
    assert Judge(pair.t2w, REGION_MM).evidence(flat, HERE) is None
    assert Judge(pair.t2w, REGION_MM).evidence(pair.lowest_b, sitk.TranslationTransform(3, (500.0, 0, 0))) is None
    blank = pair.t2w.with_values(np.zeros_like(pair.t2w.values))
    assert Judge(blank, REGION_MM).evidence(pair.lowest_b, HERE) is None
    empty = pair.lowest_b.with_values(np.full_like(pair.lowest_b.values, np.nan))
    assert Judge(pair.t2w, REGION_MM).evidence(empty, HERE) is None


def test_noise_is_not_called_good() -> None:
    pair = acquisition()
    assert pair.lowest_b is not None
    judge = Judge(pair.t2w, REGION_MM)
    for seed in range(5):
        noise = np.random.default_rng(seed).random(pair.lowest_b.values.shape, np.float32)
        found = judge.evidence(Volume(noise, pair.lowest_b.grid), HERE)
        assert estimated_error_mm(found) > calibration().good_below_mm


def test_the_same_bits_each_time_and_symmetric_in_sign() -> None:
    assert evidence_after((2.0, 1.0, 0.0)) == evidence_after((2.0, 1.0, 0.0))
    turned = acquisition(rigid(5.0, (0.0, 0.0, 0.0)))
    assert turned.lowest_b is not None
    judge = Judge(turned.t2w, REGION_MM)
    right, wrong = (
        estimated_error_mm(judge.evidence(turned.lowest_b, transform)) for transform in (rigid(5.0, (0, 0, 0)), HERE)
    )
    assert right < 0.7 < wrong
