import numpy as np
import numpy.typing as npt
import pytest

from tests.verbs.standins import GRID, SHAPE, SLICING, StandInModel, gland, t2w
from zonate.case import Case
from zonate.geometry import Grid, Volume
from zonate.plausibility import absent_channels, disqualifying, implausibilities
from zonate.preprocessing.slices import Slices, slice_case
from zonate.window import Window
from zonate.zonemap import ZoneMap
from zonate.zones import LabelCode

ALL_CHANNELS = Case("c", t2w(), t2w(), t2w())


def found(labels: Volume, case: Case = ALL_CHANNELS) -> tuple[str, ...]:
    slices = slice_case(case, SLICING)
    return said(StandInModel(lambda _slices: labels).segment(slices), slices)


def said(zones: ZoneMap, slices: Slices) -> tuple[str, ...]:
    return tuple(one.text for one in implausibilities(zones, slices))


def fatal(zones: ZoneMap, slices: Slices) -> tuple[str, ...]:
    return disqualifying(implausibilities(zones, slices))


def doubts(labels: Volume) -> tuple[str, ...]:
    return on_larger_voxels(labels, doubtful=True)


def on_larger_voxels(
    labels: Volume, *, doubtful: bool = False, image: npt.NDArray[np.float32] | None = None
) -> tuple[str, ...]:
    """The gland of 7.2 ml as one of 28.8 ml."""
    affine = GRID.affine.copy()
    affine[:3, :3] *= 4 ** (1 / 3)
    grid = Grid(SHAPE, affine)
    t2w_volume = Volume(t2w().values if image is None else image, grid)
    slices = slice_case(
        Case("c", t2w_volume, t2w_volume, t2w_volume), SLICING.model_copy(update={"spacing_mm": 0.5 * 4 ** (1 / 3)})
    )
    zones = StandInModel(lambda _slices: labels).segment(slices)
    return fatal(zones, slices) if doubtful else said(zones, slices)


def test_a_gland_like_any_other_is_not_remarked_on() -> None:
    assert on_larger_voxels(gland()) == ()


def test_a_gland_of_seven_millilitres_is_too_small() -> None:
    assert found(gland()) == ("the gland measures 7.2 ml, outside the plausible 10 to 400 ml",)


def test_a_zone_that_was_hardly_found_is_said_and_is_no_doubt() -> None:
    """A voxel of 0.003 ml: 16 of them, and none."""
    values = gland().values.copy()
    values[(values == LabelCode.AFS) | (values == LabelCode.DPU)] = LabelCode.TZ
    values[3, 16:20, 20:24] = LabelCode.AFS
    assert on_larger_voxels(Volume(values, GRID)) == (
        "the distal prostatic urethra measures 0 ml, less than the plausible 0.1 ml: it was hardly found",
        "the anterior fibromuscular stroma measures 0.048 ml, less than the plausible 0.3 ml: it was hardly found",
    )
    assert doubts(Volume(values, GRID)) == ()


def test_a_zone_that_the_model_cannot_tell_is_not_missed() -> None:
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.CENTRAL_GLAND)
    slices = slice_case(ALL_CHANNELS, SLICING)
    values = np.where(gland().values > LabelCode.PZ, LabelCode.CENTRAL_GLAND, gland().values).astype(np.uint8)
    assert said(StandInModel(lambda _slices: Volume(values, GRID), codes).segment(slices), slices) == (
        "the gland measures 7.2 ml, outside the plausible 10 to 400 ml",
    )


def test_a_gland_in_the_last_slice_may_go_on() -> None:
    values = gland().values.copy()
    values[7, 24:48, 24:50] = LabelCode.TZ  # 624 of 1600 pixels
    assert on_larger_voxels(Volume(values, GRID)) == (
        "the gland reaches the first or the last slice: it may go on outside the volume",
    )


def test_a_field_of_view_that_cuts_the_gland() -> None:
    values = gland().values.copy()
    values[7] = values[6]
    text = (
        "the gland reaches the first or the last slice: it may go on outside the volume, since 100% of its largest "
        "section is there"
    )
    assert on_larger_voxels(Volume(values, GRID)) == (text,)
    assert doubts(Volume(values, GRID)) == (text,)


def test_a_gland_at_the_edge_of_the_square_may_be_cut() -> None:
    """The square of 64 pixels in a slice of 72 × 80 begins 4 rows and 8 columns in."""
    values = gland().values.copy()
    values[1:7, 16:56, 8:20] = LabelCode.PZ
    assert any("reaches the edge of the 51 mm square" in text for text in on_larger_voxels(Volume(values, GRID)))
    values[1:7, 16:56, 8] = LabelCode.BACKGROUND
    assert on_larger_voxels(Volume(values, GRID)) == ()


