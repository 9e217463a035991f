import pytest
import torch

from tests.augmentation.images import planes_of
from zonate.augmentation.draws import Draws
from zonate.augmentation.field_of_view import Field, draw_field, draw_taken, narrow_field, take_away
from zonate.augmentation.planes import Planes
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode

NOT_ANNOTATED = LabelCode.NOT_ANNOTATED


def _field(side_mm: tuple[float, float], middle_mm: tuple[float, float] = (0, 0), *, dark: bool) -> Field:
    return Field(
        torch.tensor([side_mm], dtype=torch.float32),
        torch.tensor([middle_mm], dtype=torch.float32),
        torch.tensor([dark]),
    )


def test_beyond_a_field_nothing_is_measured_and_the_gland_is_not_annotated() -> None:
    planes = planes_of(torch.ones(4, 4))
    labels = torch.tensor([[[0, 1, 6, 255], [2, 2, 2, 2], [0, 1, 3, 4], [5, 0, 0, 0]]], dtype=torch.uint8)
    narrowed = narrow_field(planes, labels, _field((1.0, 2.0), dark=False), spacing_mm=0.5)  # 2 × 4 px
    assert planes.images()[0, 0].tolist() == [[0] * 4, [1] * 4, [1] * 4, [0] * 4]
    assert narrowed[0].tolist() == [[0, 255, 255, 255], [2, 2, 2, 2], [0, 1, 3, 4], [255, 0, 0, 0]]


def test_a_dark_void_shows_the_lowest_value_where_something_was_measured() -> None:
    image = torch.tensor([[-3.0, 1.0, 2.0, torch.nan]] * 4)
    planes = planes_of(image)
    narrow_field(planes, torch.zeros(1, 4, 4, dtype=torch.uint8), _field((2.0, 1.0), dark=True), spacing_mm=0.5)
    assert planes.images()[0, 0].tolist() == [[-3, 1, 2, 0]] * 4
    narrow_field(planes, torch.zeros(1, 4, 4, dtype=torch.uint8), _field((1.0, 2.0), dark=True), spacing_mm=0.5)
    assert planes.images()[0, 0].tolist() == [[-3, -3, -3, 0], [-3, 1, 2, 0], [-3, 1, 2, 0], [-3, -3, -3, 0]]


def test_a_field_lies_about_its_middle() -> None:
    planes = planes_of(torch.ones(4, 4))
    field = _field((1.0, 1.0), (-0.5, 0.5), dark=False)  # one pixel up, one to the right
    narrow_field(planes, torch.zeros(1, 4, 4, dtype=torch.uint8), field, spacing_mm=0.5)
    assert planes.images()[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [0] * 4, [0] * 4]


def test_fields_are_squares_or_rectangles_between_the_narrowest_and_the_slice() -> None:
    shift_mm = torch.full((1000, 2), 5.0)
    settings = AugmentationSettings(chance=0.5, narrow_field_mm=100.0)
    field = draw_field(Draws(0, 1000), settings, slice_mm=(200.0, 160.0), shift_mm=shift_mm)
    narrowed = field.side_mm.isfinite().all(dim=1)
    assert narrowed.float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert torch.equal(field.middle_mm[~narrowed], shift_mm[~narrowed])
    height, width = field.side_mm[narrowed].unbind(dim=1)
    assert 100 <= height.min() < 102
    assert 198 < height.max() <= 200
    assert 158 < width.max() <= 160
    off = (field.middle_mm - 5)[narrowed].abs() / field.side_mm[narrowed]
    assert 0.095 < off.max() <= 0.1001
    assert field.dark.float().mean().item() == pytest.approx(0.5, abs=0.05)
    square = (height - 100) / 100 - (width - 100) / 60
    assert (square.abs() < 1e-5).float().mean().item() == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("narrow_field_mm", [None, 250.0])
def test_no_field_is_narrowed_where_none_is_asked_for_or_the_slice_is_narrower(narrow_field_mm: float | None) -> None:
    settings = AugmentationSettings(chance=1.0, narrow_field_mm=narrow_field_mm)
    field = draw_field(Draws(0, 50), settings, slice_mm=(200.0, 200.0), shift_mm=torch.zeros(50, 2))
    assert field.side_mm.isinf().all()
    assert (field.middle_mm == 0).all()
    labels = torch.ones(50, 4, 4, dtype=torch.uint8)
    planes = Planes.of_images(torch.ones(50, 3, 4, 4))
    assert torch.equal(narrow_field(planes, labels, field, spacing_mm=50.0), labels)
    assert planes.measured.all()


def test_dwi_adc_or_both_are_taken_away_as_often_and_never_t2w() -> None:
    taken = draw_taken(Draws(0, 3000), AugmentationSettings(channel_dropout_chance=0.6))
    assert not taken[:, 0].any()
    kinds = {(dwi, adc): 0 for dwi in (False, True) for adc in (False, True)}
    for _, dwi, adc in taken.tolist():
        kinds[dwi, adc] += 1
    assert kinds[False, False] == pytest.approx(1200, abs=100)
    assert [kinds[True, False], kinds[True, True], kinds[False, True]] == pytest.approx([600] * 3, abs=80)


def test_what_is_taken_away_is_gone_in_the_neighbours_too() -> None:
    planes = Planes.of_images(torch.ones(2, 9, 2, 2))
    take_away(planes, torch.tensor([[False, False, True], [False, False, False]]))
    assert planes.images()[0, :, 0, 0].tolist() == [1, 1, 0] * 3
    assert planes.images()[1, :, 0, 0].tolist() == [1] * 9
