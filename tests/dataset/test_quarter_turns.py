from collections import Counter

import numpy as np
import pytest

from zonate.dataset.quarter_turns import turn_and_flip
from zonate.settings.learning import AugmentationSettings

IMAGE = np.arange(3 * 4, dtype=np.float32).reshape(3, 2, 2)
LABELS = np.array([[0, 1], [2, 3]], dtype=np.uint8)
OFF = AugmentationSettings(rotate_90=False, flip_horizontal=False, flip_vertical=False)


def _seen(settings: AugmentationSettings, visits: int = 800) -> Counter[tuple[int, ...]]:
    drawn = (turn_and_flip(IMAGE, LABELS, settings, visit=(0, epoch, 0))[1] for epoch in range(visits))
    return Counter(tuple(labels.ravel().tolist()) for labels in drawn)


def test_with_everything_off_nothing_changes() -> None:
    assert _seen(OFF) == {(0, 1, 2, 3): 800}


def test_rotations_are_the_four_quarter_turns_equally_often() -> None:
    seen = _seen(OFF.model_copy(update={"rotate_90": True}))
    assert set(seen) == {(0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0), (2, 0, 3, 1)}
    assert all(count == pytest.approx(200, abs=50) for count in seen.values())


def test_each_flip_happens_at_every_second_visit() -> None:
    horizontal = _seen(OFF.model_copy(update={"flip_horizontal": True}))
    vertical = _seen(OFF.model_copy(update={"flip_vertical": True}))
    assert set(horizontal) == {(0, 1, 2, 3), (1, 0, 3, 2)}
    assert set(vertical) == {(0, 1, 2, 3), (2, 3, 0, 1)}
    assert horizontal[1, 0, 3, 2] == pytest.approx(400, abs=60)


def test_image_and_labels_move_together_and_no_value_is_made_up() -> None:
    image = np.stack([np.arange(36).reshape(6, 6)] * 3).astype(np.float32)
    image[1, 0, 0] = np.nan
    labels = np.arange(36, dtype=np.uint8).reshape(6, 6)
    for index in range(20):
        turned, turned_labels = turn_and_flip(image, labels, AugmentationSettings(), visit=(3, 1, index))
        assert np.array_equal(turned[0], turned_labels)
        assert np.isnan(turned).sum() == 1
        assert turned.flags.c_contiguous


def test_the_same_visit_gives_the_same_and_another_epoch_another() -> None:
    def labels_of(epoch: int) -> bytes:
        return turn_and_flip(IMAGE, LABELS, AugmentationSettings(), visit=(0, epoch, 5))[1].tobytes()

    first = [labels_of(epoch) for epoch in range(9)]
    assert first == [labels_of(epoch) for epoch in range(9)]
    assert len(set(first)) > 2
