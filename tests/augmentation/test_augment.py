import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zonate.augmentation.augment import augment
from zonate.config import load_recipe
from zonate.settings.learning import AugmentationSettings
from zonate.zones import LabelCode

NAN = torch.nan
OFF = AugmentationSettings()
ALL = AugmentationSettings(
    chance=0.7,
    rotation_deg=30,
    scaling=0.3,
    stretching=0.2,
    shift_mm=6,
    elastic_mm=2,
    bias_field=0.3,
    gamma=0.5,
    contrast=0.3,
    brightness=0.4,
    noise=0.3,
    blur_mm=1.0,
    coarse_mm=2.0,
    gibbs=0.3,
    inversion_chance=0.3,
    narrow_field_mm=20,
    channel_dropout_chance=0.3,
)


def _batch(n_slices: int = 4, size: int = 32) -> tuple[Tensor, Tensor]:
    """Three-slice stacks with T2W and DWI, void around T2W, and labels."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(n_slices, 9, size, size, generator=generator)
    images[:, 2::3] = NAN
    images[:, :, :3] = NAN
    labels = torch.zeros(n_slices, size, size, dtype=torch.uint8)
    labels[:, 10:20, 8:16], labels[:, 12:18, 16:24] = LabelCode.PZ, LabelCode.CENTRAL_GLAND
    return images, labels


def _augmented(
    images: Tensor, labels: Tensor, given: AugmentationSettings, *, size_px: int = 24, seed: int | tuple[int, ...] = 0
) -> tuple[Tensor, Tensor]:
    return augment(images, labels, given, spacing_mm=1.0, size_px=size_px, seed=seed)


def test_with_everything_off_nothing_changes_but_void_becomes_zero() -> None:
    images, labels = _batch()
    shown, told = _augmented(images, labels, OFF, size_px=32)
    assert torch.equal(shown, images.nan_to_num())
    assert torch.equal(told, labels)


@pytest.mark.parametrize(("size_px", "first"), [(24, 4), (25, 3)])
def test_with_everything_off_a_patch_is_the_middle(size_px: int, first: int) -> None:
    images, labels = _batch()
    shown, told = _augmented(images, labels, OFF, size_px=size_px)
    middle = slice(first, first + size_px)
    assert torch.equal(shown, images.nan_to_num()[:, :, middle, middle])
    assert torch.equal(told, labels[:, middle, middle])


def test_a_patch_larger_than_the_slice_is_void_around_it() -> None:
    images, labels = _batch()
    shown, told = _augmented(images, labels, OFF, size_px=40)
    assert torch.equal(shown[:, :, 4:36, 4:36], images.nan_to_num())
    assert torch.equal(told[:, 4:36, 4:36], labels)
    assert shown[:, :, :4].abs().sum() == 0
    assert told[:, :, 36:].sum() == 0


def test_what_is_given_stays_as_it_was() -> None:
    images, labels = _batch()
    kept, kept_labels = images.clone(), labels.clone()
    for size_px in (24, 32, 40):
        _augmented(images, labels, ALL, size_px=size_px)
    assert torch.equal(images.nan_to_num(nan=99), kept.nan_to_num(nan=99))
    assert torch.equal(labels, kept_labels)


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), size_px=st.sampled_from([17, 32, 40]), only=st.sampled_from([1, 3, 5]))
def test_nothing_is_made_up(seed: int, size_px: int, only: int) -> None:
    images, labels = _batch()
    labels[labels == LabelCode.PZ] = only
    shown, told = _augmented(images, labels, ALL, size_px=size_px, seed=seed)
    assert shown.shape == (4, 9, size_px, size_px)
    assert shown.dtype == torch.float32
    assert torch.isfinite(shown).all()
    assert (shown[:, 2::3] == 0).all()  # ADC stays absent
    assert told.dtype == torch.uint8
    assert set(told.flatten().tolist()) <= {0, only, LabelCode.CENTRAL_GLAND, LabelCode.NOT_ANNOTATED}


def test_unmeasured_pixels_stay_so_whatever_intensities_do() -> None:
    images, labels = _batch()
    every = ALL.model_copy(
        update={"chance": 1.0, "rotation_deg": 0, "scaling": 0, "stretching": 0, "shift_mm": 0, "elastic_mm": 0}
    )
    shown, _ = _augmented(images, labels, every, size_px=32)
    assert (shown[:, :, :3] == 0).all()
    assert (shown[:, 0, 10:20, 10:20] != 0).all()


def test_what_nobody_annotated_is_background_where_no_t2w_of_the_slice_itself_was_measured() -> None:
    images, labels = _batch()
    labels[:, :8] = LabelCode.NOT_ANNOTATED
    images[0, 3, :5] = NAN  # of the first slice; its neighbours and DWI still have rows 3 and 4
    _, told = _augmented(images, labels, OFF, size_px=32)
    assert (told[0, :5] == LabelCode.BACKGROUND).all()
    assert (told[0, 5:8] == LabelCode.NOT_ANNOTATED).all()
    assert (told[1, :3] == LabelCode.BACKGROUND).all()
    assert (told[1, 3:8] == LabelCode.NOT_ANNOTATED).all()


def test_the_same_seed_gives_the_same_and_others_do_not() -> None:
    images, labels = _batch()
    first, again, other = (_augmented(images, labels, ALL, seed=seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_the_global_generator_is_left_alone() -> None:
    images, labels = _batch()
    before = torch.get_rng_state()
    _augmented(images, labels, ALL)
    assert torch.equal(torch.get_rng_state(), before)


def test_slices_of_a_batch_are_augmented_differently() -> None:
    images, labels = _batch()
    images, labels = images[:1].expand(4, -1, -1, -1), labels[:1].expand(4, -1, -1)
    shown, told = _augmented(images, labels, ALL.model_copy(update={"chance": 1.0}))
    assert len({slice_.numpy().tobytes() for slice_ in shown}) == 4
    assert len({label.numpy().tobytes() for label in told}) == 4


def test_neighbours_move_with_their_slice() -> None:
    images, labels = _batch()
    images = images[:, :3].repeat(1, 3, 1, 1)
    moving = ALL.model_copy(update={"noise": 0.0})
    shown, _ = _augmented(images, labels, moving)
    below, middle, above = shown.view(4, 3, 3, 24, 24).unbind(dim=1)
    assert torch.allclose(below, middle, atol=1e-5)
    assert torch.allclose(above, middle, atol=1e-5)


def test_switching_one_off_leaves_what_the_others_draw() -> None:
    images, labels = _batch()
    full, told = _augmented(images, labels, ALL)
    whole, told_whole = _augmented(images, labels, ALL.model_copy(update={"channel_dropout_chance": 0.0}))
    assert torch.equal(full[:, ::3], whole[:, ::3])
    assert torch.equal(told, told_whole)
    plain, _ = _augmented(images, labels, ALL.model_copy(update={"narrow_field_mm": None, "noise": 0.0}))
    noisy, _ = _augmented(images, labels, ALL.model_copy(update={"narrow_field_mm": None}))
    still, _ = _augmented(images, labels, ALL.model_copy(update={"narrow_field_mm": None, "noise": 0.0, "gibbs": 0.0}))
    assert (noisy - plain).std() > 0.01
    assert not torch.equal(still, plain)
    alone = OFF.model_copy(update={"chance": ALL.chance, "noise": ALL.noise})
    noise = _augmented(images, labels, alone)[0] - _augmented(images, labels, OFF)[0]
    visible = (plain != 0) & (noise != 0)
    assert torch.allclose((noisy - plain)[visible], noise[visible], atol=1e-5)


@pytest.mark.parametrize("n_channels", [1, 6, 4])
def test_other_channels_are_refused(n_channels: int) -> None:
    with pytest.raises(ValueError, match=rf"found \(2, {n_channels}, 8, 8\)"):
        _augmented(torch.zeros(2, n_channels, 8, 8), torch.zeros(2, 8, 8, dtype=torch.uint8), OFF)


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 9, 9\)"):
        _augmented(torch.zeros(2, 3, 8, 8), torch.zeros(2, 9, 9, dtype=torch.uint8), OFF)


def test_a_batch_of_t2w_alone_without_neighbours() -> None:
    images = torch.full((3, 3, 32, 32), NAN)
    images[:, 0] = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0))
    shown, _ = _augmented(images, torch.zeros(3, 32, 32, dtype=torch.uint8), ALL)
    assert (shown[:, 1:] == 0).all()
    assert (shown[:, 0].flatten(1).std(dim=1) > 0.1).all()


def test_the_recipe_that_ships_keeps_most_of_the_gland_in_sight() -> None:
    images, labels = _batch(n_slices=64)
    given = load_recipe("zonate").augmentation.model_copy(update={"shift_mm": 5.0, "narrow_field_mm": None})
    _, told = _augmented(images, labels, given, size_px=32)
    seen = (told != LabelCode.BACKGROUND).sum(dim=(1, 2)) / (labels != LabelCode.BACKGROUND).sum(dim=(1, 2))
    assert seen.min() > 0.3
    assert seen.mean().item() == pytest.approx(1.0, abs=0.25)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_another_device_gives_the_same_up_to_rounding() -> None:
    images, labels = _batch()
    shown, told = _augmented(images, labels, ALL)
    there, told_there = _augmented(images.cuda(), labels.cuda(), ALL)
    assert torch.allclose(shown, there.cpu(), atol=1e-3)
    assert (told == told_there.cpu()).float().mean() > 0.999


def test_a_share_of_a_batch_becomes_what_the_whole_batch_would_make_of_it() -> None:
    images, labels = _batch(5)
    settings = ALL.model_copy(update={"noise": 0.0})  # whose pixels each share draws anew
    whole = augment(images, labels, settings, spacing_mm=1.0, size_px=24, seed=(1, 2))
    shares = [
        augment(
            images[mine],
            labels[mine],
            settings,
            spacing_mm=1.0,
            size_px=24,
            seed=(1, 2),
            first=mine.start,
            batch_size=5,
        )
        for mine in (slice(0, 3), slice(3, 5))
    ]
    torch.testing.assert_close(torch.cat([shown for shown, _ in shares]), whole[0], rtol=1e-4, atol=1e-4)
    assert torch.equal(torch.cat([told for _, told in shares]), whole[1])