@pytest.mark.parametrize(("column", "cut"), [(10, True), (9, False)])
def test_a_gland_at_the_border_of_what_the_second_pass_saw_may_be_cut(column: int, cut: bool) -> None:
    """In the slices the gland lies in the rows 12 to 51 and the columns 12 to 51; a voxel is 0.79 mm wide there."""
    affine = GRID.affine.copy()
    affine[:3, :3] *= 4 ** (1 / 3)
    image = Volume(t2w().values, Grid(SHAPE, affine))
    slices = slice_case(Case("c", image), SLICING.model_copy(update={"spacing_mm": 0.5 * 4 ** (1 / 3)}))
    zones = StandInModel(lambda _slices: gland()).segment(slices)
    found = implausibilities(zones, slices, Window(row=8, column=column + 1, size_px=50))
    text = "the gland reaches the border of the 40 mm square that the second pass saw: it may be cut off"
    assert [(one.text, one.disqualifies) for one in found] == ([(text, True)] if cut else [])


def test_a_stray_piece_at_the_border_of_what_the_second_pass_saw_is_no_cut_gland() -> None:
    stray = gland().values.copy()
    stray[3, 5, 9] = LabelCode.TZ  # in the slices: row 1, column 1
    slices = slice_case(ALL_CHANNELS, SLICING)
    zones = StandInModel(lambda _slices: Volume(stray, GRID)).segment(slices)
    found = implausibilities(zones, slices, Window(row=1, column=1, size_px=60))
    assert not any("second pass" in one.text for one in found)


def test_a_gland_at_the_edge_of_the_field_of_view_may_be_cut() -> None:
    """The scanner fills what lies beyond its field of view with zeros, in every slice; gas is black in some."""
    image = t2w().values.copy()
    image[2:4, 30:40, 30:40] = 0.0
    assert doubts_of_large_gland(image) == ()
    image[:, :, :40] = 0.0
    assert doubts_of_large_gland(image) == (
        "the gland reaches where the T2W shows nothing: its field of view may cut the gland",
    )
    image[:, :, :40] = np.nan
    assert len(doubts_of_large_gland(image)) == 1


def doubts_of_large_gland(image: npt.NDArray[np.float32]) -> tuple[str, ...]:
    return on_larger_voxels(gland(), doubtful=True, image=image)


def test_a_gland_in_pieces() -> None:
    values = gland().values.copy()
    values[1:7, 6:12, 20:60] = LabelCode.TZ  # 240 pixels a slice beside 1600
    assert on_larger_voxels(Volume(values, GRID)) == (
        "the gland is in 2 pieces, and 13.0% of it lies apart from the largest",
    )


def test_nothing_found() -> None:
    empty = Volume(np.zeros(SHAPE, dtype=np.uint8), GRID)
    assert found(empty) == ("no prostate was found: every voxel is background",)


def test_an_absent_channel_that_the_model_looks_at() -> None:
    slices = slice_case(Case("c", t2w(), t2w()), SLICING)
    (text,) = absent_channels(slices, (True, True, True))
    assert text.startswith("ADC is absent")
    assert absent_channels(slices, (True, True, False)) == []


def test_the_gland_of_a_model_that_cannot_tell_it_has_no_size() -> None:
    """Of labels with PZ and TZ alone nobody knows the stroma and the urethra: what is drawn is not the gland."""
    codes = (LabelCode.BACKGROUND, LabelCode.PZ, LabelCode.TZ)
    small = Volume(np.where(np.isin(gland().values, codes), gland().values, LabelCode.BACKGROUND), GRID)
    slices = slice_case(ALL_CHANNELS, SLICING)
    assert said(StandInModel(lambda _slices: small, codes).segment(slices), slices) == ()
    assert small.grid.voxel_volume_ml * np.count_nonzero(small.values) == pytest.approx(6.408)  # less than 10 ml


def test_parts_that_touch_at_a_corner_are_one_piece() -> None:
    values = gland().values.copy()
    values[1:7, 16:36, 20:40] = values[1:7, 36:56, 40:60] = LabelCode.BACKGROUND
    assert not any("pieces" in text for text in on_larger_voxels(Volume(values, GRID)))
    values[1:7, 34:36, 40:60] = LabelCode.BACKGROUND
    assert any("2 pieces" in text for text in on_larger_voxels(Volume(values, GRID)))


def test_stray_voxels_are_said_and_a_torn_gland_is_doubtful() -> None:
    stray, torn = gland().values.copy(), gland().values.copy()
    stray[1:7, 6:12, 20:60] = LabelCode.TZ  # 240 pixels a slice beside 1600
    torn[1:7, 34:38] = LabelCode.BACKGROUND  # 720 pixels a slice before it, 720 behind
    assert doubts(Volume(stray, GRID)) == ()
    assert doubts(Volume(torn, GRID)) == ("the gland is in 2 pieces, and 50.0% of it lies apart from the largest",)


