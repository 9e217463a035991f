import numpy as np
import pytest
import SimpleITK as sitk

from tests.alignment.phantom import t2w_volume
from zonate.alignment.landmarks import measure_landmarks
from zonate.errors import ZonateError
from zonate.io.landmarks import LandmarkPairs

# About the phantom's middle, (5, -7, 20).
T2W_MM = np.array([[5.0, -7.0, 20.0], [15.0, -7.0, 20.0], [5.0, 3.0, 20.0]])
PAIRS = LandmarkPairs(
    ("utricle", "cyst", "nodule"), T2W_MM, T2W_MM + np.array([[3.0, 0, 0], [3.0, 4.0, 0], [4.0, 0, 0]])
)


def test_target_registration_errors_by_hand() -> None:
    errors = measure_landmarks(PAIRS, sitk.TranslationTransform(3, (3.0, 0.0, 0.0)), t2w_volume().grid)
    assert errors.error_mm == pytest.approx({"utricle": 0.0, "cyst": 4.0, "nodule": 1.0})
    assert errors.header_error_mm == pytest.approx({"utricle": 3.0, "cyst": 5.0, "nodule": 4.0})
    assert errors.mean_mm == pytest.approx(5 / 3)
    assert (errors.n, errors.median_mm, errors.max_mm) == (3, 1.0, 4.0)
    assert (errors.header_mean_mm, errors.header_median_mm, errors.header_max_mm) == (4.0, 4.0, 5.0)
    assert errors.to_json()["mean_mm"] == pytest.approx(5 / 3, abs=1e-3)


def test_landmarks_of_another_study_are_refused() -> None:
    away = LandmarkPairs(PAIRS.names, PAIRS.t2w_mm + 200.0, PAIRS.diffusion_mm)
    with pytest.raises(ZonateError, match=r"another study|coordinate system"):
        measure_landmarks(away, sitk.Transform(3, sitk.sitkIdentity), t2w_volume().grid)
