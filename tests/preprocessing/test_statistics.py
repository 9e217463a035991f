import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zonate.preprocessing.statistics import (
    NO_PIXELS,
    Moments,
    Statistics,
    moments_of,
    normalise,
    normalise_known,
    of_images,
    pooled,
    region,
    scaled,
)

NAN = np.nan


def image(t2w: list[float], dwi: list[float], adc: list[float]) -> np.ndarray:
    return np.array([[t2w], [dwi], [adc]], dtype=np.float32)  # (C, 1, W)


def test_the_pixels_of_all_images_are_pooled_not_the_images() -> None:
    statistics = of_images([image([1, 1, 1, 1], [0, 2, 0, 2], [5, 5, 5, 5]), image([6], [NAN], [5])])
    assert statistics.mean == (2.0, 1.0, 5.0)  # (4·1 + 6) / 5
    assert statistics.std == (2.0, 1.0, 1.0)  # √((4·1² + 4²) / 5); a constant channel has nothing to scale by


def test_what_was_not_measured_is_left_out() -> None:
    statistics = of_images([image([1, NAN, 3], [NAN, NAN, NAN], [NAN, 4, NAN])])
    assert statistics == Statistics((2.0, 0.0, 4.0), (1.0, 1.0, 1.0))


def test_no_images_give_mean_0_and_deviation_1() -> None:
    assert of_images([]) == Statistics((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert pooled([NO_PIXELS, NO_PIXELS]) == NO_PIXELS


def test_any_leading_axes_are_pooled() -> None:
    stack = np.zeros((2, 4, 3, 1, 1), dtype=np.float32)
    stack[1, :, 0] = 2.0
    assert of_images([stack]).mean == (1.0, 0.0, 0.0)
    assert of_images(iter(stack)) == of_images([stack])


def test_the_spread_survives_a_large_mean() -> None:
    far = 16_777_000.0  # float32 would lose the spread in squares of this
    parts = [image([far], [0], [0]), image([far + 2], [0], [0])]
    assert of_images(parts).std[0] == 1.0
    assert of_images(parts).mean[0] == far + 1


@given(arrays(np.float32, (6, 3, 2, 3), elements=st.floats(-1000, 1000, width=32) | st.just(NAN)), st.integers(1, 5))
def test_pooling_parts_equals_the_whole(images: np.ndarray, cut: int) -> None:
    parts, whole = of_images([images[:cut], images[cut:]]), of_images([images])
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(parts.std, whole.std, rtol=1e-4, atol=1e-4)
    for channel in range(3):
        values = images[:, channel].astype(np.float64)
        measured = values[np.isfinite(values)]
        if measured.size and measured.std() > 1e-3:
            assert whole.mean[channel] == pytest.approx(measured.mean(), abs=1e-6)
            assert whole.std[channel] == pytest.approx(measured.std())


def test_normalising_gives_mean_0_and_what_was_not_measured_becomes_it() -> None:
    statistics = Statistics((2.0, 0.0, 1000.0), (4.0, 1.0, 500.0))
    normalised = normalise(image([6, NAN], [NAN, NAN], [500, 1000]), statistics)
    assert normalised.dtype == np.float32
    assert normalised.tolist() == [[[1.0, 0.0]], [[0.0, 0.0]], [[-1.0, 0.0]]]
    batch = normalise(np.stack([image([6], [0], [0])] * 2), statistics)
    assert batch.shape == (2, 3, 1, 1)


def test_normalising_leaves_its_input_alone() -> None:
    raw = image([6, NAN], [1, 1], [1, 1])
    normalise(raw, Statistics((2.0, 0.0, 0.0), (4.0, 1.0, 1.0)))
    assert np.isnan(raw[0, 0, 1])
    assert raw[0, 0, 0] == 6


def test_they_become_json_and_back() -> None:
    moments = moments_of(image([1, 2], [NAN, NAN], [0.1, 0.2]))
    assert Moments.from_json(moments.to_json()) == moments
    assert moments.to_json()["count"] == [2, 0, 2]
    assert Statistics.from_json(moments.statistics.to_json()) == moments.statistics


def test_the_region_is_50_mm_about_the_middle() -> None:
    images = np.arange(300 * 200, dtype=np.float32).reshape(1, 300, 200)
    cut = region(images, spacing_mm=0.5)  # 100 px to either side
    assert cut.shape == (1, 200, 200)
    assert cut[0, 0, 0] == images[0, 50, 0]
    assert region(images, spacing_mm=5.0).shape == (1, 20, 20)


def test_scaling_keeps_what_was_not_measured_apart() -> None:
    values = scaled(image([1.0, np.nan], [0.0, 0.0], [0.0, 0.0]), Statistics((3.0, 0.0, 0.0), (2.0, 1.0, 1.0)))
    assert values[0].ravel()[0] == -1.0
    assert np.isnan(values[0].ravel()[1])


def test_a_channel_that_training_never_saw_becomes_zero() -> None:
    images = np.array([3.0, 900.0, 1200.0], dtype=np.float32).reshape(3, 1, 1)
    statistics = Statistics((1.0, 0.0, 0.0), (2.0, 1.0, 1.0))
    assert normalise_known(images, statistics, (True, False, False)).ravel().tolist() == [1.0, 0.0, 0.0]