def test_a_peripheral_zone_in_front_is_impossible() -> None:
    """20 and 18 rows of 0.794 mm."""
    flipped = Volume(np.ascontiguousarray(gland().values[:, ::-1]), GRID)
    assert doubts(flipped) == (
        "the peripheral zone lies 15.9 mm in front of the central gland, where no patient has it",
        "the anterior fibromuscular stroma is centred 14.3 mm on the wrong side of the gland's centre, not in front of "
        "it",
    )


def test_a_peripheral_zone_at_the_level_of_the_central_gland_is_odd() -> None:
    values = np.zeros(SHAPE, dtype=np.uint8)
    values[1:7, 16:56, 20:60] = LabelCode.TZ
    values[1:7, 17:57, 20:28] = LabelCode.PZ  # beside it, half a millimetre further back
    assert on_larger_voxels(Volume(values, GRID))[0].startswith("the peripheral zone lies only 0.")
    assert doubts(Volume(values, GRID)) == ()


def test_half_a_gland_is_narrower_than_deep() -> None:
    """20 of 40 columns: 0.50 times as wide as deep."""
    half = gland().values.copy()
    half[:, :, 20:40] = LabelCode.BACKGROUND
    assert on_larger_voxels(Volume(half, GRID)) == (
        "the gland is only 0.50 times as wide as it is deep: half of it may be missing, and right and left in the "
        "sector table are not to be trusted",
    )
    assert doubts(Volume(half, GRID)) == ()


def test_half_a_gland_of_a_model_without_sectors_says_nothing_of_them() -> None:
    half = (gland().values > 0).astype(np.uint8) * np.uint8(LabelCode.WHOLE_GLAND)
    half[:, :, 20:40] = LabelCode.BACKGROUND
    codes = (LabelCode.BACKGROUND, LabelCode.WHOLE_GLAND)
    slices = slice_case(ALL_CHANNELS, SLICING)
    assert said(StandInModel(lambda _slices: Volume(half, GRID), codes).segment(slices), slices)[-1] == (
        "the gland is only 0.50 times as wide as it is deep: half of it may be missing"
    )


@pytest.mark.parametrize(("columns", "side"), [(slice(20, 40), "left"), (slice(40, 60), "right")])
def test_a_peripheral_zone_on_one_side_alone(columns: slice, side: str) -> None:
    values = gland().values.copy()
    values[:, 40:56, columns][values[:, 40:56, columns] == LabelCode.PZ] = LabelCode.TZ
    text = (
        f"100% of the peripheral zone lies on the {side} of the gland's midline: a side of it may be missing, and "
        "right and left in the sector table are not to be trusted"
    )
    assert on_larger_voxels(Volume(values, GRID)) == (text,)
    assert doubts(Volume(values, GRID)) == ()


def test_more_peripheral_zone_at_the_base_than_at_the_apex_is_odd() -> None:
    values = gland().values.copy()
    values[1:3] = np.where(values[1:3] == LabelCode.PZ, LabelCode.TZ, values[1:3])
    assert on_larger_voxels(Volume(values, GRID)) == (
        "the peripheral zone makes up 40% of the gland's upper third and 0% of its lower, which is the wrong way round",
    )


def test_a_few_stray_voxels_of_a_small_zone_do_not_make_a_gland_doubtful() -> None:
    values = gland().values.copy()
    values[values == LabelCode.DPU] = LabelCode.TZ
    values[6, 36:40, 38:42] = LabelCode.DPU  # 16 voxels in the highest slice
    centred, small = on_larger_voxels(Volume(values, GRID))
    assert small.startswith("the distal prostatic urethra measures 0.048 ml")
    assert centred.startswith("the distal prostatic urethra is centred")
    assert doubts(Volume(values, GRID)) == ()
    values[5:7, 36:40, 30:50] = LabelCode.DPU
    values[5:7, 20:36, 30:50] = LabelCode.DPU  # 8 % of the gland
    assert doubts(Volume(values, GRID))[0].startswith("the distal prostatic urethra is centred")


def test_a_gland_far_from_the_middle() -> None:
    shape = (8, 72, 300)
    values = np.zeros(shape, dtype=np.uint8)
    values[:, :, :80] = gland().values
    labels = Volume(values, Grid(shape, GRID.affine))
    slices = slice_case(Case("c", Volume(np.ones(shape, dtype=np.float32), labels.grid)), SLICING)
    found = fatal(StandInModel(lambda _slices: labels).segment(slices), slices)
    assert found[-1] == "the gland is centred 55 mm from the middle of the image"
