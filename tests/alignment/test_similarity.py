import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zonate.alignment.similarity import normalised_mutual_information


def test_identical_images_give_two() -> None:
    image = np.arange(64, dtype=np.float32)
    assert normalised_mutual_information(image, image) == pytest.approx(2.0)


def test_an_image_and_its_negative_give_two() -> None:
    image = np.array([0, 1, 0, 1], dtype=np.float32)
    assert normalised_mutual_information(image, -image, bins=2) == pytest.approx(2.0)


def test_independent_images_give_one() -> None:
    a = np.array([0, 0, 1, 1], dtype=np.float32)
    b = np.array([0, 1, 0, 1], dtype=np.float32)
    assert normalised_mutual_information(a, b, bins=2) == pytest.approx(1.0)


def test_a_value_worked_out_by_hand() -> None:
    # Joint counts [[2, 0], [1, 1]] / 4: H(A) = ln 2, H(B) = -(3/4 ln 3/4 + 1/4 ln 1/4), H(A, B) = 3/2 ln 2.
    a = np.array([0, 0, 1, 1], dtype=np.float32)
    b = np.array([0, 0, 0, 1], dtype=np.float32)
    by_hand = (0.693147 + 0.562335) / 1.039721
    assert normalised_mutual_information(a, b, bins=2) == pytest.approx(by_hand, abs=1e-5)


def test_what_tells_nothing_gives_one() -> None:
    image, constant = np.arange(8, dtype=np.float32), np.full(8, 3, dtype=np.float32)
    assert normalised_mutual_information(image, constant) == pytest.approx(1.0)
    assert normalised_mutual_information(constant, constant) == 1.0
    assert normalised_mutual_information(image[:0], image[:0]) == 1.0


def test_voxels_that_are_nan_in_either_do_not_count() -> None:
    a = np.array([0, 1, np.nan, 5, 0, 1], dtype=np.float32)
    b = np.array([0, 1, 7, np.nan, 0, 1], dtype=np.float32)
    assert normalised_mutual_information(a, b, bins=2) == pytest.approx(2.0)


@given(st.integers(0, 2**32 - 1))
def test_it_lies_between_one_and_two_and_is_symmetric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 200)).astype(np.float32)
    figure = normalised_mutual_information(a, b, bins=8)
    assert 1.0 <= figure <= 2.0
    assert normalised_mutual_information(b, a, bins=8) == pytest.approx(figure)
