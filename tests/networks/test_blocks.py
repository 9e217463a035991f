import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zonate.networks.blocks import n_image_channels, norm, norm_groups
from zonate.settings.learning import NetworkSettings


def test_a_slice_and_each_neighbour_have_three_channels() -> None:
    assert [n_image_channels(NetworkSettings(neighbours=n)) for n in range(4)] == [3, 9, 15, 21]


def test_norms_start_as_identity_on_what_is_normalised() -> None:
    values = torch.tensor([-1.0, 1.0]).view(1, 1, 1, 2).expand(2, 4, 3, 2).contiguous()
    for settings in (NetworkSettings(normalisation="group"), NetworkSettings(normalisation="instance")):
        layer = norm(4, settings)
        torch.testing.assert_close(layer(values), values, rtol=0, atol=1e-4)
        assert sum(parameter.numel() for parameter in layer.parameters()) == 8  # a gain and an offset a channel
    batch = norm(4, NetworkSettings())
    assert isinstance(batch, nn.BatchNorm2d)
    torch.testing.assert_close(batch(values), values / 1.001**0.5)  # Keras's epsilon


@given(st.integers(1, 512))
def test_groups_divide_the_channels_and_are_eight_at_most(channels: int) -> None:
    groups = norm_groups(channels)
    assert 1 <= groups <= 8
    assert channels % groups == 0


@pytest.mark.parametrize(("channels", "groups"), [(16, 8), (12, 4), (6, 2), (5, 1)])
def test_groups_of_some_widths(channels: int, groups: int) -> None:
    assert norm_groups(channels) == groups
