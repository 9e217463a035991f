import pytest
import torch

from tests.augmentation.images import planes_of
from zonate.augmentation.planes import Planes

NAN = torch.nan


def test_absent_channels_have_no_plane_and_come_back_as_zero() -> None:
    images = torch.full((2, 3, 4, 4), NAN)
    images[0, 0], images[1, 0], images[1, 2] = 1.0, 2.0, 3.0
    planes = Planes.of_images(images)
    assert planes.slices.tolist() == [0, 1, 1]
    assert planes.channels.tolist() == [0, 0, 2]
    assert torch.equal(planes.images(), images.nan_to_num())


def test_a_single_measured_pixel_makes_a_plane() -> None:
    image = torch.full((20, 20), NAN)
    image[7, 13] = 5.0
    planes = planes_of(image)
    assert planes.channels.tolist() == [0]
    assert planes.measured.sum() == 1
    assert torch.equal(planes.images()[0, 0], image.nan_to_num())


def test_beyond_the_measured_rows_and_columns_the_outermost_values_go_on() -> None:
    planes = planes_of(
        torch.tensor([[NAN, NAN, NAN, NAN], [NAN, 1.0, 2.0, NAN], [NAN, NAN, 4.0, NAN], [NAN, NAN, NAN, NAN]])
    )
    assert planes.values[0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [0, 0, 4, 4], [0, 0, 4, 4]]
    assert planes.measured[0].sum() == 3


def test_a_batch_without_anything() -> None:
    planes = Planes.of_images(torch.full((2, 3, 4, 4), NAN))
    assert len(planes.values) == 0
    assert torch.equal(planes.images(), torch.zeros(2, 3, 4, 4))


def test_figures_are_those_of_a_sequence_with_its_neighbours() -> None:
    images = torch.full((1, 9, 1, 2), NAN)
    images[0, 0], images[0, 3], images[0, 6] = (torch.tensor([[a, a + 2.0]]) for a in (0.0, 2.0, 4.0))  # T2W
    images[0, 4] = torch.tensor([[-1.0, -3.0]])  # DWI of the slice itself alone
    planes = Planes.of_images(images)
    assert planes.lowest().flatten().tolist() == [0, 0, -3, 0]
    assert planes.highest().flatten().tolist() == [6, 6, -1, 6]
    assert planes.mean().flatten().tolist() == [3, 3, -2, 3]
    assert planes.std().flatten().tolist() == pytest.approx([(11 / 3) ** 0.5, (11 / 3) ** 0.5, 1, (11 / 3) ** 0.5])


def test_draws_of_slices_and_sequences_reach_their_planes() -> None:
    images = torch.zeros(2, 9, 2, 2)
    images[0, 1::3] = NAN  # no DWI in the first slice
    planes = Planes.of_images(images)
    assert planes.of_slice(torch.tensor([5, 6])).tolist() == [5] * 6 + [6] * 9
    assert planes.of_sequence(torch.tensor([[1, 2, 3], [4, 5, 6]])).tolist() == [1, 3] * 3 + [4, 5, 6] * 3
